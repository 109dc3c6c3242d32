"""A log that was found, and what was left out."""

import re
from typing import NamedTuple

from milepost.histories.reader import Reader

VERSION = re.compile(r"^version_(\d+)$")
"""Folders of one of Lightning's logs."""

OF_WANDB = re.compile(r"^(?:offline-)?run-\d{8}_\d{6}-(.+)$")
"""Folders of W&B's; what they end with is the run's id."""


class Log(NamedTuple):
    """A log that was found.

    Attributes:
        reader: What reads it.
        files: Its files, or one address.
        run: Id of its run, unless it names one itself.
        notes: What was joined or split, and why.
        beside: Text that tells of the same run: it is read for what the log does not tell.
    """

    reader: Reader
    files: tuple[str, ...]
    run: str
    notes: tuple[str, ...] = ()
    beside: tuple["Log", ...] = ()


class LeftOut(NamedTuple):
    """A file or folder under a path that is not read.

    Attributes:
        path: Which one.
        reason: Why, in full.
        broken: Whether that is a fault: it can't be read. Else it is of no known format, as files beside logs are, or
            tells of a run that another log tells of.
        brief: Why, in a few words that many files may have in common.
        is_log: Whether it looks like a log all the same, and of no run that was read: it is missed.
    """

    path: str
    reason: str
    broken: bool
    brief: str = ""
    is_log: bool = False
