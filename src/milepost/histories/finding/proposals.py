"""Patterns for text that no reader takes."""

from collections.abc import Iterator, Sequence

from milepost.errors import HistoryError
from milepost.histories.decoding.text_proposal import Proposal, propose
from milepost.histories.finding.discovery import find_logs
from milepost.histories.finding.log import LeftOut
from milepost.histories.formats.text import NO_LOGS
from milepost.histories.tables.names import elapsed_clocks
from milepost.histories.tables.text_names import naming


def proposals(paths: Sequence[str]) -> Iterator[tuple[str, Proposal]]:
    """Yield files of text under paths that are not read, each with a pattern that would read it.

    Args:
        paths: Files, folders and globs.
    """
    try:
        for log in find_logs(paths):
            if not isinstance(log, LeftOut) or log.path.rpartition(".")[2].lower() in NO_LOGS:
                continue
            try:
                found = propose(log.path, naming, lambda name: bool(elapsed_clocks([name])))
            except (HistoryError, OSError):
                continue
            if found is not None:
                yield log.path, found
    except HistoryError:
        return  # who reads the logs says so
