"""``milepost report``: pictures of runs, as one HTML file, or one by one."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from milepost.cli.log_options import LogOptions
from milepost.cli.runs_or_logs import RunsOrLogs, load_runs
from milepost.cli.signature import with_options
from milepost.cli.stores import StoreOption
from milepost.errors import ConfigError
from milepost.files import write_whole
from milepost.replaying.left_out import LeftOutFiles
from milepost.report.figures import NAMES, chart_of, draw
from milepost.report.terminal import open_console
from milepost.report.vega import image, require_altair
from milepost.runs.record import RunRecord

Format = Literal["html", "png", "svg"]


@with_options
def report(
    what: RunsOrLogs = None,
    group: Annotated[list[str] | None, typer.Option(help="Kept runs of this group; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The file; report.html.")] = None,
    format: Annotated[Format, typer.Option(help="One HTML file of everything, or single pictures.")] = "html",
    picture: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"With png and svg, only this one: {', '.join(NAMES)}.")
    ] = None,
    over: Annotated[
        Literal["samples", "steps", "epochs", "updates", "minutes", "dollars"] | None,
        typer.Option(help="With --picture: over what; counts of each unit have an axis of their own."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="With --picture: of which metric.")] = None,
    theme: Annotated[Literal["light", "dark", "paper"] | None, typer.Option(help="With png and svg.")] = None,
    *,
    logs: LogOptions,
    store: StoreOption = None,
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line: one file each.")] = False,
) -> None:
    """Draw what runs took: when, for how much, on what. One HTML file that needs nothing else, or PNG and SVG."""
    _check(format, picture, over, metric, theme)
    require_altair()
    if out is not None and out.is_dir():
        raise ConfigError(f"-o {out}: found a folder, expected a file")
    every, left_out = load_runs(what or [], group or [], store, logs)
    with Console(stderr=True).status("drawing …"):
        if format == "html":
            written = [_write_page(every, out or Path("report.html"))]
        else:
            chosen = {"over": over, "metric": metric}
            written = _write_images(every, picture, chosen, theme or "light", format, out or Path(f"report.{format}"))
    _say(written, len(every), left_out, as_json=as_json_lines)


def _check(format: Format, picture: str | None, over: str | None, metric: str | None, theme: str | None) -> None:
    """Refuse what the format has no use for.

    Raises:
        ConfigError: Says what.
    """
    given = {"--picture": picture, "--over": over, "--metric": metric, "--theme": theme}
    for flag, value in given.items():
        if value is not None and format == "html":
            raise ConfigError(f"{flag}: found {value!r}, expected it with --format png or svg: a page has everything")
        if value is not None and flag in ("--over", "--metric") and picture is None:
            raise ConfigError(f"{flag}: found {value!r} without --picture, expected the one picture that it is for")
    if picture is not None and picture not in NAMES:
        raise ConfigError(f"--picture: found {picture!r}, expected one of {', '.join(NAMES)}")


def _write_page(every: Sequence[RunRecord], out: Path) -> Path:
    from milepost.report.page import page

    return _write(out, page(every, time.time()).encode(errors="replace"))


def _write_images(
    every: Sequence[RunRecord],
    picture: str | None,
    chosen: dict[str, str | None],
    theme: Any,
    format: Literal["png", "svg"],
    out: Path,
) -> list[Path]:
    """Write the picture that is named, or each that has something to draw to a file of its own."""
    written = []
    for name in (picture,) if picture else NAMES if len(every) == 1 else NAMES[:-2]:
        drawn = draw(name, every)
        if picture is None and not drawn.charts:
            continue
        chart = chart_of(drawn, drawn.choose(**chosen), theme)
        file = out if picture else out.with_name(f"{out.stem}-{name}.{format}")
        written.append(_write(file, image(chart, format)))
    if not written:
        raise ConfigError("report: found nothing to draw, expected runs with thresholds")
    return written


def _write(out: Path, content: bytes) -> Path:
    """Write a file whole or not at all.

    Raises:
        ConfigError: It can't be written.
    """
    try:
        write_whole(out, content)
    except OSError as error:
        raise ConfigError(f"-o {out}: expected a file that can be written, found: {error.strerror}") from error
    return out


def _say(written: Sequence[Path], runs: int, left_out: Sequence[LeftOutFiles] | None, *, as_json: bool) -> None:
    of_logs = {} if left_out is None else {"left_out": [each._asdict() for each in left_out]}
    for file in written:
        size = file.stat().st_size
        if as_json:
            typer.echo(json.dumps({"file": str(file), "bytes": size, "runs": runs} | of_logs))
        else:
            open_console().print(Text(f"wrote {file} ({runs:,} run{'s' * (runs != 1)}, {size / 1e6:.1f} MB)"))
