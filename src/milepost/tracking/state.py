"""What a checkpoint holds of a tracked run: JSON-able, versioned, ledger included."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from milepost.errors import StateError
from milepost.money.ledger import Ledger
from milepost.money.lineage import lineage
from milepost.money.position import Bound, Position
from milepost.tracking.counting import OF_THE_CALLER, Counting
from milepost.tracking.crossing import Crossing, Detector
from milepost.tracking.row import Row
from milepost.tracking.series import Series
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing
from milepost.tracking.timer import ElapsedSource, ProcessStart, Timer
from milepost.tracking.trail import Trail, TrailState

STATE_VERSION = 2
"""States of version 1 are read, too: they tell nothing of the trail, whose place the ledger's marks take."""


class SmootherState(msgspec.Struct, frozen=True):
    """A smoother, and where its metric was last observed."""

    metric: str
    smoothing: Smoothing
    total: float
    weight: float
    samples: float
    elapsed_seconds: float
    observations: int
    skipped: int
    last: Position | None


class ThresholdState(msgspec.Struct, frozen=True):
    """A threshold as it was defined, and how far the run had come with it."""

    threshold: PerformanceThreshold
    held: int
    candidate: Crossing | None
    crossing: Crossing | None


class TimerState(msgspec.Struct, frozen=True):
    """What a timer knows besides where it stands: see `Timer`. ``waiting`` are updates not observed as yet."""

    trail: TrailState = TrailState()
    counting: Counting = OF_THE_CALLER
    first_samples: int | None = None
    first_clocks: tuple[float, float] | None = None
    count_offset: int = 0
    told_offset: float = 0.0
    wall_offset: float = 0.0
    bound: Bound | None = None
    start_known: bool | None = None
    rewinds: int = 0
    late_observations: int = 0
    restarts: int = 0
    untimed_because: str | None = None
    waiting: tuple[Row, ...] = ()


class TrackerState(msgspec.Struct, frozen=True):
    """All that a later process needs to go on from here."""

    version: int
    samples: int
    elapsed_seconds: float
    elapsed_source: ElapsedSource | None
    ledger: Ledger
    smoothers: tuple[SmootherState, ...]
    thresholds: tuple[ThresholdState, ...]
    timer: TimerState = TimerState()

    @property
    def crossed(self) -> frozenset[str]:
        """Names of the thresholds whose crossings it holds, and at or after which it was taken."""
        kept = ((each.threshold.name, each.crossing) for each in self.thresholds)
        return frozenset(name for name, crossing in kept if crossing and crossing.position.samples <= self.samples)

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> "TrackerState":
        """Read what `state_of` gave.

        Raises:
            StateError: It is of another version, or not such a state.
        """
        version = state.get("version") if isinstance(state, Mapping) else None
        if version not in (1, STATE_VERSION):
            raise StateError(
                f"state: found version {version!r}, expected {STATE_VERSION}; "
                "it was saved by another release of Milepost, or is no state of a tracked run"
            )
        try:
            saved = msgspec.convert(state, cls)
        except (msgspec.ValidationError, ValueError, RecursionError) as error:
            raise StateError(f"state: {error}; expected what state_dict() gave") from error
        if fault := next(chain(_no_numbers(state), _faults(saved)), None):
            raise StateError(f"state: found {fault}; expected what state_dict() gave")
        return saved


def _no_numbers(value: Any, where: str = "") -> Iterator[str]:
    """Yield where what is no finite number stands: no figure comes of that."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{value} at {where.lstrip('.')}"
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _no_numbers(each, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for at, each in enumerate(value):
            yield from _no_numbers(each, f"{where}.{at}")


def _faults(saved: TrackerState) -> Iterator[str]:
    """Yield what can't be of a state whose parts are each of their kind."""
    if saved.elapsed_seconds < 0:
        yield f"elapsed time of {saved.elapsed_seconds} s"
    for segment in saved.ledger.segments:
        quote = segment.quote
        if not segment.marks:
            yield f"no marks in segment {segment.id!r}"
        elif quote is not None and min(quote.usd_per_hour, *(step.usd_per_hour for step in quote.steps), math.inf) < 0:
            yield f"a price below 0 of segment {segment.id!r}"


def state_of(
    timer: Timer,
    here: Position,
    every_series: Iterable[Series],
    detectors: Iterable[Detector],
    waiting: tuple[Row, ...] = (),
) -> dict[str, Any]:
    """Return the state of a run that is ``here``, as dictionaries, lists, strings and numbers."""
    state = TrackerState(
        version=STATE_VERSION,
        samples=here.samples,
        elapsed_seconds=here.elapsed_seconds,
        elapsed_source=timer.elapsed_source,
        ledger=timer.ledger,
        smoothers=tuple(
            SmootherState(
                metric=series.metric,
                smoothing=series.smoothing,
                total=series.total,
                weight=series.weight,
                samples=series.samples,
                elapsed_seconds=series.elapsed_seconds,
                observations=series.observations(timer.updates),
                skipped=series.skipped,
                last=(series.left_at or timer.last) if series.weight else None,
            )
            for series in every_series
        ),
        thresholds=tuple(
            ThresholdState(each.threshold, each.held, each.candidate, each.crossing) for each in detectors
        ),
        timer=TimerState(
            trail=timer.trail.state, waiting=waiting, **{name: getattr(timer, name) for name in KEPT_OF_TIMER}
        ),
    )
    builtins: dict[str, Any] = msgspec.to_builtins(state)
    return builtins


KEPT_OF_TIMER = tuple(name for name in TimerState.__struct_fields__ if name not in ("trail", "waiting"))


def join(timer: Timer, saved: TrackerState) -> None:
    """Bring a state's ledger in, and this process's segment and timer to where the state left off."""
    timer.forget_opened()
    live = timer.ledger.current
    here = timer.here  # opens a segment where there is none
    samples, elapsed, checkpoint = saved.samples, _elapsed_of(saved, timer.ledger), saved.ledger.checkpoint
    if live is None:
        # No ledger of this process says otherwise: go on under the terms of the state's last segment.
        timer.ledger = saved.ledger
        if checkpoint:
            timer.ledger = timer.ledger.continued(samples, elapsed, here.wall_time, checkpoint)
        timer.origin = here.wall_time - elapsed
    elif live.id in {segment.id for segment in saved.ledger.segments}:
        timer.ledger = timer.ledger.merged(saved.ledger)
        if (samples, elapsed) != (here.samples, here.elapsed_seconds):
            timer.mark("heartbeat", here)
            back = timer.position(samples, elapsed, here.wall_time)
            timer.ledger = timer.ledger.marked("rewind", back, resumes=checkpoint)
            timer.origin = here.wall_time - elapsed
    elif timer.updates == 0:
        # This process has only just begun: its segment begins where the state left off.
        timer.origin -= elapsed - live.marks[0].elapsed_seconds
        timer.ledger = timer.ledger.started_at(elapsed, samples, checkpoint).merged(saved.ledger)
    else:
        timer.mark("end", here, "rewind")
        timer.ledger = timer.ledger.continued(samples, elapsed, here.wall_time, checkpoint).merged(saved.ledger)
        timer.origin = here.wall_time - elapsed
    timer.samples, timer.elapsed_seconds, timer.wall_time = samples, elapsed, here.wall_time
    timer.elapsed_source = timer.elapsed_source or saved.elapsed_source
    for name in KEPT_OF_TIMER:
        setattr(timer, name, getattr(saved.timer, name))
    timer.trail = Trail(saved.timer.trail)
    if not saved.timer.trail.samples and saved.ledger.here is not None:
        for stretch in lineage(saved.ledger, saved.ledger.here):
            for mark in (stretch.start, stretch.end):
                if mark.samples >= timer.trail.due:
                    timer.trail.add(mark.samples, mark.elapsed_seconds)
    timer.first_samples = timer.first_samples if timer.first_samples is not None else 0
    timer.boundary = ProcessStart(here.wall_time, has_loaded=True)
    timer.settle()


def _elapsed_of(saved: TrackerState, ledger: Ledger) -> float:
    """Return how far the training timer of a state had come: before anybody told any, as the ledger has it by now.

    A state that is taken before the first update has the clock's time since the start. A trainer that tells its own
    makes that time of set-up, in the ledger; the state can't know that as yet.
    """
    if saved.elapsed_source is None and (checkpoint := saved.ledger.checkpoint) is not None:
        segment = ledger.segment(checkpoint[0])
        if segment is not None and len(segment.marks) >= checkpoint[1]:
            return segment.marks[checkpoint[1] - 1].elapsed_seconds
    return saved.elapsed_seconds


def restore(saved: TrackerState, every_series: Sequence[Series], timer: Timer) -> None:
    """Take over smoothers and crossings of a state, where they are defined as they are here."""
    detectors = {each.threshold.name: each for series in every_series for each in series.detectors}
    known = set()
    for kept in saved.thresholds:
        name = kept.threshold.name
        detector = detectors.get(name)
        if detector is None or detector.threshold != kept.threshold:
            what = "is not among the thresholds" if detector is None else "is defined otherwise now"
            timer.said.warn(f"state {name}", "the saved state's threshold %r %s: it is left out", name, what)
        else:
            known.add(name)
            if detector.crossing is None:
                detector.held, detector.candidate, detector.crossing = kept.held, kept.candidate, kept.crossing
    smoothers = {(each.metric, each.smoothing): each for each in saved.smoothers}
    for series in every_series:
        if smoother := smoothers.get((series.metric, series.smoothing)):
            series.total, series.weight = smoother.total, smoother.weight
            series.samples, series.elapsed_seconds = smoother.samples, smoother.elapsed_seconds
            series.absent = timer.updates - smoother.observations
            series.skipped = smoother.skipped
            series.left_at = smoother.last
            for detector in series.detectors:  # a new one, whose crossing may lie before the state
                value = series.value
                if detector.threshold.name not in known and detector.crossing is None and value is not None:
                    detector.met_before = detector.judged.satisfied_by(value)
        series.renew()
