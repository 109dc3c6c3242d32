"""Axes: which keys of a log that gives each of them steps of its own are counted along one axis.

Epochs beside batches, and gradient steps beside environment steps, are not.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from milepost.histories.history import History

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

OWN_STEP = "step"
"""What ``--samples-column`` calls an event's own step, where no tag is called so."""

SHARED = 0.9
"""So much of the sparser key's steps are among the other's where they share an axis."""

APART = 0.1
"""By so much of the later one their last steps differ at most then."""


def count_nothing(steps: "Array | None") -> bool:
    """Say whether the steps of an axis, each once, are all 0: such are none."""
    return steps is not None and len(steps) == 1 and bool(steps[0] == 0)


def axes_of(steps: Mapping[str, "Array"]) -> dict[str, str]:
    """Return the axis of each key: the densest key of those that share it.

    Two keys share an axis where nine of ten of the sparser one's steps are among the other's, and their last steps
    differ by at most a tenth.

    Args:
        steps: The steps of each key, ascending, each once.
    """
    leaders: list[str] = []
    axes: dict[str, str] = {}
    same: dict[bytes, str] = {}
    for key in sorted(steps, key=lambda key: -len(steps[key])):
        own = steps[key]
        content = own.tobytes()
        if content not in same:
            same[content] = next((each for each in leaders if share_axis(own, steps[each])), key)
            if same[content] == key:
                leaders.append(key)
        axes[key] = same[content]
    return axes


def share_axis(sparser: "Array", denser: "Array") -> bool:
    """Say whether two keys share an axis, by their steps, ascending, each once."""
    if not len(sparser) or not len(denser):
        return False
    last, other = int(sparser[-1]), int(denser[-1])
    if abs(last - other) > APART * max(abs(last), abs(other)):
        return False
    import numpy

    at = numpy.minimum(numpy.searchsorted(denser, sparser), len(denser) - 1)
    return int(numpy.count_nonzero(denser[at] == sparser)) >= SHARED * len(sparser)


def counted_in(
    counter: str | None, steps_count: bool, per_step: int | None, may_be: str, all_zero: str
) -> dict[str, Any]:
    """Return what the counts of an axis are, as `History` has it.

    Args:
        counter: The key that counts samples; None where none does.
        steps_count: Whether the steps count anything.
        per_step: How many samples a step is, where the user says so.
        may_be: Why steps are no samples.
        all_zero: Why nothing is counted, where steps count nothing either.
    """
    if counter is not None:
        return {"samples_unit": "samples", "samples_source": counter}
    if not steps_count:
        return {"samples_unit": None, "uncounted_because": all_zero}
    if per_step is not None:
        return {"samples_unit": "samples", "samples_source": OWN_STEP}
    because = f"{may_be} (--samples-column, or how many a step is: --samples-per-step)"
    return {"samples_unit": "steps", "samples_source": OWN_STEP, "uncounted_because": because}


def along_axes(axes: Sequence[History], metrics: Iterable[Sequence[str]]) -> History:
    """Return a run of its axes; where there is one alone, that.

    Args:
        axes: A history for each.
        metrics: The metrics that are wanted and lie on each.
    """
    if len(axes) == 1:
        return axes[0]
    return msgspec.structs.replace(
        axes[0],
        rows=lambda: chain.from_iterable(axis.rows() for axis in axes),
        axes=tuple(
            msgspec.structs.replace(each, metrics=tuple(names)) for each, names in zip(axes, metrics, strict=True)
        ),
    )
