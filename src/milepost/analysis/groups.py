"""Runs that were to reach the same, group by group: those that never did are counted like the others."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from milepost.analysis.members import Member, Target, members_of, target_of
from milepost.runs.record import RunRecord

NO_GROUP = "(no group)"
"""What the runs without a group are called together."""


class Least(NamedTuple):
    """The member of a group that took the least.

    Attributes:
        member: Which one.
        bound: Whether its figure is a bound of the least that any took; None where it is exact.
    """

    member: Member
    bound: Literal["lower", "upper"] | None


class Group(msgspec.Struct, frozen=True):
    """The runs of a group that were to reach one target.

    Attributes:
        name: What the runs have in common, such as the recipe that they are seeds of.
        target: What they were to reach.
        members: What each of them has to say of it, in the order of the runs.
    """

    name: str
    target: Target
    members: tuple[Member, ...]

    @property
    def reached(self) -> int:
        """How many of them reached it."""
        return sum(member.result.achieved for member in self.members)

    def least(self, field: Literal["samples", "minutes", "usd"]) -> Least | None:
        """Return the one that took the least to reach it, by a field of `Reach`, and how certain that is.

        None where it is known of none, and for samples where they are counted in several units. The least of what may
        be less (an upper bound among them) is an upper bound, and the least of what may be more is a lower one.
        """
        known = [each for each in self.members if each.result.achieved and getattr(each.reach, field) is not None]
        if field == "samples" and len({each.result.samples_unit for each in known}) > 1:
            return None
        bounds = [each.bound_of(field) for each in known]
        may_be_less = "upper" in bounds
        ranked = [each for each, bound in zip(known, bounds, strict=True) if not (may_be_less and bound == "lower")]
        if not ranked:
            return None
        member = min(ranked, key=lambda each: float(getattr(each.reach, field)))
        return Least(member, "upper" if may_be_less else member.bound_of(field))


def group_of(record: RunRecord) -> str:
    """Return the group that a run was given."""
    return record.run.group or NO_GROUP


def groups_of(every: Iterable[RunRecord], by: Callable[[RunRecord], str] = group_of) -> list[Group]:
    """Return the groups of runs, a group for each target: target by target, those of one by name.

    Args:
        every: The runs.
        by: Names the group of a run: its own, a tag, a setting.
    """
    members: defaultdict[tuple[str, Target], list[Member]] = defaultdict(list)
    for record in every:
        for member in members_of(record):
            members[by(record), target_of(member.result)].append(member)
    order = {target: at for at, (_, target) in enumerate(members)}
    groups = [Group(name, target, tuple(each)) for (name, target), each in members.items()]
    return sorted(groups, key=lambda group: (order[group.target], group.name))
