"""Rewinds: what becomes of timer and ledger where a run goes back. `Timer.judge` says whether it does."""

from milepost.log import logger
from milepost.money.lineage import position_at
from milepost.money.position import Position
from milepost.tracking.timer import Timer


def go_back(timer: Timer, samples: int, elapsed: float, wall: float) -> Position:
    """Record that a run went back behind its last update, and return where to.

    Elapsed seconds that the caller tells are taken as they are. A timer of our own goes back with the samples: to where
    the lineage had come to them, found between marks, evenly.

    Args:
        timer: The run's timer, at the last update.
        samples: Where the run is now.
        elapsed: Where the timer would be if the run had not gone back, or where the caller says that it is.
        wall: Unix seconds (UTC) of now.
    """
    gone = timer.here_at(wall) if timer.timed_here else timer.last
    begins = timer.timed_here and timer.updates == 0
    if not begins:
        timer.mark("heartbeat", gone)
    if samples < timer.samples:
        if timer.timed_here:
            elapsed = position_at(timer.ledger, gone, samples)
            if begins:  # what this process has done since its start, it has done there
                started = timer.segment().marks[0]
                timer.ledger = timer.ledger.started_at(elapsed, samples, started.resumes)
                elapsed += gone.elapsed_seconds - started.elapsed_seconds
            timer.origin = wall - elapsed
    else:
        if timer.timed_here and elapsed < 0:  # by wall times: nothing is before the start
            elapsed, timer.origin = 0.0, wall
        timer.said.warn("elapsed", "elapsed time went back from %.1f s to %.1f s", timer.elapsed_seconds, elapsed)
    back = timer.position(samples, elapsed, wall)
    timer.mark("rewind", back)
    logger("tracker").debug("went back from %s to %s", gone, back)
    return back
