"""A tracked run: one process's part in a run, with detection, prices, ledger, tracker and sinks attached.

`track` (in `opening`) puts the parts together, `TrackedRun` (in `run`) is what training talks to, and `PriceWatch` (in
`repricing`) asks for prices meanwhile. Only here are threads started, and only here is `Exception` caught.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milepost.tracked_run.opening import track
    from milepost.tracked_run.run import TrackedRun

__all__ = ["TrackedRun", "track"]


def __getattr__(name: str) -> Any:
    """Load the public names when they are asked for: a replay needs a part of this folder, and tracks nothing."""
    if name == "track":
        from milepost.tracked_run.opening import track

        return track
    if name == "TrackedRun":
        from milepost.tracked_run.run import TrackedRun

        return TrackedRun
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
