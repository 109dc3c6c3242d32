"""Points by key without a time, whose order is that of each key's own log: which of different keys belong together."""

from collections.abc import Mapping, Sequence

import numpy

from milepost.histories.tables.key_points import Array, Points


def in_stretches(steps: Mapping[str, Array], values: Mapping[str, Array]) -> list[dict[str, Points]]:
    """Return the trainings that keys tell of, one after the other: of most logs one.

    Training that went back to an earlier step begins another stretch. The key with the most points tells where; a point
    of another key is of the first stretch that comes to its step, and of a further one than its own key's one before,
    where that had come as far. `Points.times` hold the number of the stretch, which is no time. Where the steps begin
    anew, another training does.

    Args:
        steps: The steps of each key, in the order of the log.
        values: Its values.
    """
    densest = max(steps, key=lambda key: len(steps[key]))
    own = steps[densest]
    begins = numpy.flatnonzero(numpy.diff(own) <= 0) + 1
    ends = numpy.maximum.reduceat(own, numpy.concatenate(([0], begins)))
    anew = [number for number, at in enumerate(begins, 1) if own[at] < own[at - 1] and own[at] <= own[0]]
    of = {key: _stretches(each.tolist(), ends.tolist()) for key, each in steps.items()}
    trainings: list[dict[str, Points]] = []
    for first, after in zip([0, *anew], [*anew, numpy.inf], strict=True):
        chosen = {key: (each >= first) & (each < after) for key, each in of.items()}
        trainings.append(
            {
                key: Points(of[key][here].astype("f8"), steps[key][here], values[key][here])
                for key, here in chosen.items()
                if here.any()
            }
        )
    return trainings


def _stretches(steps: Sequence[int], ends: Sequence[int]) -> Array:
    """Return the number of the stretch of each of a key's points."""
    found, stretch, before = [], 0, -1
    for step in steps:
        if step <= before:
            stretch += 1
        while stretch < len(ends) - 1 and step > ends[stretch]:
            stretch += 1
        found.append(stretch)
        before = step
    return numpy.array(found, "i8")
