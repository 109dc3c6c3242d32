"""The pictures as one HTML file that needs nothing else: it opens by double click, and asks no network for anything."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from itertools import accumulate, product
from typing import Any

import msgspec

from milepost import __version__
from milepost.report.page.summary import summary
from milepost.report.pictures import PICTURES
from milepost.report.pictures.curves import curves
from milepost.report.pictures.data import Datum
from milepost.report.pictures.ledger import ledger
from milepost.report.pictures.notes import count
from milepost.report.pictures.picture import Picture
from milepost.report.pictures.themes import theme
from milepost.report.vega import VEGA_LITE, require_altair
from milepost.runs.record import Run, RunRecord

MOST_DETAILED = 50
"""So many runs can be looked at one by one in a page; all are in its tables."""

MOST_CURVES = 100
"""So many curves have these runs together: where each has many, fewer runs can be looked at."""

LEAST_DETAILED = 10

MOST_POINTS = 5_000
"""Of the lines of these runs, together."""


class Detail(msgspec.Struct, frozen=True):
    """One run by itself: the run, and its pictures by their places in the page."""

    run: Run
    pictures: dict[str, Picture]


def page(every: Sequence[RunRecord], now: float) -> str:
    """Return an HTML page of runs.

    What runs are called stays text wherever it stands: the template escapes it, data stand in an element that is not
    run, and a Content-Security-Policy lets nothing run but the two scripts whose hashes it names.

    Args:
        every: The runs.
        now: When it is written, Unix seconds (UTC).

    Raises:
        MissingExtra: Altair or vl-convert is not installed.
    """
    require_altair()
    import vl_convert
    from jinja2 import Environment, PackageLoader, StrictUndefined

    parts = files(__package__)
    library = vl_convert.javascript_bundle(None, VEGA_LITE)  # type: ignore[arg-type]  # its stub knows no default
    script, style = (parts.joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    pictures = {name: draw(every) for name, draw in PICTURES.items()} if every else {}
    details = _details(every)
    charts: dict[int, tuple[int, Any]] = {}
    placed = pictures | {place: picture for detail in details for place, picture in detail.pictures.items()}
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    packed = {name: _packed(each, charts) for name, each in placed.items()}
    specifications = [chart.to_dict(validate=False) for _, chart in charts.values()]  # tests validate; it takes long
    return template.render(
        policy=_policy(scripts=(library, script), style=style),
        library=library,
        script=script,
        style=style,
        report=_json({"pictures": packed, "charts": specifications, "config": theme("page")}),
        title=_title(every),
        summary=list(summary(every)),
        pictures=pictures,
        details=details,
        left_out=len(every) - len(details),
        written=f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC",
        version=__version__,
    )


def _details(every: Sequence[RunRecord]) -> list[Detail]:
    """Return the runs that started last, newest first, each by itself."""
    newest = every[-MOST_DETAILED:][::-1]
    together = list(accumulate(len(record.curves) for record in newest))
    shown = newest[: max(LEAST_DETAILED, sum(curves <= MOST_CURVES for curves in together))]
    lines = sum(len(record.curves) for record in shown) or 1
    points = max(50, min(500, MOST_POINTS // lines))
    return [
        Detail(record.run, {f"run-{at}-curves": curves(record, points), f"run-{at}-ledger": ledger(record)})
        for at, record in enumerate(shown)
    ]


def _title(every: Sequence[RunRecord]) -> str:
    if len(every) == 1:
        return every[0].run.id
    groups = {record.run.group for record in every if record.run.group}
    return count(len(every), "run") + (f" of {count(len(groups), 'group')}" if groups else "")


def _packed(picture: Picture, charts: dict[int, tuple[int, Any]]) -> dict[str, Any]:
    """Return a picture for the page's script: by the places of what is chosen, the place of its chart.

    Args:
        picture: The picture.
        charts: The charts of the page with their places, by identity, each once: runs that log the same share theirs,
            and differ in their data. Those of the picture are put among them.
    """
    options = [switch.options for switch in picture.switches]
    choices = {}
    for places in product(*(range(len(each)) for each in options)):
        chosen = tuple(each[place] for each, place in zip(options, places, strict=True))
        if (chart := picture.charts.get(chosen)) is not None:
            choices[",".join(map(str, places))] = charts.setdefault(id(chart), (len(charts), chart))[0]
    return {"charts": choices, "data": {name: _columns(rows) for name, rows in picture.data.items()}}


def _columns(rows: Sequence[Datum]) -> dict[str, Any]:
    """Return rows as columns, in which a text that comes again and again is said once."""
    columns: dict[str, Any] = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        if any(isinstance(value, str) for value in values):
            words = {word: at for at, word in enumerate(dict.fromkeys(values))}
            columns[key] = {"words": list(words), "at": [words[value] for value in values]}
        else:
            columns[key] = values
    return columns


def _json(value: Any) -> str:
    """Return JSON that can stand in a script element: ``<`` would end it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _policy(scripts: Sequence[str], style: str) -> str:
    """Return the Content-Security-Policy: what may run and show is here, and nothing is fetched."""
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
