"""Replay: the answers that the live tracker would have given, from the logs of runs that are over.

`replay` (in `runs`) finds the logs and goes through them, `engine` feeds one history to the tracker, `pricing` says
what its hours cost, `results` is what comes of it, and `saving` keeps it in a store.
"""

from milepost.replay.results import Results, Skipped
from milepost.replay.runs import replay

__all__ = ["Results", "Skipped", "replay"]
