"""Which crossings a saved state holds."""

from collections.abc import Iterable, Mapping
from typing import Any

from milepost.tracking.crossing import Crossing


class Checkpoints:
    """Which crossings a saved state holds, so that a resume from it would not go back before them.

    A state that was taken is not yet saved: a saver may write it later, or fail at it. A state that was loaded was
    saved; of another one somebody has to say so.

    Attributes:
        latest: Names of the thresholds whose crossings the state holds that was taken last.
    """

    __slots__ = ("_exist", "_lost", "_saved", "_taken", "latest")

    def __init__(self) -> None:
        self.latest: frozenset[str] = frozenset()
        self._exist = False
        self._taken: set[str] = set()
        self._saved: set[str] = set()
        self._lost: set[str] = set()  # training has gone back before them

    def taken(self, crossings: Mapping[str, Crossing], samples: int) -> None:
        """Note that a state was taken at ``samples``, when there were these crossings, by threshold name."""
        self._exist = True
        self._lost -= {name for name in self._lost if samples >= crossings[name].position.samples}
        self.latest = frozenset(crossings.keys() - self._lost)
        self._taken |= self.latest

    def held_by(self, state: Mapping[str, Any] | None = None) -> frozenset[str]:
        """Return the thresholds whose crossings a state holds, of the one that was taken last where none is given.

        May be called on any thread.

        Raises:
            StateError: It is of another version, or no state at all.
        """
        from milepost.tracking.state import TrackerState

        return self.latest if state is None else TrackerState.read(state).crossed

    def saved(self, names: Iterable[str]) -> None:
        """Note that a state is saved which holds the crossings of these thresholds."""
        self._saved |= set(names) - self._lost

    def loaded(self, crossings: Mapping[str, Crossing], known: Mapping[str, bool | None]) -> None:
        """Note from where training goes on, and which crossings a saved state is known to hold.

        Args:
            crossings: The crossings that there are, by threshold name.
            known: Whether a saved state holds each, by threshold name; None where that is not known, as of a state that
                was taken. What is missing, none holds.
        """
        self._exist = True
        self._saved = {name for name in crossings if known.get(name)}
        self._taken = {name for name in crossings if name in known and known[name] is not False}
        self._lost = crossings.keys() - self._taken
        self.latest = frozenset()

    def gone_back(self, crossings: Mapping[str, Crossing], to_samples: int) -> None:
        """Note that training went back to ``to_samples``, by no state that we know of."""
        self._lost |= {name for name, crossing in crossings.items() if crossing.position.samples > to_samples}
        self._saved -= self._lost
        self._taken -= self._lost
        self.latest -= self._lost

    def hold(self, name: str) -> bool | None:
        """Say whether a crossing is safe; None where that is not known: see `ThresholdResult.checkpointed`."""
        if name in self._saved:
            return True
        return None if name in self._taken or not self._exist else False
