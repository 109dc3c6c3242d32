"""A tracked run: one process's part in a run, with detection, prices, ledger, tracker and sinks attached.

`track` (in `opening`) puts the parts together, `TrackedRun` (in `run`) is what training talks to, and `PriceWatch` (in
`repricing`) asks for prices meanwhile. Only here are threads started, and only here is `Exception` caught.
"""

from milepost.tracked_run.opening import track
from milepost.tracked_run.run import TrackedRun

__all__ = ["TrackedRun", "track"]
