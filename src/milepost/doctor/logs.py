"""Thresholds that the logs of earlier runs say can't be met, or are met from the start."""

from collections.abc import Iterator

from milepost.doctor.finding import Case, Finding
from milepost.errors import nearest


def check(case: Case) -> Iterator[Finding]:
    """Look at each threshold beside what its metric did in the logs that were named."""
    if case.logs is None:
        return
    for threshold in case.settings.thresholds:
        seen = case.logs.get(threshold.metric)
        target = f"{threshold.comparison} {threshold.target_value:g}"
        if seen is None:
            there = nearest(threshold.metric, case.logs, most=3, cutoff=0.4) or (
                f"; there are {', '.join(sorted(case.logs)[:10])}"
            )
            yield Finding(
                "error",
                "metric",
                f"{threshold.name}: no log bears the metric {threshold.metric!r}{there}. It would never be observed.",
                "Correct the metric's name.",
            )
        elif threshold.satisfied_by(seen.first):
            yield Finding(
                "warning",
                "target",
                f"{threshold.name}: {threshold.metric} starts at {seen.first:g}, which satisfies {target}: it would be "
                "met by the very first observation.",
                "Correct the comparison or the target; a loss wants <=.",
            )
        elif not _was_reached(threshold.comparison, threshold.target_value, seen.lowest, seen.highest):
            yield Finding(
                "note",
                "target",
                f"{threshold.name}: in {seen.runs} run{'s' * (seen.runs != 1)}, {threshold.metric} came from "
                f"{seen.first:g} no further than {seen.lowest:g} to {seen.highest:g}, smoothed: not to {target}.",
                "Nothing, if that is what the next run is for.",
            )


def _was_reached(comparison: str, target: float, lowest: float, highest: float) -> bool:
    if comparison == "==":
        return lowest <= target <= highest
    return highest >= target if comparison in (">=", ">") else lowest <= target
