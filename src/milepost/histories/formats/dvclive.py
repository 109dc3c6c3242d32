"""DVCLive's folders: https://github.com/iterative/dvclive, ``plots/metric.py`` and ``live.py``.

Beside ``metrics.json``, which has last values alone, lies a file for each metric, ``plots/metrics/NAME.tsv``: ``step``
and value, and before them ``timestamp`` (Unix milliseconds) where the program asked for it by
``log_metric(…, timestamp=True)``. Else a log has no clock. A run that goes on (``resume=True``) writes on in the same
files, from the step that it says: a step that falls is another process.
"""

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from milepost.errors import HistoryError
from milepost.histories.decoding.files import blocks
from milepost.histories.decoding.folder_files import beside, files_below
from milepost.histories.decoding.yaml_settings import flat, read_settings
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import seed_of
from milepost.log import logger

NAME = "metrics.json"
METRICS = "plots/metrics"
SUFFIX = ".tsv"

ROW = re.compile(rb"(?:(\d{1,18})\t)?(\d{1,18})\t([^\t]*)\r?")
"""A row of three or of two: a run that was resumed may have begun to tell times, under the header of before."""

UNTIMED = "DVCLive notes times where the program asks for it alone: log_metric(…, timestamp=True)"


class Metric(NamedTuple):
    """A metric's file.

    Attributes:
        times: Unix milliseconds; 0 where a row does not tell.
        steps: Its steps.
        values: Its values.
    """

    times: "array[int]"
    steps: "array[int]"
    values: "array[float]"


class DVCLiveReader(Reader):
    """Reads the folders of DVCLive."""

    name: ClassVar[str] = "dvclive"
    folders: ClassVar[frozenset[str]] = frozenset({"plots"})

    def claims(self, file: File) -> str | None:
        """Say whether a file is the summary of a folder in which metrics lie."""
        if file.name != NAME or not file.head.lstrip().startswith(b"{"):
            return None
        return "" if _metrics(file.path) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a folder.

        Raises:
            HistoryError: It has no metrics, or not what counts samples.
        """
        from milepost.histories.tables.key_points import KeyPoints, Points

        for path in files:
            metrics = {name: _read(file) for name, file in _metrics(path).items()}
            metrics = {name: metric for name, metric in metrics.items() if metric.steps}
            if not metrics:
                raise HistoryError(f"{path}: found no rows in {METRICS}, expected some")
            config = flat(read_settings(beside(path, "params.yaml")))
            told: dict[str, Any] = {"config": config, "seed": seed_of(config)}
            if not any(any(metric.times) for metric in metrics.values()):
                told["untimed_because"] = UNTIMED
            points = {name: Points.of(*metric) for name, metric in _timed(metrics).items()}
            yield KeyPoints(path, points, wanted).history(run, **told)


def _metrics(path: str) -> dict[str, str]:
    """Return the files of the metrics by name."""
    found = files_below(beside(path, METRICS)).items()
    return {name.removesuffix(SUFFIX): file for name, file in found if name.endswith(SUFFIX)}


def _read(path: str) -> Metric:
    """Return what a file tells; a row that is none, or has no end, is left out, and warned about."""
    metric = Metric(array("q"), array("q"), array("d"))
    broken, is_first = 0, True
    for block in blocks(path):
        lines = block.data.split(b"\n")
        if not block.whole and lines.pop():
            broken += 1
        for line in lines[is_first:]:
            row = ROW.fullmatch(line)
            try:
                value = None if row is None else float(row[3])
            except ValueError:
                continue  # DVCLive takes text for a metric too
            if row is None or value is None:
                broken += bool(line.strip(b"\r"))
                continue
            metric.times.append(int(row[1] or 0))
            metric.steps.append(int(row[2]))
            metric.values.append(value)
        is_first = False
    if broken:
        logger("histories").warning("%s: %d rows have no step and value; not read", path, broken)
    return metric


def _timed(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Return metrics with a time for each row that puts them in order, where they tell none.

    It is the time at which another metric was told at that step, by that process; where nothing of the log tells any,
    the number of the process, which is no time that can be.
    """
    spans = _spans(max(metrics.values(), key=lambda metric: len(metric.steps)).steps)
    known: dict[tuple[int, int], int] = {}
    for metric in metrics.values():
        for at, process in enumerate(_processes(metric.steps, spans)):
            if metric.times[at]:
                known.setdefault((process, metric.steps[at]), metric.times[at])
    found: dict[str, Metric] = {}
    for name, metric in metrics.items():
        times, last = array("q"), min(known.values(), default=0)
        for at, process in enumerate(_processes(metric.steps, spans)):
            last = metric.times[at] or known.get((process, metric.steps[at]), last)
            times.append(last if known else process)
        found[name] = metric._replace(times=times)
    return found


def _spans(steps: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last step of each process, as the metric that was told most tells them by falling."""
    starts = [0, *(at for at in range(1, len(steps)) if steps[at] < steps[at - 1])]
    return [(steps[start], steps[end - 1]) for start, end in zip(starts, [*starts[1:], len(steps)], strict=True)]


def _processes(steps: Sequence[int], spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Yield which process wrote each row: the next where a step is none of this one's, or comes again."""
    process, before = 0, -1
    for step in steps:
        while process + 1 < len(spans) and (
            step > spans[process][1] or (step <= before and step >= spans[process + 1][0])
        ):
            process, before = process + 1, -1
        before = step
        yield process
