"""Replay: the answers that the live tracker would have given, from the logs of runs that are over.

`replay` (in `runs`) finds the logs and goes through them, `engine` feeds one history to the tracker, `pricing` says
what its hours cost, `results` is what comes of it, and `saving` keeps it in a store.
"""

import sys
from types import ModuleType
from typing import Any

from milepost.replaying.replay import replay
from milepost.replaying.results import Results, Skipped

__all__ = ["Results", "Skipped", "replay"]


class _Callable(ModuleType):
    """This folder, as the function that it is named after: importing any file of it puts it in the function's place."""

    def __call__(self, *args: Any, **kwargs: Any) -> Results:
        return replay(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
