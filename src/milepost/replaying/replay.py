"""Finds logs, replays each of their runs, and goes on where one is broken."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from milepost.config import Config, load_performance_thresholds
from milepost.errors import ConfigError, HistoryError, nearest
from milepost.histories.finding import discovery
from milepost.histories.finding.logs import Log
from milepost.histories.history import History, TimeUnit, Wanted
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.pricing import told
from milepost.replaying.engine import Replayed
from milepost.replaying.record import record_of
from milepost.replaying.results import Results, Skipped
from milepost.replaying.workers.scheduling import Engine, outcomes, rows_at_once, worker_count
from milepost.replaying.workers.work import Job, encodable
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold, parse_threshold, require_unique_names

if TYPE_CHECKING:
    from milepost.replaying.saving import Saver

MOST_REASONS = 3
"""So many are given where nothing could be read."""


class ReplayProgress(NamedTuple):
    """How far a replay has come.

    Attributes:
        runs: Runs that were read.
        skipped: What was not.
        run: Id of the run that was read last.
    """

    runs: int
    skipped: int
    run: str


def replay(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    thresholds: Iterable[PerformanceThreshold | str] | None = None,
    config: Config | str | Path | None = None,
    format: str | None = None,
    match: str | None = None,
    group: str | None = None,
    group_by: str | None = None,
    samples_column: str | None = None,
    time_column: str | None = None,
    time_unit: TimeUnit | None = None,
    run_column: str | None = None,
    instance: Instance | Mapping[str, Any] | str | None = None,
    price_per_hour: float | None = None,
    source: str | None = None,
    save: bool = False,
    store: str | Path | None = None,
    strict: bool = False,
    final: bool = True,
    engine: Engine = "auto",
    workers: int | None = 1,
    memory_bytes: int | None = None,
    on_result: Callable[[Replayed], None] | None = None,
    on_progress: Callable[[ReplayProgress], None] | None = None,
    on_kept: Callable[[RunRecord], None] | None = None,
) -> Results:
    """Say of runs that are over what it took to reach thresholds chosen today.

        results = milepost.replay("logs/", thresholds=["reward >= 200"], price_per_hour=1.2)
        results.to_polars()

    Args:
        paths: Files, folders, globs and addresses of logs of any known format.
        thresholds: What is to be reached, as thresholds or expressions (``'loss <= 0.4 @ 0.1'``), in place of the
            configuration's.
        config: A configuration, its file, or the name of an environment whose file is looked for.
        format: Name of the format, where it is not to be told by content.
        match: Glob over the ids of runs: others are left out.
        group: Group of all the runs.
        group_by: Group of each run: the number of a piece of its id's path, counting from 0, or the name of a setting
            that its log tells; several, separated by commas, are joined by ``/``.
        samples_column: Column that counts samples.
        time_column: Column that tells time.
        time_unit: Its unit.
        run_column: Column that tells runs in one file apart.
        instance: What a node was: an `Instance`, a mapping as the configuration's ``instance``, or just its type.
        price_per_hour: USD an hour of one node; wins over every other price.
        source: Name of the one price source to ask.
        save: Keep the runs in the store; a run that was replayed before is written anew.
        store: Which store, for ``save``; else as for `track`.
        strict: Stop at the first log that can't be read.
        final: Whether it matters how runs ended. Where it does not, ``final_smoothed_value``, ``retained``,
            ``observations`` and ``skipped`` are None, and no more is read than the crossings need.
        engine: ``here`` in this process, ``processes``, ``ray`` (the cluster of ``RAY_ADDRESS``, else one of this
            machine), or ``auto``: processes where there is enough to read.
        workers: How many processes; None for as many as there are cores. A program that asks for several has to be
            importable without running, as for `multiprocessing`.
        memory_bytes: What they may take together: fewer are started, and fewer rows read at once, where it is little.
        on_result: Called with each run that was read, in the logs' order.
        on_progress: Called after each run.
        on_kept: Called with all that is known of each run, its curves included.

    Returns:
        Results, one a run and threshold, and what was not read.

    Raises:
        ConfigError: An argument or the configuration is wrong.
        HistoryError: Nothing could be read, or with ``strict`` not everything; says what, where and which flag helps.
        StoreError: The store can't be opened or written.
        MissingExtra: What reads a log, or Ray, is not installed.
    """
    if save and not final:
        raise ConfigError("replay: found --save with --no-final, expected one of them: what is kept is a whole run")
    named = [paths] if isinstance(paths, str | PathLike) else list(paths)
    settings = _settings(config, thresholds)
    workers = worker_count(workers, memory_bytes)
    job = Job(
        settings=settings,
        wanted=Wanted(
            metrics=frozenset(threshold.metric for threshold in settings.thresholds),
            samples_column=samples_column,
            time_column=time_column,
            time_unit=time_unit,
            run_column=run_column,
            rows_at_once=rows_at_once(memory_bytes, workers),
        ),
        instance=_told(settings, instance),
        price_per_hour=price_per_hour,
        source=source,
        group=group,
        group_by=group_by,
        with_curves=save or on_kept is not None,
        final=final,
    )
    saver = _saver(store, settings) if save else None
    results: list[Any] = []
    skipped: list[Skipped] = []
    runs = 0
    names = set[str]()
    ids = set[str]()
    logs = _logs([str(path) for path in named], format, match, skipped, strict)
    try:
        for done in outcomes(job, logs, engine, workers):
            if isinstance(done, Skipped):
                _skip(skipped, done, strict)
            else:
                run = done.history.run
                try:
                    _refuse_or_warn(run, ids, saved=saver is not None)
                    if saver is not None or on_kept is not None:
                        record = record_of(done, settings.thresholds)
                        if saver is not None:
                            saver.save(record)
                        if on_kept is not None:
                            on_kept(record)
                except HistoryError as error:
                    _skip(skipped, Skipped(run, str(error)), strict)
                    continue
                runs += 1
                names.update(done.history.metrics or ())
                results.extend(done.results)
                for reason in filter(None, (done.fault, _passed_over(done))):
                    _skip(skipped, Skipped(run, reason, wholly=False), strict and reason == done.fault)
                if on_result is not None:
                    on_result(done)
            if on_progress is not None:
                on_progress(ReplayProgress(runs, len(skipped), done.what if isinstance(done, Skipped) else run))
    finally:
        if saver is not None:
            saver.close()
    if not runs:
        raise HistoryError(_nothing([str(path) for path in named], skipped))
    _warn_of_unobserved(settings.thresholds, results, names)

    def load() -> list[RunRecord]:
        every: list[RunRecord] = []
        replay(
            named,
            config=settings,
            format=format,
            match=match,
            group=group,
            group_by=group_by,
            samples_column=samples_column,
            time_column=time_column,
            time_unit=time_unit,
            run_column=run_column,
            instance=instance,
            price_per_hour=price_per_hour,
            source=source,
            engine=engine,
            workers=workers,
            memory_bytes=memory_bytes,
            on_kept=every.append,
        )
        return every

    return Results(results, runs, skipped, load)


def find_histories(
    paths: Sequence[str], wanted: Wanted, *, format: str | None = None, match: str | None = None
) -> Iterator[History]:
    """Yield the histories under paths; logs that can't be read are passed over."""
    for log in _logs(paths, format, match, [], strict=False):
        try:
            yield from map(encodable, log.reader.histories(log.files, log.run, wanted))
        except HistoryError as error:
            logger("replay").debug("%s: %s", log.files[0], error)


def _logs(
    paths: Sequence[str], format: str | None, match: str | None, skipped: list[Skipped], strict: bool
) -> Iterator[Log]:
    """Yield the logs under paths, and put what can't be looked into among what is skipped."""
    for log in discovery.find_logs(paths, format=format, match=match):
        if isinstance(log, Log):
            yield log
        elif log.broken:
            _skip(skipped, Skipped(log.path, log.reason), strict)


def _skip(skipped: list[Skipped], one: Skipped, strict: bool) -> None:
    if skipped[-1:] == [one]:
        return  # said by each worker that had a part of this log
    if strict:
        raise HistoryError(one.shown)
    logger("replay").debug("%s: %s", *one[:2])
    skipped.append(one)


def _nothing(paths: Sequence[str], skipped: Sequence[Skipped]) -> str:
    """Say why nothing could be read: each reason with the first log that has it."""
    reasons = {one.reason.replace(one.what, ""): one.shown for one in reversed(skipped)}
    shown = list(reversed(reasons.values()))
    more = f"; and {len(shown) - MOST_REASONS} more reasons" if len(shown) > MOST_REASONS else ""
    return f"nothing could be read of {', '.join(paths)}: {'; '.join(shown[:MOST_REASONS])}{more}"


def _refuse_or_warn(run: str, ids: set[str], *, saved: bool) -> None:
    """Take note of a run's id; of a second run of the same id in one call, say so.

    Raises:
        HistoryError: It would take the other's place in the store.
    """
    if run in ids:
        hint = "give the folder above both, so that their paths tell them apart"
        if saved:
            raise HistoryError(f"{run}: an earlier log of this call has the same id, and is kept; {hint}")
        logger("replay").warning("%s: several logs of this call have this id; %s", run, hint)
    ids.add(run)


def _warn_of_unobserved(
    thresholds: Iterable[PerformanceThreshold], results: Iterable[ThresholdResult], names: set[str]
) -> None:
    """Warn of each metric that no run observed, with the nearest names of those that their logs tell."""
    observed = {result.metric for result in results if result.status != "never_observed"}
    for metric in dict.fromkeys(threshold.metric for threshold in thresholds):
        if metric in observed:
            continue
        hint = "; the logs have it, and never a number" if metric in names else nearest(metric, names, most=3)
        logger("replay").warning("no run observed the metric %r%s", metric, hint)


def _passed_over(done: Replayed) -> str | None:
    if not done.skipped_rows:
        return None
    return f"{done.skipped_rows:,} rows tell no position: they were passed over"


def _settings(config: Config | str | Path | None, thresholds: Iterable[PerformanceThreshold | str] | None) -> Config:
    if isinstance(config, Config):
        settings = config
    elif config is None:
        settings = Config(thresholds=())
    else:
        settings = load_performance_thresholds(config, strict=True)
    if thresholds is not None:
        given = (thresholds,) if isinstance(thresholds, str | PerformanceThreshold) else thresholds
        own = tuple(parse_threshold(each) if isinstance(each, str) else each for each in given)
        require_unique_names(own)
        settings = msgspec.structs.replace(settings, thresholds=own)
    if not settings.thresholds:
        raise ConfigError("replay: found no threshold, expected some (--threshold 'METRIC >= VALUE', or --config FILE)")
    return settings


def _told(settings: Config, given: Instance | Mapping[str, Any] | str | None) -> Instance:
    instance, share = told(settings, given)
    if share == "gpus" and instance.share is None:
        logger("replay").warning("share: gpus: logs don't tell which GPUs a run saw; whole instances are charged for")
    return instance


def _saver(named: str | Path | None, settings: Config) -> "Saver":
    from milepost.replaying.saving import Saver
    from milepost.store.where import store_of

    where = store_of(named, settings.store)
    if where == "off":
        raise ConfigError("replay: found the store 'off', expected one to save to (--store)")
    return Saver(where)
