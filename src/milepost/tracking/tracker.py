"""The tracker: takes observations, finds crossings, and says what each took."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from milepost.errors import nearest
from milepost.log import logger
from milepost.money.costs import billed_cost, cost_lines, total_cost
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.segment import MarkKind
from milepost.text import clean
from milepost.tracking.checkpoints import Checkpoints
from milepost.tracking.crossing import Crossing, Detector
from milepost.tracking.event import Event
from milepost.tracking.moves import Moves
from milepost.tracking.precision import is_single
from milepost.tracking.result import CrossingCosts, ThresholdResult, result_of
from milepost.tracking.series import Series, as_float, by_metric, missing
from milepost.tracking.thresholds import PerformanceThreshold, require_unique_names
from milepost.tracking.timer import SYSTEM_CLOCK, Clock, ProcessStart, Timer
from milepost.tracking.unix_time import LATEST_ELAPSED_SECONDS

if TYPE_CHECKING:
    from milepost.tracking.keys import Figure
    from milepost.tracking.state import TrackerState

# `keys` and `state` are imported where they are used: making a tracker costs little.


class PerformanceThresholdTracker:
    """Tracks metrics against thresholds, and says what each crossing took.

        tracker = PerformanceThresholdTracker([PerformanceThreshold("solved", "reward", 200.0)])
        tracker.update({"reward": 215.0}, samples=10_000)     # every step; returns what was newly achieved
        tracker.get_results()["solved"].minutes_to_threshold  # what it took

    Not thread-safe: one thread updates and reads it.

    Args:
        thresholds: What is to be reached; names are unique.
        ledger: What the run is on and at what price; its last segment is the one under way. Where not given, minutes
            are known and dollars are not.
        available_metrics: Names that the trainer is known to log: a threshold on another name is warned about at once.
        clock: Wall and training time, where the caller gives none.
        on_event: Called on crossings, rewinds and resumes, on the thread that updates.

    Attributes:
        thresholds: The thresholds, in their order.
        timer: The training timer, and where the run stands.
        run: Id of the run, for results.
        group: Group of the run, for results.
        checkpoints: Which crossings saved states hold.

    Raises:
        ConfigError: Two thresholds bear one name.
    """

    def __init__(
        self,
        thresholds: Iterable[PerformanceThreshold],
        *,
        ledger: Ledger | None = None,
        available_metrics: Iterable[str] = (),
        clock: Clock = SYSTEM_CLOCK,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.thresholds = tuple(thresholds)
        require_unique_names(self.thresholds)
        self.run: str | None = None
        self.group: str | None = None
        self.timer = Timer(ledger or Ledger(), clock)
        self._monotonic = clock.monotonic
        self._clock_offset = clock.offset
        self._on_event = on_event
        self._detectors = {threshold.name: Detector(threshold) for threshold in self.thresholds}
        self._series = by_metric(self._detectors.values())
        self.sort_series()
        self.moves = Moves(self)
        self.on_observed: Callable[[Position], None] | None = None
        self.checkpoints = Checkpoints()
        self._costs = CrossingCosts()
        if available := set(available_metrics):
            self.warn_of_missing(available)

    def update(
        self,
        metrics: Mapping[str, Any],
        samples: int | None = None,
        elapsed_seconds: float | None = None,
        *,
        wall_time: float | None = None,
    ) -> tuple[ThresholdResult, ...]:
        """Take what was logged at one position of the run; cheap enough for every step.

        Args:
            metrics: Any of the metrics, among whatever else is logged. Values are Python, NumPy or zero-dimensional
                torch numbers. NaN and infinities are skipped and counted, and so is what would make the average's sum
                overflow; what is no number is warned about once.
            samples: What the trainer has counted so far; where no update tells any, updates are counted.
            elapsed_seconds: Seconds on the training timer; where not given, the clock's time since the start, less
                pauses, plus what was restored.
            wall_time: Unix seconds (UTC) of the observation; where not given, now.

        Returns:
            The results of the thresholds that this observation achieved, in the order of the thresholds.
        """
        timer = self.timer
        wall = self._monotonic() + self._clock_offset if wall_time is None else wall_time
        if samples is None:
            samples = timer.count_update()
        if elapsed_seconds is None:
            elapsed = timer.elapsed_seconds if timer.pauses else wall - timer.origin
        else:
            elapsed = elapsed_seconds
        if not (
            timer.samples <= samples
            and timer.elapsed_seconds <= elapsed < LATEST_ELAPSED_SECONDS
            and (wall_time is None or 0.0 <= wall_time - timer.wall_time < timer.hole_seconds)
            and (elapsed_seconds is None) is timer.expects
            and (samples < timer.due or timer.leave_a_trail(samples, elapsed))
        ):
            placed = self.moves.place(metrics, samples, elapsed_seconds, wall, wall_time is not None)
            if isinstance(placed, tuple):
                return placed
            samples, elapsed, wall = placed.samples, placed.elapsed_seconds, placed.wall_time
        achieved: list[Detector] | None = None
        for series in self._unsettled:
            x = metrics.get(series.metric)
            if type(x) is not float:
                if x is None:
                    series.absent += 1
                    if series.left_at is None or series.metric in metrics:
                        series.miss(metrics, timer)
                    continue
                if series.is_single is None:
                    series.tell_precision(is_single(x))
                x = as_float(x)
            # The recurrence of Smoother.push, written out. NaN, infinities and overflow fail the comparison.
            total = series.decay * series.total + x
            weight = series.decay * series.weight + 1.0
            if series.low < total / weight < series.high:
                series.total = total
                series.weight = weight
            elif found := series.observe(x, timer.position(samples, elapsed, wall), metrics, timer):
                achieved = found if achieved is None else achieved + found
        for series in self._settled:  # nothing to compare: the smoother alone goes on
            x = metrics.get(series.metric)
            if type(x) is not float:
                x = as_float(x)
            total = series.decay * series.total + x
            if total - total == 0.0:
                series.total = total
                series.weight = series.decay * series.weight + 1.0
                series.left_at = None
            else:
                series.absent += 1
                series.miss(metrics, timer)
        # Counters that are changed in place would change here too.
        timer.samples = samples if type(samples) is int else int(samples)
        timer.elapsed_seconds = elapsed if type(elapsed) is float else float(elapsed)
        timer.wall_time = wall if type(wall) is float else float(wall)
        timer.updates += 1
        return () if achieved is None else self.achieve(achieved, self.last)

    def pause(self, name: str | None = None) -> None:
        """Stop the training timer. Pauses may be nested; each is ended by one `resume`.

        Args:
            name: What the time is spent on, such as ``evaluation``: a named phase of the run.
        """
        self.timer.pause(None if name is None else clean(str(name)))

    def resume(self) -> None:
        """Start the training timer again, after as many calls as there were to `pause`."""
        self.timer.resume()

    def mark(self, kind: MarkKind, name: str | None = None) -> None:
        """Tie elapsed to wall time here: a ``heartbeat`` says that the run is alive, an ``end`` why it is over."""
        self.timer.mark(kind, self.here, None if name is None else clean(str(name)))

    @property
    def ledger(self) -> Ledger:
        """The ledger as it stands; a restated one may be put in its place."""
        return self.timer.ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self.timer.ledger = ledger

    @property
    def here(self) -> Position:
        """Where the run is now; where it ended, once that is marked."""
        return self.timer.here

    @property
    def last(self) -> Position:
        """Where the last update stood."""
        return self.timer.last

    @property
    def crossings(self) -> dict[str, Crossing]:
        """The crossings of the thresholds that were achieved, by name."""
        return {name: each.crossing for name, each in self._detectors.items() if each.crossing}

    @property
    def series(self) -> tuple[Series, ...]:
        """Each metric under each of its smoothings."""
        return tuple(self._series.values())

    def sort_series(self) -> None:
        """Tell the series whose values are still to be compared from those whose thresholds are all achieved.

        Whoever has brought series and timer on from outside calls this.
        """
        every_series = self._series.values()
        self._settled = [series for series in every_series if series.even and series.pending.is_empty]
        self._unsettled = [series for series in every_series if series not in self._settled]

    def get_results(self) -> dict[str, ThresholdResult]:
        """Return a result for each threshold, by name, as the ledger and its prices stand now."""
        return {name: self._result(detector) for name, detector in self._detectors.items()}

    def is_complete(self) -> bool:
        """Say whether every threshold is achieved."""
        return all(detector.crossing is not None for detector in self._detectors.values())

    def calculate_total_cost(self, *, billed: bool = False) -> float | None:
        """Return the USD for everything so far, lost work included; None where a part of it has no price.

        Args:
            billed: Count wall-clock time, as the provider bills it, in place of elapsed time.
        """
        return (billed_cost if billed else total_cost)(self.ledger, self.here)

    def get_cost_lines(self) -> dict[str, float | None]:
        """Return the USD of each kind of charge so far: ``compute`` as billed, ``storage`` and ``network`` if set."""
        return cost_lines(self.ledger, self.here)

    def get_wandb_metrics(self) -> dict[str, float | bool | str]:
        """Return what is known, under the keys that sinks use (``performance_threshold/…``)."""
        return {figure.name: figure.value for figure in self.get_figures()}

    def get_figures(self) -> "tuple[Figure, ...]":
        """Return the same under no outside system's names."""
        from milepost.tracking.keys import figures

        results, cost_so_far = self.get_results(), self.calculate_total_cost()
        return figures(results, cost_so_far, self.ledger.current, self.here.wall_time)

    def warn_of_missing(self, names: Collection[str]) -> None:
        """Warn, once for each, of metrics that no observation has borne so far and that are not among ``names``."""
        for metric in missing(self.series, self.timer.updates, names):
            if not self.timer.said.has(f"missing {metric}"):
                hint = nearest(metric, names, most=3, cutoff=0.5)
                self.timer.said.warn(f"missing {metric}", "metric %r was never observed%s", metric, hint)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a later process needs to go on from here: JSON-able, versioned, ledger included."""
        from milepost.tracking.state import state_of

        here = self.here
        self.timer.mark("heartbeat", here)
        self.checkpoints.taken(self.crossings, here.samples)
        return state_of(self.timer, here, self.series, self._detectors.values(), self.moves.falls.waiting)

    def checkpointed(self, state: Mapping[str, Any] | None = None) -> None:
        """Note that a state is saved: what `state_dict` gave last, or another; see `ThresholdResult.checkpointed`."""
        self.checkpoints.saved(self.checkpoints.held_by(state))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state: samples, smoothers and elapsed follow it; the ledgers are merged.

        Crossings and segments that are here and not in the state stay: what was achieved stays achieved.

        Raises:
            StateError: It is of another version, or no state at all.
        """
        from milepost.tracking.state import TrackerState

        saved = TrackerState.read(state)
        self.go_on_from(saved, dict.fromkeys(saved.crossed, True))

    def go_on_from(self, saved: "TrackerState", checkpointed: Mapping[str, bool | None] | None = None) -> None:
        """Go on from where a run is known to have come; the trainer has loaded no state, or not as yet.

        Args:
            saved: What is known of it.
            checkpointed: Whether a saved state holds each crossing, by threshold, if known; None where none was taken.
        """
        from milepost.tracking.state import join, restore

        join(self.timer, saved)
        restore(saved, self.series, self.timer)
        self.moves.falls.load(saved.timer.waiting)
        self.sort_series()
        if checkpointed is not None:
            self.checkpoints.loaded(self.crossings, checkpointed)
        logger("tracker").debug("goes on from a saved state, at %s", self.last)
        self.tell(Event("resume", self.last))

    def achieve(self, achieved: list[Detector], position: Position) -> tuple[ThresholdResult, ...]:
        """Mark a crossing of thresholds in the ledger, and say so; return their results."""
        self.sort_series()
        late = position.samples < self.timer.samples
        self.timer.mark("crossing", self.timer.here_at(position.wall_time) if late else position)
        names = {detector.threshold.name for detector in achieved}
        results = tuple(self._result(detector) for name, detector in self._detectors.items() if name in names)
        for result in results:
            logger("tracker").debug("crossed: %s", result)
        self.tell(Event("crossing", position, results))
        return results

    def go_back(self, samples: int) -> None:
        """Note that training goes back to so many samples: what was observed beyond is not of its lineage."""
        self.checkpoints.gone_back(self.crossings, samples)
        before = self.timer.before(samples)
        for series in self._series.values():
            if series.left_at is None or series.left_at.samples > samples:
                series.left_at = before
            series.set_bounds()

    def begin_process(self, started_at: float | None = None) -> None:
        """Say that the next update is the first of another process, as a log tells it.

        Args:
            started_at: When that process started, Unix seconds (UTC); None where nothing tells.
        """
        self.timer.boundary = ProcessStart(started_at)
        self.timer.settle()

    def close(self) -> tuple[ThresholdResult, ...]:
        """Take up what still waits for updates after it: there are none. Returns what that achieved."""
        return self.moves.close()

    def _result(self, detector: Detector) -> ThresholdResult:
        series = self._series[detector.threshold.metric, detector.threshold.smoothing]
        return result_of(
            *(detector, series, self.timer, self._costs, self.checkpoints),
            run=self.run,
            group=self.group,
            counting=self.timer.counting,
        )

    def tell(self, event: Event) -> None:
        """Tell whoever listens of an event."""
        if self._on_event is not None:
            self._on_event(event)
