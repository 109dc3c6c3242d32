"""What is said beside several pictures."""

from collections.abc import Iterator, Sequence

from milepost.report.ledgers import has_clock
from milepost.store.snapshot import Kept


def count(number: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def untimed_note(every: Sequence[Kept]) -> Iterator[str]:
    """Say of logs that have no wall clock what follows from that."""
    untimed = sum(not has_clock(kept.ledger) for kept in every)
    if untimed:
        yield f"{count(untimed, 'run')} whose log has no wall clock: what was billed beside training is not known."
