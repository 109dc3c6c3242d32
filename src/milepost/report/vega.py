"""What draws charts: Altair writes them for a release of Vega-Lite, and vl-convert makes images of them."""

from typing import Any, Literal

from milepost.errors import MissingExtra

VEGA_LITE = "6.4"
"""The release of Vega-Lite that charts are drawn with: the one that Altair writes for."""


def require_altair() -> None:
    """Raise `MissingExtra` unless what draws pictures is installed."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError:
        raise MissingExtra("Altair and vl-convert", "report", "drawing pictures") from None


def image(chart: Any, format: Literal["png", "svg"]) -> bytes:
    """Return a chart as PNG or SVG.

    Raises:
        MissingExtra: vl-convert is not installed.
    """
    require_altair()
    import vl_convert

    if format == "svg":
        return vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=VEGA_LITE).encode()
    return vl_convert.vegalite_to_png(chart.to_dict(), vl_version=VEGA_LITE, scale=2.0)
