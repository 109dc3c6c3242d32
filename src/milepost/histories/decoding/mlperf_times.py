"""When what an MLPerf line evaluates was trained, where it was evaluated after training.

Stable Diffusion is evaluated on its checkpoints once all is trained, and Minigo's models are played out after
``run_stop``: the time of such a line says when its value was known, and not when the model was there.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from milepost.histories.decoding.json_rows import number
from milepost.histories.decoding.mlperf_lines import MLPerfLine

SAME_TIME_MS = 1000
"""Ranks write within this time what belongs to one moment: an evaluation may come so long after ``run_stop``."""

UNIX_SECONDS = 1e9
"""A ``timestamp`` above this is Unix time, one below counts from ``run_start``."""

PLACES = ("samples_count", "epoch_num", "step_num")
"""What may tell which model was evaluated."""

Place = tuple[str, float]


class Trained(NamedTuple):
    """When something was trained.

    Attributes:
        time_ms: Unix milliseconds.
        at_most: Whether it was by then at the latest.
    """

    time_ms: float
    at_most: bool = False


class TrainedTimes:
    """Tells when models were trained that were evaluated after ``run_stop``.

    By the end of the block or epoch that came to the same place, by the line of its checkpoint, or by the
    ``timestamp`` that an ``eval_result`` has; else it was by the block that came further, else by ``run_stop``.

    Args:
        lines: All lines of the run.
        start: When it started, Unix milliseconds.
        batch: Its global batch size, where that is known.
    """

    def __init__(self, lines: Sequence[MLPerfLine], start: float | None, batch: float | None) -> None:
        stops = [line for line in lines if line.key == "run_stop" and line.time_ms]
        self._stop = min(stops, key=lambda line: line.time_ms, default=None)
        self._batch = batch
        self._exact: dict[Place, float] = {}
        self._latest: dict[Place, float] = {}  # of epochs: marks may count them otherwise than evaluations do
        starts = [line.metadata.get("epoch_num") for line in lines if line.key == "epoch_start"]
        from_one = min((each for told in starts if (each := number(told)) is not None), default=0.0) >= 1
        for line in lines:
            if line.key in ("block_stop", "epoch_stop") or "checkpoint" in line.key:
                for place in _places(line.metadata) if line.time_ms else ():
                    known = self._exact if place[0] != "epoch_num" or from_one else self._latest
                    known[place] = min(line.time_ms, known.get(place, line.time_ms))
        for line in lines:
            told = number(line.metadata.get("timestamp")) if line.key == "eval_result" else None
            if told is not None and start is not None:
                at = told * 1000 if told > UNIX_SECONDS else start + told * 1000
                if start <= at <= line.time_ms + SAME_TIME_MS:
                    self._exact.update(dict.fromkeys(_places(line.metadata), at))
        self._counts = sorted(count for name, count in self._exact if name == "samples_count")

    def of(self, time_ms: float, metadata: Mapping[str, Any]) -> Trained:
        """Return when the model was trained of which a line tells, written at ``time_ms``."""
        if self._stop is None or time_ms <= self._stop.time_ms + SAME_TIME_MS:
            return Trained(time_ms)
        places = _places(metadata)
        for place in places:
            if (exact := self._exact.get(place)) is not None and exact <= time_ms:
                return Trained(exact)
        latest = [self._latest[place] for place in places if place in self._latest]
        for name, count in places:
            if name == "samples_count":
                after = bisect_left(self._counts, count)
                latest += [self._exact[name, each] for each in self._counts[after : after + 1]]
                if self._is_beyond_stop(count):
                    return Trained(min([*latest, time_ms]), at_most=True)
        return Trained(min([*latest, self._stop.time_ms]), at_most=True)

    def _is_beyond_stop(self, samples: float) -> bool:
        """Say whether so many samples are more than had been trained at ``run_stop``: training may go on after it."""
        assert self._stop is not None
        told = number(self._stop.metadata.get("samples_count"))
        if told is None and self._batch and (steps := number(self._stop.metadata.get("step_num"))) is not None:
            told = steps * self._batch
        return told is not None and samples > told


def _places(metadata: Mapping[str, Any]) -> list[Place]:
    """Return what a line tells of where in training it is."""
    return [(name, told) for name in PLACES if (told := number(metadata.get(name))) is not None]
