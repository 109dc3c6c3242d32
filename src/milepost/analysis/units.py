"""What the counts of runs are counted in. Counts of different units are never compared, ranked or averaged."""

from collections.abc import Iterable

from milepost.tracking.counting import SamplesUnit
from milepost.tracking.result import ThresholdResult


def units_of(results: Iterable[ThresholdResult]) -> list[SamplesUnit]:
    """Return the units that results count in, in their order; those of metrics nobody observed only where all are."""
    results = list(results)
    observed = [each for each in results if each.status != "never_observed"] or results
    return list(dict.fromkeys(each.samples_unit for each in observed if each.samples_unit is not None))


def unit_of(results: Iterable[ThresholdResult]) -> SamplesUnit | None:
    """Return the one unit that results count in: samples where there is none, None where several or nothing is counted.

    Args:
        results: Of one run.
    """
    results = list(results)
    units = units_of(results)
    return units[0] if len(units) == 1 else None if results else "samples"
