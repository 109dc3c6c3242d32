"""What training talks to: one process's part in a run."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.segment import PREEMPTED
from milepost.sinks.sink import Sink
from milepost.tracked_run.end_watch import EndWatch
from milepost.tracked_run.notice_watch import NoticeWatch
from milepost.tracked_run.price_watch import PriceWatch, Question, restated
from milepost.tracked_run.recorder import Recorder
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.timer import SYSTEM_CLOCK, Clock
from milepost.tracking.tracker import PerformanceThresholdTracker

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["TrackedRun", P], T]

CLOSE_WAIT_SECONDS = 5.0
"""How long the end of a run waits for a price that is being asked for; a fifth of it where the run was cut short."""

JUMP_SECONDS = 10.0
"""What the system's clock gains or loses between two heartbeats beyond this is a jump, and not its rate."""

NOTICED_HEARTBEAT_SECONDS = 1.0
"""How often the ledger is marked once the provider has said that it takes the machine back."""


def _never_raises(default: Callable[[], Any]) -> Callable[[Method[P, T]], Method[P, T]]:
    """Make a method of a tracked run do nothing on other ranks than 0, and log what goes wrong in place of raising."""

    def decorate(method: Method[P, T]) -> Method[P, T]:
        @wraps(method)
        def guarded(self: "TrackedRun", /, *args: P.args, **kwargs: P.kwargs) -> T:
            if self._tracker is None:
                return default()  # type: ignore[no-any-return]
            try:
                self._restate()
                return method(self, *args, **kwargs)
            except Exception:
                self._failed(method.__name__)
                return default()  # type: ignore[no-any-return]

        return guarded

    return decorate


class TrackedRun:
    """One process's part in a run: what `track` gives. Nothing in it raises into training.

    Args:
        tracker: The tracker; None on other ranks than 0, where every method does nothing.
        sinks: Where results are shown.
        price_watch: Asks for prices meanwhile.
        heartbeat_seconds: How often the ledger is marked and the sinks are brought up to date.
        recorder: Keeps the run in its store.
        clock: Wall time that cannot jump.

    Attributes:
        run: Id of the run; None where nothing is tracked.
    """

    def __init__(
        self,
        tracker: PerformanceThresholdTracker | None,
        *,
        sinks: Sequence[Sink] = (),
        price_watch: PriceWatch | None = None,
        heartbeat_seconds: float = 15.0,
        recorder: Recorder | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._tracker = tracker
        self._sinks = list(sinks)
        self._price_watch = price_watch
        self._heartbeat_seconds = heartbeat_seconds
        self._clock = clock
        self._monotonic = clock.monotonic
        self._jumped_seconds = 0.0  # what the system's clock has gained on ours
        self._next_heartbeat = 0.0
        self._closed = False
        self._pid = os.getpid()
        self._names: set[str] = set()
        self._failures: set[str] = set()
        self._recorder = recorder
        self._until_sample = 1 if recorder else 0  # updates until the next point of the curves
        self._rare: tuple[str, ...] = ()
        self._stop_asked: str | None = None
        self._notice: str | None = None
        self._notice_watch: NoticeWatch | None = None
        self.run = None if tracker is None else tracker.run
        self._end_watch = None if tracker is None else EndWatch(self._ask_to_stop, self._end)
        self._watch_for_notices()

    def __enter__(self) -> "TrackedRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("closed" if kind is None else "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    def update(
        self,
        metrics: Mapping[str, Any],
        samples: int,
        elapsed_seconds: float | None = None,
        *,
        wall_time: float | None = None,
    ) -> tuple[ThresholdResult, ...]:
        """Take what was logged at one position; see `PerformanceThresholdTracker.update`. Never raises."""
        if self._tracker is None or self._closed:
            return ()
        try:
            if self._price_watch is not None and self._price_watch.ready:
                self._restate()
            achieved = self._tracker.update(metrics, samples, elapsed_seconds, wall_time=wall_time)
            self._until_sample -= 1
            if self._until_sample == 0:
                self._sample(metrics)
            elif self._rare:
                self._sample_rare(metrics)
            if achieved or self._monotonic() >= self._next_heartbeat:
                self._beat(metrics, commit=bool(achieved))
            return achieved
        except Exception:
            self._failed("update")
            return ()

    @_never_raises(lambda: None)
    def begin(self) -> None:
        """Have it known that the run is under way, so that whatever happens to it is known of. Called by `track`."""
        if self._recorder is not None:
            self._recorder.record()
            self._recorder.commit()

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
        """Return what a checkpoint should hold of the run: JSON-able; empty where nothing is tracked."""
        return self._live.state_dict()

    @_never_raises(lambda: None)
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; an empty state is passed over."""
        if state:
            self._live.load_state_dict(state)
            self._ask_for_earlier_prices()

    @_never_raises(lambda: None)
    def close(self, why: str = "closed") -> None:
        """Mark the end of the run, and bring sinks and store up to date; a second call does nothing.

        Args:
            why: Why the run is over: ``closed``, ``interrupted`` or ``failed``.
        """
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        if self._notice is not None:
            why = PREEMPTED
        elif why == "closed":
            why = self._stop_asked or why
        self._stop_watching()
        self._live.mark("end", why)
        if self._recorder is not None:
            self._recorder.record(why, has_ended=True)
        self._live.warn_of_missing(self._names)
        if self._price_watch is not None:
            self._price_watch.wait(CLOSE_WAIT_SECONDS if why == "closed" else CLOSE_WAIT_SECONDS / 5)
            before = self._live.ledger
            self._restate()
            self._price_watch.close()
            if self._recorder is not None and self._live.ledger != before:
                self._recorder.record(why, has_ended=True)
        self._show()
        if self._recorder is not None:
            self._recorder.close(is_cut_short=why not in ("closed", "failed"))

    @property
    def thresholds(self) -> tuple[PerformanceThreshold, ...]:
        """What is to be reached; nothing where nothing is tracked."""
        return () if self._tracker is None else self._tracker.thresholds

    @property
    def ledger(self) -> Ledger:
        """What the run ran on, when, and at what price."""
        return Ledger() if self._tracker is None else self._tracker.ledger

    @property
    def here(self) -> Position | None:
        """Where the run is now; None where nothing is tracked."""
        return None if self._tracker is None else self._tracker.here

    @property
    def _live(self) -> PerformanceThresholdTracker:
        assert self._tracker is not None
        return self._tracker

    @_never_raises(lambda: None)
    def _begin_phase(self, name: str) -> None:
        self._live.pause(name)

    def _beat(self, metrics: Mapping[str, Any], *, commit: bool = False) -> None:
        """Mark that the run is alive, and show and keep what has changed.

        Args:
            metrics: What was logged.
            commit: Wait until it is on disk.
        """
        now = self._monotonic()
        self._names.update(metrics)
        if now >= self._next_heartbeat:
            self._look_at_the_clock()
            if self._next_heartbeat:
                self._live.mark("heartbeat", None if self._notice is None else PREEMPTED)
                self._live.warn_of_missing(metrics)
            self._next_heartbeat = now + self._heartbeat_seconds
        if self._recorder is not None:
            self._recorder.record()
            if commit:
                self._recorder.commit()
        self._show()

    def _look_at_the_clock(self) -> None:
        """Say so where the system's clock has jumped; nothing here goes by it."""
        gained = self._clock.passed_over_seconds()
        jumped, self._jumped_seconds = gained - self._jumped_seconds, gained
        if abs(jumped) > JUMP_SECONDS:
            logger("tracked_run").warning(
                "the system's clock jumped by %+.0f s; elapsed time and dollars go by the monotonic clock, as before",
                jumped,
            )
            if self._recorder is not None:
                self._recorder.add("clock_jump", {"seconds": jumped})

    def _sample(self, metrics: Mapping[str, Any]) -> None:
        """Take a point of the curves of the metrics that every update bears."""
        assert self._recorder is not None
        curves, at = self._recorder.curves, self._live.last
        if self._rare:
            curves.sample_rare(metrics, at)
        self._until_sample = curves.sample(metrics, at)
        self._rare = curves.rare

    def _sample_rare(self, metrics: Mapping[str, Any]) -> None:
        """Take a point of the curves of other metrics, where this update bears one."""
        assert self._recorder is not None
        for metric in self._rare:
            if metric in metrics:
                self._recorder.curves.sample_rare(metrics, self._live.last)
                return

    def _ask_to_stop(self, why: str) -> None:
        """Take note that the program was asked to stop. A signal's handler: it may stand in the middle of anything."""
        self._stop_asked = why
        self._next_heartbeat = min(self._next_heartbeat, self._monotonic())

    def _end(self, why: str) -> None:
        """End the run because its process ends."""
        self.close(why)

    def _watch_for_notices(self) -> None:
        """Have the provider asked whether it takes the machine back, where that is a spot machine."""
        instance = self.ledger.current.instance if self.ledger.current else Instance()
        if self._notice_watch is None and instance.market == "spot" and instance.provider is not None:
            self._notice_watch = NoticeWatch(instance.provider, self._take_notice)

    def _take_notice(self, notice: str) -> None:
        """Take note that the machine will be taken back. On the thread of the watch: the tracker is left alone."""
        logger("tracked_run").warning("the provider takes this machine back: %s", notice)
        self._notice = notice
        self._heartbeat_seconds = min(self._heartbeat_seconds, NOTICED_HEARTBEAT_SECONDS)
        self._next_heartbeat = min(self._next_heartbeat, self._monotonic())
        if self._recorder is not None:
            self._recorder.note_preemption(self._live.ledger, notice)

    def _stop_watching(self) -> None:
        if self._end_watch is not None:
            self._end_watch.close()
        if self._notice_watch is not None:
            self._notice_watch.close()

    def _restate(self) -> None:
        """Put the prices that came meanwhile into the ledger: every figure follows from it."""
        if self._price_watch is None or not self._price_watch.ready:
            return
        before = self._live.ledger
        for question, answer in self._price_watch.take():
            self._live.ledger = restated(self._live.ledger, question, answer)
        if self._live.ledger != before and not self._closed:
            self._watch_for_notices()
            self._show()

    def _ask_for_earlier_prices(self) -> None:
        """Have the segments of earlier processes priced whose price was still under way when they ended."""
        if self._price_watch is not None:
            for segment in self._live.ledger.segments[:-1]:
                unpriced = segment.quote is None and segment.unpriced_because != "prices: off"
                if unpriced or (segment.quote is not None and segment.quote.provisional):
                    self._price_watch.put(Question(segment.instance, segment.billed_from))

    def _show(self) -> None:
        if not self._sinks:
            return
        metrics = self._live.get_wandb_metrics()
        samples = self._live.here.samples
        for sink in self._sinks:
            try:
                sink.write(metrics, samples)
            except Exception:
                self._failed(f"the sink {sink.name}")

    def _failed(self, what: str) -> None:
        """Log what went wrong, with its traceback, once for each thing that can."""
        if what not in self._failures:
            self._failures.add(what)
            logger("tracked_run").exception("%s failed; training goes on, and this is said once", what)
