"""Trainings that follow each other in one job: which of them is the run of before, and which is one of its own."""

from typing import TYPE_CHECKING, NamedTuple

from milepost.runs.record import RunRecord

if TYPE_CHECKING:
    from milepost.store.store import Store

CLOSED = "closed"
"""Status of a run that its program ended itself, by all that can be told because it was done."""


class Earlier(NamedTuple):
    """The run that a job tracked before, and that its program closed.

    Attributes:
        record: What is known of it.
        another: Id of the run that comes after it, if this training is another one.
    """

    record: RunRecord
    another: str

    @property
    def first_samples(self) -> int:
        """What the trainer had counted when that run began: at its first observation, else at its start."""
        points = [curve.points[0] for curve in self.record.curves if curve.points]
        started = self.record.ledger.segments[0].marks[0].samples if self.record.ledger.segments else 0
        return min((point.samples for point in points), default=started)

    def begins_anew(self, samples: float) -> bool:
        """Say whether training whose first update stands at ``samples`` is another one, and does not go on with it."""
        return samples <= self.first_samples


def latest_of_job(store: "Store", run: str) -> str:
    """Return the id of the last run that a job has tracked under the id that it gives: ``run``, ``run~2`` and so on."""
    while store.runs([later := following(run)]):
        run = later
    return run


def following(run: str) -> str:
    """Return the id of the run that comes after one in its job."""
    first, _, number = run.rpartition("~")
    return f"{first}~{int(number) + 1}" if first and number.isdecimal() else f"{run}~2"
