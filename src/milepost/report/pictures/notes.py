"""What is said beside several pictures."""

from collections.abc import Iterable, Iterator, Sequence

from milepost.analysis.breakdown import has_wall_clock, is_assumed
from milepost.analysis.members import Member
from milepost.report.pictures.data import QUANTITIES
from milepost.runs.record import RunRecord


def count(number: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def untimed_note(every: Sequence[RunRecord]) -> Iterator[str]:
    """Say of logs that have no wall clock what follows from that."""
    untimed = sum(not has_wall_clock(record.ledger) for record in every)
    if untimed:
        yield f"{count(untimed, 'run')} whose log has no wall clock: what was billed beside training is not known."


def unknown_notes(members: Iterable[Member]) -> Iterator[str]:
    """Say how many runs can't be drawn over samples, minutes or dollars."""
    unknown: dict[str, set[str]] = {name: set() for name in QUANTITIES}
    for member in members:
        for name, quantity in QUANTITIES.items():
            if getattr(member.reach, quantity.field) is None:
                unknown[name].add(member.record.run.id)
    for name, runs in unknown.items():
        if runs:
            yield f"{count(len(runs), 'run')} with no known {name}: not drawn over {name}."


def assumed_note(every: Sequence[RunRecord]) -> Iterator[str]:
    """Say of how many runs the dollars are those of an assumed price."""
    assumed = sum(is_assumed(record.ledger) for record in every)
    if assumed:
        yield f"Dollars of {count(assumed, 'run')} are at an assumed price (*)."
