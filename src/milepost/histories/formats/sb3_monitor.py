"""Stable-Baselines3: ``monitor.csv``, as ``Monitor`` writes it: an episode a row.

https://github.com/DLR-RM/stable-baselines3, ``common/monitor.py``: the first line is a comment with JSON (``t_start``,
Unix seconds; ``env_id``), then columns ``r`` (reward), ``l`` (length in environment steps), ``t`` (seconds since
``t_start``) and what else was asked for. `samples` are the lengths added up: the steps of the episodes that are over.

Environments that are trained on side by side write ``0.monitor.csv``, ``1.monitor.csv`` and so on
(``make_vec_env``). They are one run: their episodes are merged in the order in which they ended, as
``stable_baselines3.common.monitor.load_results`` merges them. The steps of episodes under way are not in the count,
which therefore lags behind what the trainer counted by less than an episode of each environment.
"""

import csv
import heapq
import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, blocks, stem
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.flags import passed_over, refuse_others
from milepost.log import logger

MARK = re.compile(rb'^\s*#\s*\{.*"t_start"')
ONE_OF_SEVERAL = re.compile(r"^\d+\.monitor\.csv$")

MAX_LENGTH = 2**40
"""Of an episode, in steps: what is longer is no length, and would be more than a count of samples holds."""

WINDOW = 100
"""Episodes over which Stable-Baselines3 takes its means (``stats_window_size``), unless told otherwise."""

MEANS = {"r": "rollout/ep_rew_mean", "l": "rollout/ep_len_mean", "is_success": "rollout/success_rate"}
CHUNK_ROWS = 2**16


class Episode(NamedTuple):
    """A row of a monitor file.

    Attributes:
        ended_at: Unix seconds.
        length: Environment steps.
        values: All columns that hold numbers.
    """

    ended_at: float
    length: int
    values: dict[str, float]


class MonitorReader(Reader):
    """Reads ``monitor.csv``."""

    name: ClassVar[str] = "sb3-monitor"

    def claims(self, file: File) -> str | None:
        """Say whether a file begins with the comment of ``Monitor``; numbered ones of a folder are one run."""
        if not MARK.match(file.head.removeprefix(BOM).split(b"\n")[0]):
            return None
        return "" if ONE_OF_SEVERAL.match(file.name) else stem(file.name)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of one environment, or of several that were trained on side by side.

        Raises:
            HistoryError: A file has no ``t_start``, or no columns ``r``, ``l`` and ``t``.
        """
        monitors = [Monitor(file) for file in files]
        refuse_others(files[0], wanted, samples="l", time="t")
        started_at = min(monitor.started_at for monitor in monitors)
        names = tuple(dict.fromkeys(name for monitor in monitors for name in monitor.names if name != "t"))
        envs = sorted({str(monitor.told["env_id"]) for monitor in monitors if monitor.told.get("env_id")})
        config: dict[str, Any] = {"num_envs": len(monitors)} | ({"env_id": ", ".join(envs)} if envs else {})
        yield History(
            run=run,
            rows=lambda: _rows(monitors, started_at, wanted),
            metrics=(*names, *(metric for name, metric in MEANS.items() if name in names)),
            config=config,
            samples_source="l",
            started_at=started_at,
            notes=passed_over(wanted, "l"),
        )


class Monitor:
    """A monitor file.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        lines = self._lines()
        comment, header = next(lines, ""), next(lines, "")
        try:
            told = json.loads(comment.lstrip("# "))
            self.started_at = float(told["t_start"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise HistoryError(f"{path}: found {comment[:80]!r}, expected a comment with t_start") from error
        self.told: dict[str, Any] = told
        self.names = next(_fields(path, iter([header])), [])
        if not {"r", "l", "t"} <= set(self.names):
            raise HistoryError(f"{path}: found the columns {', '.join(self.names)}, expected r, l and t among them")

    def episodes(self) -> Iterator[Episode]:
        """Yield the episodes in their order.

        Where a run was resumed its timer began anew: the times go on from where they were.
        """
        offset = last = 0.0
        unread = 0
        for fields in _fields(self.path, islice(self._lines(), 2, None)):
            values = dict(_values(self.names, fields))
            length = values.get("l", -1.0)
            if not fields or "t" not in values or not 0 <= length <= MAX_LENGTH or not length.is_integer():
                unread += bool(fields)
                continue
            if values["t"] + offset < last:
                offset = last
                logger("histories").warning(
                    "%s: its timer began anew, as after a resume: the time between is not known", self.path
                )
            last = values.pop("t") + offset
            yield Episode(self.started_at + last, int(length), values)
        if unread:
            logger("histories").warning("%s: %d rows tell no length or time; not read", self.path, unread)

    def _lines(self) -> Iterator[str]:
        """Yield the lines that are whole."""
        for block in blocks(self.path):
            lines = block.data.removeprefix(BOM).decode("utf-8", "replace").replace("\0", "").split("\n")
            if lines.pop():
                logger("histories").warning("%s: its last row is cut short; not read", self.path)
            yield from (line.rstrip("\r") for line in lines)


def _fields(path: str, lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the fields of lines."""
    try:
        yield from csv.reader(lines)
    except csv.Error as error:
        raise HistoryError(f"{path}: can't be read as CSV: {error}") from error


def _values(names: Sequence[str], fields: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield those fields of a row that are numbers or truth values."""
    for name, field in zip(names, fields, strict=False):
        try:
            yield name, float({"True": "1", "False": "0"}.get(field, field))
        except ValueError:
            continue


def _rows(monitors: Sequence[Monitor], started_at: float, wanted: Wanted) -> Iterator[Rows]:
    """Yield the episodes of all environments in the order in which they ended."""
    episodes = heapq.merge(*(monitor.episodes() for monitor in monitors), key=lambda episode: episode.ended_at)
    windows: dict[str, deque[float]] = {name: deque(maxlen=WINDOW) for name in MEANS}
    samples = 0
    while chunk := list(islice(episodes, CHUNK_ROWS)):
        metrics: list[dict[str, float]] = []
        counts, elapsed = [], []
        for episode in chunk:
            samples += episode.length
            counts.append(samples)
            elapsed.append(episode.ended_at - started_at)
            found = dict(episode.values)
            for name, window in windows.items():
                if name in episode.values:
                    window.append(episode.values[name])
                    found[MEANS[name]] = sum(window) / len(window)
            metrics.append({name: value for name, value in found.items() if wanted.wants(name)})
        names = dict.fromkeys(name for row in metrics for name in row)
        columns = {name: [row.get(name) for row in metrics] for name in names}
        yield Rows.of(columns, samples=counts, elapsed_seconds=elapsed)
