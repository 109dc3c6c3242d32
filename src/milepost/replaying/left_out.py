"""What lies under the paths of a call and was not read: counted by kind and reason, in one line."""

from collections.abc import Sequence
from typing import NamedTuple

from milepost.histories.finding.log import LeftOut
from milepost.histories.finding.unread import kind_of

MOST_KINDS = 200
"""So many kinds are told apart; the rest are counted together."""

KINDS_SHOWN = 6
"""So many are named in a line."""

OTHERS = ("others", "of further kinds")


class LeftOutFiles(NamedTuple):
    """Files that were not read, for one reason.

    Attributes:
        kind: What their names end with, such as ``.log``.
        reason: Why they were not read, in a few words.
        files: How many there are.
        first: The first of them.
        is_log: Whether they look like logs: with ``strict`` they are a fault.
    """

    kind: str
    reason: str
    files: int
    first: str
    is_log: bool

    @property
    def shown(self) -> str:
        """How many they are and why, in a few words."""
        return f"{self.files:,} {self.kind} ({self.reason})"


class LeftOutCount:
    """Counts what is not read."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, bool], LeftOutFiles] = {}

    def note(self, left: LeftOut) -> None:
        """Count one more."""
        kind, reason = kind_of(left.path), left.brief or left.reason
        key = (kind, reason, left.is_log)
        if key not in self._found and len(self._found) >= MOST_KINDS:
            (kind, reason), key = OTHERS, (*OTHERS, left.is_log)
        known = self._found.get(key, LeftOutFiles(kind, reason, 0, left.path, left.is_log))
        self._found[key] = known._replace(files=known.files + 1)

    @property
    def found(self) -> tuple[LeftOutFiles, ...]:
        """What was counted: what looks like logs first, then what there is most of."""
        return tuple(sorted(self._found.values(), key=lambda each: (not each.is_log, -each.files, each.kind)))


def line_of(left_out: Sequence[LeftOutFiles]) -> str:
    """Return what was left out as one line; empty where nothing was.

    left out: 12 .log (text: --pattern), 1 .json (one object, no rows)
    """
    if not left_out:
        return ""
    shown = [each.shown for each in left_out[:KINDS_SHOWN]]
    if rest := left_out[KINDS_SHOWN:]:
        shown.append(f"{sum(each.files for each in rest):,} of {len(rest)} further kinds")
    return f"left out: {', '.join(shown)}"
