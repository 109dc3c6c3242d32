"""What every way of finding out does: schedulers tell at once, metadata services are asked over HTTP."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from milepost.money.instance import Instance


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What a scheduler's variables tell of this process.

    Attributes:
        instance: How many nodes, and whatever else it knows of them, each field with the variable that told it.
        rank: Which process of the run this is, over all nodes; 0 tracks. None where it does not tell.
        rank_source: The variable that told the rank.
    """

    instance: Instance = Instance()
    rank: int | None = None
    rank_source: str | None = None


class ProbeFailed(Exception):
    """A probe found out nothing; says why, in a few words."""


class Probe(ABC):
    """Asks one thing outside this process what the machine is, such as a cloud's metadata service.

    Attributes:
        name: What is asked, such as ``aws metadata``: the source of the fields that it tells.
    """

    name: ClassVar[str]

    def why_not(self, environ: Mapping[str, str]) -> str | None:
        """Say why it is not to be asked here, such as a variable that forbids it; None where it is. Costs nothing."""
        return None

    @abstractmethod
    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return what it tells. Leaves no thread, process or socket behind.

        Args:
            environ: Environment variables.
            deadline: When to give up, by `time.monotonic`.

        Raises:
            ProbeFailed: It does not answer, or as something else than what it is asked for. Nothing else is raised.
        """

    def notice(self, environ: Mapping[str, str], deadline: float) -> str | None:
        """Return what the provider announces, where it is about to take this spot machine back; None where it is not.

        Asked as in `ask`.

        Raises:
            ProbeFailed: It does not answer.
        """
        return None
