"""``milepost init``: a starter thresholds file."""

import json
import math
import re
import shlex
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from milepost.config import FOLDER, Config
from milepost.errors import ConfigError
from milepost.files import write_whole
from milepost.log import gathered
from milepost.replaying.metrics_in_logs import metrics_in_logs
from milepost.tracking.thresholds import PerformanceThreshold

HEAD = """\
# What the run is to reach. Say when: `milepost.track("{path}")`.
thresholds:
"""

MOST_METRICS = 30
MOST_PROPOSALS = 3

ENTRY = """\
  - name: "{name}"
    metric: {metric}
    target_value: {target!r}  # of {runs}: from {first}; smoothed between {lowest} and {highest}
    comparison: "{comparison}"
    smoothing_factor: 0.1
"""

TEMPLATE = (
    HEAD
    + """\
  - name: "{name}"
    metric: {metric}          # its key in what the trainer logs
    target_value: {target!r}
    comparison: ">="          # >=, >, <=, < or ==
    smoothing_factor: 0.1     # 1 is the raw value
"""
)

TAIL = """\
aws:
  instance_type: "g5.4xlarge"  # taken where nothing else tells
  use_spot: false
# instance: {provider: aws, instance_type: p4d.24xlarge, region: us-east-1, market: on_demand, num_nodes: 2}
# prices: {price_per_hour: 1.20}    # USD an hour of one node: your own price wins over every other
"""


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = FOLDER / "thresholds.yaml",
    metric: Annotated[str, typer.Option(help="Key of the metric in what the trainer logs.")] = "reward",
    target: Annotated[float, typer.Option(help="The value to reach.")] = 1.0,
    logs: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Logs of runs that are over, to take metrics from.")
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(metavar="REGEX", help="Reads lines of text, as for replay; else one is proposed."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a starter thresholds file; with --logs, of the metrics that are there and how far they came."""
    if logs:
        if not pattern:
            _propose(logs)
        _write(path, _from_logs(path, logs, pattern or ()), force=force)
        return
    if pattern:
        raise ConfigError("init: expected --logs beside --pattern, which reads their lines")
    name = _name(metric, target)
    PerformanceThreshold(name, metric, target)
    text = TEMPLATE.format(path=path, name=name, metric=json.dumps(metric, ensure_ascii=False), target=target) + TAIL
    _write(path, text, force=force)


def _propose(logs: list[str]) -> None:
    """Show patterns that would read text which is not read as it stands, each with what it would read."""
    from milepost.histories.finding.proposals import proposals

    for where, found in islice(proposals(logs), MOST_PROPOSALS):
        typer.echo(f"{where}: not read as it stands. This pattern would read {found.lines} of its first lines, such as")
        typer.echo(f"  {found.example}\n  --pattern {shlex.quote(found.pattern)}")
        for row in found.rows:
            typer.echo("    " + ", ".join(f"{name}={value}" for name, value in row.items()))


def _from_logs(path: Path, logs: list[str], patterns: Sequence[str]) -> str:
    """Return a file with a threshold for each metric of logs, at the best that they reached."""
    entries = []
    names: set[str] = set()
    with gathered():
        every = list(metrics_in_logs(logs, patterns=patterns).values())
    for seen in every[:MOST_METRICS]:
        falls = seen.last < seen.first
        target = _rounded(seen.lowest, math.ceil) if falls else _rounded(seen.highest, math.floor)
        name = _name(seen.metric, target)
        if name in names:
            continue
        names.add(name)
        entries.append(
            ENTRY.format(
                name=name,
                metric=json.dumps(seen.metric, ensure_ascii=False),
                target=target,
                comparison="<=" if falls else ">=",
                first=f"{seen.first:.4g}",
                lowest=f"{seen.lowest:.4g}",
                highest=f"{seen.highest:.4g}",
                runs=f"{seen.runs} run{'s' * (seen.runs != 1)}",
            )
        )
    return HEAD.format(path=path) + "".join(entries) + TAIL


def _rounded(value: float, towards: Callable[[float], int]) -> float:
    """Return a value with three digits that say something, rounded to the side on which it was reached."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{towards(value / unit) * unit:.6g}")


def _name(metric: str, target: float) -> str:
    slug = re.sub(r"[^A-Za-z0-9]+", "_", metric).strip("_") or "metric"
    return f"{slug}_{target:g}".replace("+", "")


def _write(path: Path, text: str, *, force: bool) -> None:
    Config.loads(text, file=str(path))
    if path.exists() and not force:
        raise ConfigError(f"{path}: it exists already; give another path, or --force to overwrite it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: expected to write it, found: {error.strerror}") from error
    typer.echo(f"wrote {path}")
