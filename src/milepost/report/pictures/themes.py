"""How pictures look: light, dark, for a paper, and in a page, whose style sheet decides.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind people tell apart; light and
dark begin with those that stand out there.
"""

from typing import Any, Literal

Theme = Literal["light", "dark", "paper"]

LIGHT = {
    "ink": "#1a1a1a",
    "dim": "#5f6368",
    "line": "#d5d7da",
    "ground": "#ffffff",
    "warn": "#d55e00",
    "colours": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1a1a1a"],
}
DARK = {
    "ink": "#f0f0f0",
    "dim": "#a8adb3",
    "line": "#43474d",
    "ground": "#17191c",
    "warn": "#e69f00",
    "colours": ["#56b4e9", "#e69f00", "#1fc79a", "#cc79a7", "#f0e442", "#e0763a", "#f0f0f0"],
}
IN_PAGE = {name: f"var(--{name})" for name in ("ink", "dim", "line", "ground", "warn")} | {
    "colours": [f"var(--colour-{at})" for at in range(1, 8)]
}


def theme(name: Theme | Literal["page"]) -> dict[str, Any]:
    """Return the configuration of Vega-Lite for a theme."""
    if name == "page":
        return _config(IN_PAGE, "system-ui, sans-serif", 12)
    if name == "paper":
        return _config(LIGHT | {"dim": "#333333"}, "Liberation Serif, Times New Roman, serif", 12)
    return _config(LIGHT if name == "light" else DARK, "Liberation Sans, Arial, sans-serif", 12)


def _config(colours: dict[str, Any], font: str, size: int) -> dict[str, Any]:
    ink, dim, line, warn = (colours[name] for name in ("ink", "dim", "line", "warn"))
    return {
        "background": "transparent" if ink.startswith("var") else colours["ground"],
        "font": font,
        "padding": 4,
        "view": {"stroke": None},
        "range": {"category": colours["colours"]},
        "axis": {
            "labelColor": dim,
            "titleColor": ink,
            "tickColor": line,
            "domainColor": line,
            "gridColor": line,
            "labelFontSize": size - 1,
            "titleFontSize": size,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridOpacity": 0.5,
        },
        "legend": {"labelColor": ink, "labelFontSize": size, "symbolSize": 80, "rowPadding": 3},
        "title": {
            "color": ink,
            "subtitleColor": dim,
            "anchor": "start",
            "fontSize": size + 3,
            "offset": 10,
            "subtitleFontSize": size - 1,
            "subtitlePadding": 5,
        },
        "style": {
            "row-label": {"color": ink, "fontSize": size, "baseline": "middle"},
            "row-detail": {"color": dim, "fontSize": size - 1, "baseline": "middle"},
            "extent": {"color": line, "strokeWidth": 2},
            "stop": {"color": warn, "strokeWidth": 2},
            "bound": {"color": ink, "fontSize": size},
            "target": {"color": dim, "strokeDash": [5, 4], "strokeWidth": 1},
            "target-label": {"color": ink, "fontSize": size - 1},
            "halo": {"stroke": colours["ground"], "strokeWidth": 4, "opacity": 0.85, "fontSize": size - 1},
            "frontier": {"color": dim, "strokeWidth": 7, "opacity": 0.28},
            "crossing": {"color": colours["colours"][0], "stroke": colours["ground"], "strokeWidth": 1.2},
            "raw": {"color": dim, "strokeWidth": 1, "opacity": 0.55},
            "smoothed": {"color": colours["colours"][0], "strokeWidth": 2},
            "lost": {"color": warn, "strokeWidth": 1.5, "strokeDash": [3, 3]},
            "bracket": {"color": colours["colours"][0], "opacity": 0.15},
            "bar": {"color": colours["colours"][0], "strokeWidth": 12},
            "unpriced": {"stroke": warn, "strokeWidth": 2, "strokeDash": [4, 3]},
        },
    }
