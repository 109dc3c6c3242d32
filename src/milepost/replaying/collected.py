"""What came of the logs of a call so far, whichever of them are broken."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from milepost.errors import HistoryError, nearest
from milepost.histories.finding.log import LeftOut, Log
from milepost.histories.history import Wanted
from milepost.log import logger
from milepost.replaying.left_out import LeftOutCount, line_of
from milepost.replaying.metric_names import metric_names
from milepost.replaying.record import record_of
from milepost.replaying.replayed import Replayed
from milepost.replaying.results import Skipped
from milepost.replaying.workers.work import Outcome
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold

MOST_REASONS = 3
"""So many are given where nothing could be read."""

MOST_KEPT = 2
"""Of each format so many logs are kept in mind, to look into again where a metric is found nowhere."""


class Collected:
    """Takes what comes of each run, and goes on where one can't be read.

    Args:
        thresholds: What is to be reached.
        strict: Raise for the first log that can't be read.
        saved: Whether the runs are saved: a second one of the same id is refused then.
        keepers: Called with all that is known of each run; what one of them refuses with a `HistoryError` is skipped.

    Attributes:
        results: The results of all runs.
        skipped: What was not read, or not to its end.
        left_out: What is no log, as far as can be told, or tells of a run that another log tells of: counted.
        runs: How many runs were read.
    """

    def __init__(
        self,
        thresholds: tuple[PerformanceThreshold, ...],
        *,
        strict: bool = False,
        saved: bool = False,
        keepers: Sequence[Callable[[RunRecord], None]] = (),
    ) -> None:
        self.results: list[ThresholdResult] = []
        self.skipped: list[Skipped] = []
        self.left_out = LeftOutCount()
        self.runs = 0
        self._thresholds, self._strict, self._saved, self._keepers = thresholds, strict, saved, keepers
        self._ids: set[str] = set()
        self._metrics: set[str] = set()
        self._logs: dict[str, list[Log]] = {}

    def readable(self, found: Iterable[Log | LeftOut]) -> Iterator[Log]:
        """Yield the logs; what can't be looked into is skipped, what is none is counted.

        Raises:
            HistoryError: What is none looks like one, and the call is strict.
        """
        for log in found:
            if isinstance(log, Log):
                if len(same := self._logs.setdefault(log.reader.name, [])) < MOST_KEPT:
                    same.append(log)
                yield log
            elif log.broken:
                self._skip(Skipped(log.path, log.reason))
            else:
                if self._strict and log.is_log:
                    raise HistoryError(f"{log.path}: looks like a log, and is not read: {log.brief} (--strict)")
                self.left_out.note(log)

    def take(self, done: Outcome) -> Replayed | None:
        """Take what came of a run, and return it if it was read.

        Raises:
            HistoryError: It was not, or not to its end, and the call is strict.
        """
        if isinstance(done, Skipped):
            self._skip(done)
            return None
        run = done.history.run
        try:
            self._note_id(run)
            if self._keepers:
                record = record_of(done, self._thresholds)
                for keep in self._keepers:
                    keep(record)
        except HistoryError as error:
            self._skip(Skipped(run, str(error)))
            return None
        self.runs += 1
        self.results.extend(done.results)
        self._metrics.update(done.history.metrics or ())
        if done.fault is not None:
            self._skip(Skipped(run, done.fault, wholly=False))
        if done.skipped_rows:
            reason = f"{done.skipped_rows:,} rows tell no position: they were passed over"
            self._skip(Skipped(run, reason, wholly=False), is_fault=False)
        return done

    def require_runs(self, paths: Sequence[str]) -> None:
        """Raise where no run was read.

        Raises:
            HistoryError: Says each reason with the first log that has it.
        """
        if self.runs:
            return
        reasons = {one.cause: one.shown for one in reversed(self.skipped)}
        shown = list(reversed(reasons.values()))
        more = f"; and {len(shown) - MOST_REASONS} more reasons" if len(shown) > MOST_REASONS else ""
        left = f"; {line}" if (line := line_of(self.left_out.found)) else ""
        raise HistoryError(
            f"nothing could be read of {', '.join(paths)}: {'; '.join(shown[:MOST_REASONS])}{more}{left}"
        )

    def warn_of_unobserved(self, wanted: Wanted) -> None:
        """Warn of each metric that no run observed, with the nearest names of those that their logs tell.

        Args:
            wanted: How the columns of the logs are to be understood.
        """
        observed = {result.metric for result in self.results if result.status != "never_observed"}
        missing = [
            metric for metric in dict.fromkeys(each.metric for each in self._thresholds) if metric not in observed
        ]
        if not missing:
            return
        told = self._metrics | metric_names([log for logs in self._logs.values() for log in logs], wanted)
        have = "the log has it" if self.runs == 1 else "the logs have it"
        for metric in missing:
            hint = f"; {have}, and never a number" if metric in told else nearest(metric, told, most=3)
            logger("replay").warning("no run observed the metric %r%s", metric, hint)

    def _note_id(self, run: str) -> None:
        """Take note of a run's id; of a second run of the same id in one call, say so.

        Raises:
            HistoryError: It would take the other's place in the store.
        """
        if run in self._ids:
            hint = "give the folder above both, so that their paths tell them apart"
            if self._saved:
                raise HistoryError(f"{run}: an earlier log of this call has the same id, and is kept; {hint}")
            logger("replay").warning("%s: several logs of this call have this id; %s", run, hint)
        self._ids.add(run)

    def _skip(self, one: Skipped, *, is_fault: bool = True) -> None:
        if self.skipped[-1:] == [one]:
            return  # said by each worker that had a part of this log
        if self._strict and is_fault:
            raise HistoryError(one.shown)
        logger("replay").debug("%s: %s", *one[:2])
        self.skipped.append(one)
