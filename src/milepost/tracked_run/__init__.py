"""A tracked run: one process's part in a run, and all that hangs on it.

`track` (in `opening`) puts it together, and `TrackedRun` (in `run`) is what training talks to. All else is done by its
parts (`part`): the recorder, the watches over prices, notices and the end, each sink, and those of other packages.
`loop` calls them when they are due; what they know of the run is in `view`. Only in this folder are threads started,
and only here is `Exception` caught.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milepost.tracked_run.opening import track
    from milepost.tracked_run.part import Part
    from milepost.tracked_run.run import TrackedRun

__all__ = ["Part", "TrackedRun", "track"]

_HOMES = {"Part": "part", "TrackedRun": "run", "track": "opening"}


def __getattr__(name: str) -> Any:
    """Load the public names when they are asked for: a replay needs a part of this folder, and tracks nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
