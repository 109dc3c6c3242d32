"""What training talks to: one process's part in a run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from milepost.errors import StateError
from milepost.log import logger
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.tracked_run.end_watch import why_ended
from milepost.tracked_run.loop import Loop
from milepost.tracked_run.part import Part
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["TrackedRun", P], T]


def _never_raises(default: Callable[[], Any]) -> Callable[[Method[P, T]], Method[P, T]]:
    """Make a method of a tracked run do nothing on other ranks than 0, and log what goes wrong in place of raising."""

    def decorate(method: Method[P, T]) -> Method[P, T]:
        @wraps(method)
        def guarded(self: "TrackedRun", /, *args: P.args, **kwargs: P.kwargs) -> T:
            loop = self._loop
            if loop is None:
                return default()  # type: ignore[no-any-return]
            try:
                loop.catch_up()  # a price, or what else another thread has found out
                result = method(self, *args, **kwargs)
                loop.catch_up()  # what has come of it
                return result
            except Exception:
                self._failed(method.__name__)
                return default()  # type: ignore[no-any-return]

        return guarded

    return decorate


class TrackedRun:
    """One process's part in a run: what `track` gives. Nothing in it raises into training.

    Args:
        loop: The run and what hangs on it; None on other ranks than 0, where every method does nothing.
        parts: What hangs on it, in the order in which it is called.

    """

    def __init__(self, loop: Loop | None, parts: Iterable[Part] = ()) -> None:
        self._loop = loop
        self._failures: set[str] = set()
        if loop is not None:
            self._monotonic = loop.clock.monotonic
            try:
                loop.begin(parts)
            except Exception:
                self._failed("the start")

    def __enter__(self) -> "TrackedRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(why_ended(kind))

    def __reduce__(self) -> Any:
        raise TypeError(
            "a TrackedRun belongs to its process: found an attempt to pickle or copy it, expected state_dict(), "
            "which load_state_dict() of another process's run goes on from"
        )

    def update(
        self,
        metrics: Mapping[str, Any],
        samples: int | None = None,
        elapsed_seconds: float | None = None,
        *,
        wall_time: float | None = None,
    ) -> tuple[ThresholdResult, ...]:
        """Take what was logged at one position; see `PerformanceThresholdTracker.update`. Never raises."""
        loop = self._loop
        achieved: tuple[ThresholdResult, ...] = ()
        if loop is None:
            return achieved
        try:
            if loop.holds_updates and not loop.admits(1 if samples is None else samples):
                return achieved
            if loop.soon:
                loop.catch_up()
            if loop.samples_per_step is not None and samples is not None:
                samples = samples * loop.samples_per_step
            achieved = loop.tracker.update(metrics, samples, elapsed_seconds, wall_time=wall_time)
            loop.updates = updates = loop.updates + 1
            if updates >= loop.due_updates:
                loop.update_parts(metrics)
            elif loop.wanted:
                for name in loop.wanted:
                    if name in metrics:
                        loop.update_parts(metrics)
                        break
            if achieved or self._monotonic() >= loop.due_at:
                loop.look(metrics)
        except Exception:
            self._failed("update")
        return achieved

    @_never_raises(lambda: None)
    def begin(self) -> None:
        """Have it known now that the run is under way, and where it is. `track` does so at its start."""
        if self._loop is not None:
            self._loop.beat_soon()
            self._loop.look({})

    @_never_raises(dict)
    def get_results(self) -> dict[str, ThresholdResult]:
        """Return a result for each threshold, by name."""
        return self._live.get_results()

    @_never_raises(dict)
    def get_wandb_metrics(self) -> dict[str, float | bool | str]:
        """Return what is known, under the keys that sinks use."""
        return self._live.get_wandb_metrics()

    @_never_raises(dict)
    def get_cost_lines(self) -> dict[str, float | None]:
        """Return the USD of each kind of charge so far: ``compute`` as billed, ``storage`` and ``network`` if set."""
        return self._live.get_cost_lines()

    @_never_raises(lambda: None)
    def calculate_total_cost(self, *, billed: bool = False) -> float | None:
        """Return the USD for everything so far, lost work included; None where that is not known."""
        return self._live.calculate_total_cost(billed=billed)

    @_never_raises(lambda: False)
    def is_complete(self) -> bool:
        """Say whether every threshold is achieved; False where nothing is tracked."""
        return self._live.is_complete()

    @_never_raises(lambda: None)
    def pause(self) -> None:
        """Stop the training timer until `resume`."""
        self._live.pause()

    @_never_raises(lambda: None)
    def resume(self) -> None:
        """Start the training timer again."""
        self._live.resume()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Stop the training timer for a block, and give its wall time a name, such as ``evaluation``."""
        self._begin_phase(name)
        try:
            yield
        finally:
            self.resume()

    @_never_raises(dict)
    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint should hold of the run: JSON-able; empty where nothing is tracked.

        Once the checkpoint is saved, say so: `checkpointed`.
        """
        return self._live.state_dict()

    def checkpointed(self, state: Mapping[str, Any] | None = None) -> None:
        """Note that a checkpoint is saved: its file is there. May be called on any thread, such as a saver's own.

            torch.save({"run": run.state_dict(), …}, path)
            run.checkpointed()

        Args:
            state: What `state_dict` gave for it; what it gave last where not given. A saver that works behind training
                hands it over, if the next may be under way by then.
        """
        loop = self._loop
        if loop is not None and (state is None or state):
            try:
                checkpoints = loop.tracker.checkpoints
                names = checkpoints.held_by(state)
                loop.do_soon(lambda: checkpoints.saved(names))
            except Exception:
                self._failed("checkpointed")

    @_never_raises(lambda: None)
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; an empty state is passed over, and so is one that can't be read, said."""
        if state:
            assert self._loop is not None
            self._loop.go_on()
            try:
                self._live.load_state_dict(state)
            except StateError as error:
                logger("tracked_run").error("%s: the run begins anew here, and not where it left off", error)

    @_never_raises(lambda: None)
    def close(self, why: str = "closed") -> None:
        """Mark the end of the run, and bring sinks and store up to date; a second call does nothing.

        Args:
            why: Why the run is over: ``closed``, ``interrupted`` or ``failed``.
        """
        assert self._loop is not None
        self._loop.end(why)

    @property
    def run(self) -> str | None:
        """Id of the run; None where nothing is tracked.

        Where a job trains again without naming its runs, it is known from the first update, or from a state that is
        loaded.
        """
        return None if self._loop is None else self._loop.described.id

    @property
    def thresholds(self) -> tuple[PerformanceThreshold, ...]:
        """What is to be reached; nothing where nothing is tracked."""
        return () if self._loop is None else self._loop.thresholds

    @property
    def ledger(self) -> Ledger:
        """What the run ran on, when, and at what price."""
        return Ledger() if self._loop is None else self._loop.ledger

    @property
    def here(self) -> Position | None:
        """Where the run is now; None where nothing is tracked."""
        return None if self._loop is None else self._loop.here

    @property
    def _live(self) -> PerformanceThresholdTracker:
        assert self._loop is not None
        return self._loop.tracker

    @_never_raises(lambda: None)
    def _begin_phase(self, name: str) -> None:
        self._live.pause(name)

    def _failed(self, what: str) -> None:
        """Log what went wrong, with its traceback, once for each thing that can."""
        if what not in self._failures:
            self._failures.add(what)
            logger("tracked_run").exception("%s failed; training goes on, and this is said once", what)
