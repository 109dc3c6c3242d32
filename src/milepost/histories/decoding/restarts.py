"""Restarts of training, as event files tell them: what was logged before at their step or beyond is void."""

from collections.abc import Collection
from typing import Any

import numpy

from milepost.histories.decoding.event_record import LoggedEvent

Array = numpy.ndarray[Any, Any]


class Restarts:
    """What later restarts have made void.

    From the format's second version on, a restart says so. In files of the first, what tells it is a step that goes
    back, for the tags of that event.
    """

    def __init__(self) -> None:
        self._voids: dict[int | None, list[tuple[int, int]]] = {}
        """By tag, or for all: before which event, from which step."""
        self._version: float | None = None
        self._latest_step = 0

    @property
    def only_told(self) -> bool:
        """Whether no step need be looked at: an event that tells of a restart is one."""
        return self._version is not None and self._version >= 2

    def note(self, number: int, event: LoggedEvent, tags: Collection[int]) -> None:
        """Take note of an event.

        Args:
            number: Which one it is, counting all.
            event: It.
            tags: Numbers of its tags, of those that are wanted.
        """
        self._version = self._version if event.version is None else event.version
        if self.only_told:
            if event.starts:
                self._voids.setdefault(None, []).append((number, event.step))
        elif event.step < self._latest_step and event.has_summary:
            for tag in tags:
                self._voids.setdefault(tag, []).append((number, event.step))
        else:
            self._latest_step = event.step

    @property
    def tags(self) -> list[int | None]:
        """Numbers of the tags of which points are void; None where such of all tags are."""
        return list(self._voids)

    def stand(self, numbers: Array, steps: Array, tag: int | None) -> Array:
        """Say of which events the points of a tag, or of all, stand: no later restart at their step or before."""
        voids = numpy.array(self._voids[tag], "i8")
        lowest = numpy.minimum.accumulate(voids[::-1, 1])[::-1]
        after = numpy.searchsorted(voids[:, 0], numbers, side="right")
        stand: Array = (after == len(voids)) | (steps < lowest[numpy.minimum(after, len(voids) - 1)])
        return stand
