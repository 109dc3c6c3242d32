"""Finds logs, replays each of their runs, and goes on where one is broken."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from milepost.config import Config, InstanceSettings, load_performance_thresholds
from milepost.errors import ConfigError, HistoryError
from milepost.histories import find
from milepost.histories.history import History, TimeUnit, Wanted
from milepost.instance import Instance
from milepost.log import logger
from milepost.replay.engine import Replayed, replay_history
from milepost.replay.pricing import ReplayPricer
from milepost.replay.results import Results, Skipped
from milepost.replay.saving import CurveKeeper, Saver
from milepost.store.snapshot import Kept
from milepost.thresholds import PerformanceThreshold, parse_threshold, require_unique_names
from milepost.tracked_run.identity import flat_config
from milepost.tracked_run.opening import store_of


class Progress(NamedTuple):
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
    on_result: Callable[[Replayed], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_kept: Callable[[Kept], None] | None = None,
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
        on_result: Called with each run that was read.
        on_progress: Called after each run.
        on_kept: Called with all that is known of each run, its curves included.

    Returns:
        Results, one a run and threshold, and what was not read.

    Raises:
        ConfigError: An argument or the configuration is wrong.
        HistoryError: Nothing could be read, or with ``strict`` not everything; says what, where and which flag helps.
        StoreError: The store can't be opened or written.
    """
    named = [paths] if isinstance(paths, str | PathLike) else list(paths)
    settings = _settings(config, thresholds)
    wanted = Wanted(
        metrics=frozenset(threshold.metric for threshold in settings.thresholds),
        samples_column=samples_column,
        time_column=time_column,
        time_unit=time_unit,
        run_column=run_column,
    )
    pricer = ReplayPricer(settings, _instance(instance), price_per_hour, source)
    saver = Saver(_store(store, settings)) if save else None
    keeper = CurveKeeper() if saver is not None or on_kept is not None else None
    group_of = _grouping(group, group_by)
    results: list[Any] = []
    skipped: list[Skipped] = []
    runs = 0
    try:
        for history in _histories([str(path) for path in named], format, match, wanted, skipped, strict):
            try:
                done = replay_history(
                    history,
                    settings.thresholds,
                    pricer.open_ledger,
                    group=group_of(history),
                    watch=keeper.watch if keeper else None,
                )
                if keeper is not None:
                    kept = keeper.kept(done, settings.thresholds)
                    if saver is not None:
                        saver.save(kept)
                    if on_kept is not None:
                        on_kept(kept)
            except HistoryError as error:
                _skip(skipped, Skipped(history.run, str(error)), strict)
            else:
                runs += 1
                results.extend(done.results)
                for reason in filter(None, (done.fault, _passed_over(done))):
                    _skip(skipped, Skipped(history.run, reason, wholly=False), strict and reason == done.fault)
                if on_result is not None:
                    on_result(done)
            if on_progress is not None:
                on_progress(Progress(runs, len(skipped), history.run))
    finally:
        if saver is not None:
            saver.close()
    if not runs:
        first = f": {skipped[0].reason}" if skipped else ""
        raise HistoryError(f"nothing could be read of {', '.join(map(str, named))}{first}")

    def load() -> list[Kept]:
        every: list[Kept] = []
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
            on_kept=every.append,
        )
        return every

    return Results(results, runs, skipped, load)


def find_histories(
    paths: Sequence[str], wanted: Wanted, *, format: str | None = None, match: str | None = None
) -> Iterator[History]:
    """Yield the histories under paths; logs that can't be read are warned about."""
    return _histories(paths, format, match, wanted, [], strict=False)


def _histories(
    paths: Sequence[str], format: str | None, match: str | None, wanted: Wanted, skipped: list[Skipped], strict: bool
) -> Iterator[History]:
    """Yield the histories under paths, and put what can't be read among what is skipped."""
    for log in find.find_logs(paths, format=format, match=match):
        if isinstance(log, find.Skipped):
            if log.broken:
                _skip(skipped, Skipped(log.path, log.reason), strict)
            continue
        try:
            yield from log.reader.histories(log.files, log.run, wanted)
        except HistoryError as error:
            _skip(skipped, Skipped(log.files[0], str(error)), strict)


def _skip(skipped: list[Skipped], one: Skipped, strict: bool) -> None:
    if strict:
        raise HistoryError(one.reason if one.what in one.reason else f"{one.what}: {one.reason}")
    logger("replay").debug("%s: %s", *one[:2])
    skipped.append(one)


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


def _instance(given: Instance | Mapping[str, Any] | str | None) -> Instance:
    if given is None or isinstance(given, Instance):
        return given or Instance()
    mapping = {"instance_type": given} if isinstance(given, str) else given
    return InstanceSettings.from_mapping(mapping).to_instance("instance=")


def _store(named: str | Path | None, settings: Config) -> str:
    import os

    where = store_of(named, settings, os.environ)
    if where == "off":
        raise ConfigError("replay: found the store 'off', expected one to save to (--store)")
    return where


def _grouping(group: str | None, by: str | None) -> Callable[[History], str | None]:
    """Return what tells the group of a history."""
    if by is None:
        return lambda history: group or history.group
    if group is not None:
        raise ConfigError("replay: expected either --group or --group-by")
    keys = [key.strip() for key in by.split(",")]

    def group_of(history: History) -> str | None:
        pieces = history.run.split("/")
        facts = flat_config(history.config) | {"seed": history.seed, "group": history.group}
        parts = []
        for key in keys:
            if key.lstrip("-").isdecimal():
                at = int(key)
                if not -len(pieces) <= at < len(pieces):
                    raise HistoryError(f"{history.run}: found {len(pieces)} pieces in its id, expected piece {at}")
                parts.append(pieces[at])
            elif facts.get(key) is not None:
                parts.append(str(facts[key]))
            else:
                known = ", ".join(sorted(facts)[:20])
                raise HistoryError(f"{history.run}: found no setting {key!r} to group by, expected one of {known}")
        return "/".join(parts)

    return group_of
