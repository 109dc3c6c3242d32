"""Opens a tracked run: finds out what it runs on and what that costs, and puts the parts together."""

import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from milepost.config import Config, get_default_arena_thresholds, load_performance_thresholds, names_a_file
from milepost.errors import ConfigError, MilepostError, MissingExtra, require
from milepost.instances.detect import find_rank
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.plugins import find_adapter
from milepost.pricing import Pricer
from milepost.providers import billing_rule
from milepost.runs.ends import with_ends
from milepost.runs.identity import find_group, find_run_id
from milepost.runs.record import Run, RunRecord
from milepost.runs.settings import flat_config
from milepost.runs.told import as_seed, as_settings, as_tags, as_text
from milepost.sinks import OWN as OWN_SINKS
from milepost.sinks.sink import Sink
from milepost.store.where import store_of
from milepost.tracked_run.end_watch import EndWatch
from milepost.tracked_run.loop import Loop
from milepost.tracked_run.notice_watch import NoticeWatch
from milepost.tracked_run.part import Part
from milepost.tracked_run.price_watch import watch_over
from milepost.tracked_run.process import (
    is_alive,
    machine_age_seconds,
    machine_start_id,
    process_age_seconds,
    this_process,
)
from milepost.tracked_run.recorder import Recorder, with_git_commit
from milepost.tracked_run.run import TrackedRun
from milepost.tracked_run.showing import showing
from milepost.tracked_run.store_writer import StoreWriter
from milepost.tracked_run.succession import CLOSED, Earlier, following
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.timer import SYSTEM_CLOCK

_runs_opened = 0
"""Tracked runs of this process: only the first is billed from the process's start."""

OPEN_SECONDS = 20.0
"""How long the start of a run waits for what its store knows of it; not at all for one that can't be read."""

LATER_SINKS = ("mlflow", "tensorboard", "prometheus")
"""Sinks that a configuration may name already."""


def track(
    config: Config | str | Path | None = None,
    *,
    thresholds: Iterable[PerformanceThreshold] | None = None,
    run: str | None = None,
    group: str | None = None,
    instance: Instance | Mapping[str, Any] | str | None = None,
    price_per_hour: float | None = None,
    store: str | Path | None = None,
    sinks: Sequence[str | Sink] | None = None,
    parts: Iterable[Part] = (),
    gap: str | None = None,
    samples_per_step: int | None = None,
    strict: bool = False,
    name: str | None = None,
    tags: Iterable[str] = (),
    seed: int | None = None,
    run_config: object = None,
) -> "TrackedRun":
    """Track a training run: what it takes to reach its thresholds, in samples, minutes and dollars.

        with milepost.track("thresholds.yaml") as run:
            for batch in training:
                run.update({"loss": loss}, samples=samples)

    Args:
        config: A configuration, its file, or the name of an environment whose file is looked for.
        thresholds: What is to be reached, in place of the configuration's.
        run: Id of the run; else ``MILEPOST_RUN_ID``, ``WANDB_RUN_ID``, SkyPilot's managed job with the task's index, or
            Slurm's job, both with the ``name`` if there is one; else a new one. A second start of the same run goes on
            with it; but where the id is the job's, the run before was closed, no state is loaded and the first update
            counts no more samples than its first did, this is another run, ``…~2`` and so on.
        group: What the run belongs to, such as the seeds of one recipe; else ``MILEPOST_GROUP``, ``WANDB_RUN_GROUP``.
        instance: What a node is: an `Instance`, a mapping as the configuration's ``instance``, or just its type. Wins
            over the configuration and over detection.
        price_per_hour: USD an hour of one node; wins over every other price.
        store: Where the run is kept: a path, a database's URL, or ``off``; else ``MILEPOST_STORE``, else the
            configuration's, else ``.milepost/milepost.db`` in the working directory.
        sinks: Where results are shown; where not given, the configuration's, else W&B if a run of it is active.
        parts: What else is to hang on the run, such as a `Part` of your own; in distributed training on global rank 0.
        gap: How long a hole between two updates must be to be left out of training time, such as ``10m``; else as the
            configuration says, else none is.
        samples_per_step: How many samples a step is, where the program tells steps: ``samples`` of each update times
            this; wins over the configuration's.
        strict: Raise also where a configuration that was found by an environment's name is missing or wrong.
        name: What people call the run. This and the three that follow are kept in the store; an active W&B run tells
            what is not given here.
        tags: Words that the run is found by.
        seed: Its random seed.
        run_config: The settings that it trains with: a mapping, a Namespace or a dataclass. What looks like a secret
            is not kept.

    Returns:
        A tracked run that never raises into training. In distributed training, only global rank 0 tracks: on the
        others it does nothing.

    Raises:
        ConfigError: The configuration that the call names is wrong, or the call or the configuration names an instance
            type that nobody can know; says the nearest.
        MissingExtra: A sink that the call names needs a package that is not installed.
    """
    if find_rank() != 0:
        return TrackedRun(None)
    run, group, name = as_text("run", run), as_text("group", group), as_text("name", name)
    tags, seed, trained_with = as_tags(tags), as_seed(seed), flat_config(as_settings(run_config))
    targets, hung_on = None if thresholds is None else tuple(thresholds), tuple(parts)
    for part in hung_on:
        require(isinstance(part, Part), "parts", part, "a Part")
    settings = config if isinstance(config, Config) else _load(config, strict)
    try:
        pricer, shown_in = Pricer(settings, instance, price_per_hour), _sinks(sinks, settings)
        pricer.require_known()
    except (ConfigError, MissingExtra) as error:
        if strict or not isinstance(config, str) or names_a_file(config):
            raise _of_file(error, config) from error
        # Found by the environment's name: it gives way, as one that can't be read does.
        logger("config").warning("%s; the default arena thresholds take its place", _of_file(error, config))
        settings = Config(thresholds=tuple(get_default_arena_thresholds()), environment_type="arena")
        pricer, shown_in = Pricer(settings, instance, price_per_hour), _sinks(sinks, settings)
        pricer.require_known()
    if targets is not None:
        settings = msgspec.structs.replace(settings, thresholds=targets)
    if gap is not None:
        settings = msgspec.structs.replace(settings, gap=gap)
    if samples_per_step is not None:
        settings = msgspec.structs.replace(settings, samples_per_step=samples_per_step)
    _warn_of_what_waits(settings)
    id, of_job = (run, False) if run else find_run_id(name=name)
    where = store_of(store, settings.store)
    writer = known = earlier = None
    if where != "off":
        process = this_process(SYSTEM_CLOCK.now(), settings.heartbeat_seconds)
        writer = StoreWriter(where, id, process, SYSTEM_CLOCK.now, with_git_commit, of_job=of_job)
        known = _known_before(writer)
        id = writer.run
    if of_job and known is not None and known.run.status == CLOSED:
        earlier = Earlier(known, following(id))
        known = None
    described = Run(
        id=id,
        group=group or find_group(),
        name=name,
        tags=tags,
        seed=seed,
        config=trained_with,
        host=socket.gethostname(),
        started_at=SYSTEM_CLOCK.now(),
        alive_at=SYSTEM_CLOCK.now(),
    )
    loop = Loop(
        settings,
        described,
        earlier,
        ledger=_open_ledger(settings, pricer),
        known=known,
        store=None if writer is None else where,
        clock=SYSTEM_CLOCK,
    )
    own = (writer and Recorder(writer), EndWatch(), NoticeWatch(), watch_over(pricer, loop.ledger))
    return TrackedRun(loop, [*(part for part in own if part), *hung_on, *map(showing, shown_in)])


def _known_before(writer: StoreWriter) -> RunRecord | None:
    """Return what the store knows of earlier processes of the run, with an end to what they left open."""
    if not writer.wait_open(OPEN_SECONDS):
        logger("store").warning(
            "the store has not answered in %g s: what it knows of earlier processes of this run is left out here",
            OPEN_SECONDS,
        )
        return None
    return None if writer.known is None else with_ends(writer.known, writer.process.host, SYSTEM_CLOCK.now(), is_alive)


def _load(config: str | Path | None, strict: bool) -> Config:
    require(config is None or isinstance(config, str | Path), "config", config, "a configuration, a file or a name")
    return Config(thresholds=()) if config is None else load_performance_thresholds(config, strict=strict)


def _of_file(error: MilepostError, config: object) -> MilepostError:
    """Return an error of a configuration's with the name of what was asked for."""
    if isinstance(error, ConfigError) and isinstance(config, str | Path):
        return ConfigError(f"{config}: {error}")
    return error


def _open_ledger(settings: Config, pricer: Pricer) -> Ledger:
    global _runs_opened
    # What an earlier run of this process was billed for, it was billed for.
    ages = {"process": None if _runs_opened else process_age_seconds(), "instance": machine_age_seconds()}
    _runs_opened += 1
    now = SYSTEM_CLOCK.now()
    billed_from = now - (ages[settings.billed_from] or 0.0)
    instance, quote, because, *_ = pricer.now(datetime.fromtimestamp(billed_from, UTC))
    logger("tracked_run").debug("runs on %s; priced by %s", instance, quote or because)
    return pricer.terms.open_ledger().opened(
        instance,
        quote,
        wall_time=now,
        billed_from=billed_from,
        instance_start=machine_start_id(),
        billing=billing_rule(instance),
        unpriced_because=because,
    )


def _sinks(named: Sequence[str | Sink] | None, settings: Config) -> list[Sink]:
    if named is None and settings.sinks is None:
        wandb = sys.modules.get("wandb")
        named = ["wandb"] if getattr(wandb, "run", None) is not None else []
    sinks = []
    for each in settings.sinks or () if named is None else named:
        if isinstance(each, Sink):
            sinks.append(each)
        elif each in LATER_SINKS:
            logger("sinks").warning("the sink %r comes in a later release: nothing is shown there", each)
        else:
            sinks.append(find_adapter("milepost.sinks", OWN_SINKS, each)())
    return sinks


def _warn_of_what_waits(settings: Config) -> None:
    """Say which settings are understood and not acted on as yet: silence would promise what is not kept."""
    for key in ("budget", "alerts"):
        if getattr(settings, key) is not None:
            logger("config").warning("%s: is not acted on in this release", key)
