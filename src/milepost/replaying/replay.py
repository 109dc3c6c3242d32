"""Replays each run of logs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from milepost.config import Config, load_performance_thresholds
from milepost.errors import ConfigError
from milepost.histories.finding.discovery import find_logs
from milepost.histories.history import TimeUnit, Wanted
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.pricing import Terms, told, with_defaults
from milepost.replaying.collected import Collected
from milepost.replaying.replayed import Replayed
from milepost.replaying.results import Results, Skipped
from milepost.replaying.workers.scheduling import Engine, outcomes, rows_at_once, worker_count
from milepost.replaying.workers.work import Job
from milepost.runs.record import RunRecord
from milepost.store.where import store_of
from milepost.tracking.thresholds import PerformanceThreshold, parse_threshold, require_unique_names


class ReplayProgress(NamedTuple):
    """How far a replay has come: runs that were read, how many were not, and the id of the last."""

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
    samples_per_step: int | None = None,
    time_column: str | None = None,
    time_unit: TimeUnit | None = None,
    run_column: str | None = None,
    gap: str | None = None,
    join: bool | None = None,
    pattern: Sequence[str] | str | None = None,
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
        samples_per_step: How many samples a step is, of logs that count steps; wins over the configuration's.
        time_column: Column that tells time.
        time_unit: Its unit.
        run_column: Column that tells runs in one file apart.
        gap: How long a hole between two rows must be to be left out, such as ``10m``; else as the configuration says.
        join: Whether all logs that belong together (files of one folder, of one trial, of one id) are one run, or none
            are; else what they tell of counts and times decides.
        pattern: A regular expression that lines of text are read by, or several: its groups named ``step``,
            ``samples``, ``epoch``, ``elapsed`` and ``time`` tell the position, any other is a metric.
        instance: What a node was: an `Instance`, a mapping as the configuration's ``instance``, or just its type.
        price_per_hour: USD an hour of one node; wins over every other price.
        source: Name of the one price source to ask.
        save: Keep the runs in the store; a run that was replayed before is written anew.
        store: Which store, for ``save``; else as for `track`.
        strict: Stop at the first log that can't be read, or that looks like one and is of no known format.
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
    settings = _settings(config, thresholds)
    if gap is not None:
        settings = msgspec.structs.replace(settings, gap=gap)
    if samples_per_step is not None:
        settings = msgspec.structs.replace(settings, samples_per_step=samples_per_step)
    workers = worker_count(workers, memory_bytes)
    job = Job(
        settings=settings,
        wanted=Wanted(
            metrics=frozenset(threshold.metric for threshold in settings.thresholds),
            samples_column=samples_column,
            samples_per_step=settings.samples_per_step,
            time_column=time_column,
            time_unit=time_unit,
            run_column=run_column,
            rows_at_once=rows_at_once(memory_bytes, workers),
        ),
        instance=_told(settings, instance, price_per_hour, source),
        price_per_hour=price_per_hour,
        source=source,
        group=group,
        group_by=group_by,
        with_curves=save or on_kept is not None,
        final=final,
    )
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern or ())
    named = [str(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    with ExitStack() as held:
        saved = held.enter_context(_saved_in(store, settings)) if save else None
        keepers = [keep for keep in (saved, on_kept) if keep is not None]
        collected = Collected(settings.thresholds, strict=strict, saved=save, keepers=keepers)
        logs = collected.readable(find_logs(named, format=format, match=match, join=join, patterns=patterns))
        for done in outcomes(job, logs, engine, workers):
            replayed = collected.take(done)
            if replayed is not None and on_result is not None:
                on_result(replayed)
            if on_progress is not None:
                run = done.what if isinstance(done, Skipped) else done.history.run
                on_progress(ReplayProgress(collected.runs, len(collected.skipped), run))
    collected.require_runs(named)
    collected.warn_of_unobserved(job.wanted)

    def load() -> list[RunRecord]:
        every: list[RunRecord] = []
        again = Collected(settings.thresholds, keepers=[every.append])
        logs = again.readable(find_logs(named, format=format, match=match, join=join, patterns=patterns))
        for done in outcomes(job._replace(with_curves=True, final=True), logs, engine, workers):
            again.take(done)
        again.require_runs(named)
        return every

    return Results(collected.results, collected.runs, collected.skipped, load, collected.left_out.found)


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
        for each in own:
            if each.comparison == "==" and not each.tolerance and not each.target_value.is_integer():
                logger("replay").warning(
                    "%s == %r: a float is hardly ever exactly that; nearest: >= and <=, or give a tolerance (--config)",
                    *(each.metric, each.target_value),
                )
        settings = msgspec.structs.replace(settings, thresholds=own)
    if not settings.thresholds:
        raise ConfigError("replay: found no threshold, expected some (--threshold 'METRIC >= VALUE', or --config FILE)")
    return settings


def _told(
    settings: Config, given: Instance | Mapping[str, Any] | str | None, price_per_hour: float | None, source: str | None
) -> Instance:
    instance, share = told(settings, given)
    Terms(settings, price_per_hour, source=source).require_known(with_defaults(settings, instance), ask=True)
    if share == "gpus" and instance.share is None:
        logger("replay").warning("share: gpus: logs don't tell which GPUs a run saw; whole instances are charged for")
    return instance


@contextmanager
def _saved_in(named: str | Path | None, settings: Config) -> Iterator[Callable[[RunRecord], None]]:
    from milepost.replaying.saving import save_to
    from milepost.store.store import Store

    where = store_of(named, settings.store)
    if where == "off":
        raise ConfigError("replay: found the store 'off', expected one to save to (--store)")
    with closing(Store(where)) as store:
        yield partial(save_to, store)
