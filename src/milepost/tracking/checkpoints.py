"""Which crossings a saved state holds."""

from collections.abc import Mapping

from milepost.tracking.crossing import Crossing


class Checkpoints:
    """Which crossings a saved state holds, so that a resume would not lose them."""

    __slots__ = ("_exist", "_held", "_lost")

    def __init__(self) -> None:
        self._exist = False
        self._held: set[str] = set()
        self._lost: set[str] = set()

    def saved(self, crossings: Mapping[str, Crossing]) -> None:
        """Note that a state was taken which holds these crossings, by threshold name."""
        self._exist = True
        self._held.update(crossings)
        self._lost.clear()

    def loaded(self, crossings: Mapping[str, Crossing], in_state: set[str]) -> None:
        """Note that training goes on from a state which holds those named ``in_state``."""
        self._exist = True
        self._held = crossings.keys() & in_state
        self._lost = crossings.keys() - in_state

    def gone_back(self, crossings: Mapping[str, Crossing], from_samples: int, to_samples: int) -> None:
        """Note that training went back to ``to_samples``, by no state that we know of."""
        self._held.update(name for name in self._lost if from_samples >= crossings[name].position.samples)
        self._lost = {name for name, crossing in crossings.items() if crossing.position.samples > to_samples}
        self._held -= self._lost

    def hold(self, name: str, crossing: Crossing, samples: int) -> bool | None:
        """Say whether a crossing is safe, now that training has come to ``samples``; None without any state."""
        if not self._exist:
            return None
        return name in self._held or (name in self._lost and samples >= crossing.position.samples)
