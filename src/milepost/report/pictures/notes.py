"""What is said beside several pictures."""

from collections.abc import Iterable, Iterator, Sequence

from milepost.analysis.breakdown import has_wall_clock, is_assumed
from milepost.analysis.members import Member
from milepost.analysis.reach import is_lower_bound
from milepost.analysis.units import units_of
from milepost.report.pictures.data import QUANTITIES, UNITS, Quantity, fields_of
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult


def count(number: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def untimed_note(every: Sequence[RunRecord]) -> Iterator[str]:
    """Say of logs that have no wall clock what follows from that."""
    untimed = sum(not has_wall_clock(record.ledger) for record in every)
    if untimed:
        yield f"{count(untimed, 'run')} whose log has no wall clock: what was billed beside training is not known."


def unknown_notes(members: Iterable[Member]) -> Iterator[str]:
    """Say how many runs can't be drawn over what others are drawn over: samples or another unit, minutes, dollars."""
    members = list(members)
    units = units_of(member.result for member in members) or ["samples"]
    for name, quantity in QUANTITIES.items():
        if name in UNITS and name not in units:
            continue
        of_it = [member for member in members if name not in UNITS or member.result.samples_unit in (name, None)]
        unknown = {member.record.run.id for member in of_it if _value(member, quantity) is None}
        if unknown:
            yield f"{count(len(unknown), 'run')} with no known {name}: not drawn over {name}."


def units_note(results: Iterable[ThresholdResult]) -> Iterator[str]:
    """Say that runs are drawn over what each counts, where that is not the same."""
    results = list(results)
    units = units_of(results)
    if len(units) > 1:
        runs = {unit: len({each.run for each in results if each.samples_unit == unit}) for unit in units}
        counted = ", ".join(f"{unit} ({count(number, 'run')})" for unit, number in runs.items())
        yield f"What is counted differs, and has an axis for each unit: {counted}."


def _value(member: Member, quantity: Quantity) -> float | None:
    return fields_of(member.reach, member.result.samples_unit).get(quantity.field)


def lower_note(every: Sequence[RunRecord]) -> Iterator[str]:
    """Say of how many runs minutes and dollars are lower bounds."""
    lower = sum(map(is_lower_bound, every))
    if lower:
        when = "when they began, or went on, is not known"
        yield f"Minutes and dollars of {count(lower, 'run')} are lower bounds (≥): {when}."


def assumed_note(every: Sequence[RunRecord]) -> Iterator[str]:
    """Say of how many runs the dollars are those of an assumed price."""
    assumed = sum(is_assumed(record.ledger) for record in every)
    if assumed:
        yield f"Dollars of {count(assumed, 'run')} are at an assumed price (*)."
