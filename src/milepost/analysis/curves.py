"""A run's curve: the part of it that led to where the run is, what was lost, and what it had cost by then."""

from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple

from milepost.analysis.reach import has_clock
from milepost.analysis.units import unit_of
from milepost.money.costs import costs_along
from milepost.runs.record import Curve, CurvePoint, RunRecord
from milepost.tracking.counting import SamplesUnit
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing


class Level(NamedTuple):
    """Where a curve came.

    Attributes:
        point: The observation.
        usd: USD of the training time that led there; None where that is not known.
    """

    point: CurvePoint
    usd: float | None


def name_of(watched: Curve | PerformanceThreshold) -> str:
    """Name a metric under a smoothing; the usual one goes without saying."""
    smoothing = watched.smoothing
    if smoothing == Smoothing():
        return watched.metric
    if (half_life := smoothing.half_life) is not None:
        amount = f"{half_life.samples:,g} samples" if half_life.samples else f"{half_life.seconds:,g} s"
        how = f"half-life {amount}"
    else:
        how = "raw" if smoothing.is_raw else f"α = {smoothing.smoothing_factor:g}"
    return f"{watched.metric} ({how}{'' if smoothing.bias_correction else ', uncorrected'})"


def watching(record: RunRecord, curve: Curve) -> list[PerformanceThreshold]:
    """Return the thresholds of a run that watch one of its curves."""
    return [each for each in record.thresholds if (each.metric, each.smoothing) == (curve.metric, curve.smoothing)]


def crossed(record: RunRecord, curve: Curve) -> list[ThresholdResult]:
    """Return the results of those among them that were achieved."""
    names = {each.name for each in watching(record, curve)}
    return [result for result in record.results if result.achieved and result.threshold in names]


def unit_of_curve(record: RunRecord, curve: Curve) -> SamplesUnit | None:
    """Return what a curve's observations are counted in, None where nothing is counted."""
    names = {each.name for each in watching(record, curve)}
    return unit_of([each for each in record.results if each.threshold in names] or record.results)


def has_late(record: RunRecord) -> bool:
    """Say whether observations of earlier positions are among those of a run, such as evaluations of a checkpoint."""
    return any(result.late_observations for result in record.results)


def on_the_way(curve: Curve, *, has_late: bool = False) -> list[CurvePoint]:
    """Return the points that led to where the run is: what a rewind or resume went back behind is not among them.

    Args:
        curve: The curve.
        has_late: Whether there are late observations in the run. A point that lies before what the next two pass, or
            that is the last, is then taken for one: it stands at its place, and nothing was lost.
    """
    led: list[CurvePoint] = []
    for at, point in enumerate(curve.points):
        if led and (point.samples < led[-1].samples or point.elapsed_seconds < led[-1].elapsed_seconds):
            if has_late and _is_late(curve.points[at + 1 : at + 3], led[-1]):
                insort(led, point, key=lambda each: each.samples)
                continue
            while led and (led[-1].samples >= point.samples or led[-1].elapsed_seconds >= point.elapsed_seconds):
                led.pop()
        led.append(point)
    return led


def _is_late(following: Sequence[CurvePoint], furthest: CurvePoint) -> bool:
    return not following or any(point.samples > furthest.samples for point in following)


def lost_of(curve: Curve, *, has_late: bool = False) -> list[list[CurvePoint]]:
    """Return the stretches of points that were lost, each with the point before it, from which it went on.

    Args:
        curve: The curve.
        has_late: As `on_the_way` takes it.
    """
    led = {point.position for point in on_the_way(curve, has_late=has_late)}
    stretches: list[list[CurvePoint]] = []
    before: CurvePoint | None = None
    for point in curve.points:
        if point.position in led:
            before = point
            continue
        if not stretches or stretches[-1][-1] is not before or point.samples < stretches[-1][-1].samples:
            stretches.append([] if before is None or before.position not in led else [before])
        stretches[-1].append(point)
        before = point
    return stretches


def with_usd(record: RunRecord, points: Sequence[CurvePoint]) -> list[Level]:
    """Return points that led to where a run is with what the training time until then had cost."""
    here = record.ledger.here
    if here is None or not has_clock(record):
        return [Level(point, None) for point in points]
    spent = costs_along(record.ledger, here, [point.elapsed_seconds for point in points])
    return [Level(point, usd) for point, usd in zip(points, spent, strict=True)]
