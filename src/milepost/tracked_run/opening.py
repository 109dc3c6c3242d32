"""Opens a tracked run: finds out what it runs on and what that costs, and puts the parts together."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from milepost.config import Config, InstanceSettings, load_performance_thresholds
from milepost.errors import PriceUnavailable
from milepost.instance import FIELDS, Instance
from milepost.instances.detect import Detection, detect, find_rank
from milepost.ledger import Ledger
from milepost.log import logger
from milepost.prices.book import SPOT_REFRESH_SECONDS, PriceBook, billing_rule
from milepost.quote import Quote
from milepost.registry import find_adapter
from milepost.sinks import OWN as OWN_SINKS
from milepost.sinks.sink import Sink
from milepost.thresholds import PerformanceThreshold
from milepost.tracked_run.repricing import Priced, PriceWatch, Question
from milepost.tracked_run.run import TrackedRun
from milepost.tracker import SYSTEM_CLOCK, PerformanceThresholdTracker
from milepost.uptime import machine_age_seconds, machine_start_id, process_age_seconds

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
    strict: bool = False,
) -> "TrackedRun":
    """Track a training run: what it takes to reach its thresholds, in samples, minutes and dollars.

        with milepost.track("thresholds.yaml") as run:
            for batch in training:
                run.update({"loss": loss}, samples=samples)

    Args:
        config: A configuration, its file, or the name of an environment whose file is looked for.
        thresholds: What is to be reached, in place of the configuration's.
        run: Id of the run; else ``MILEPOST_RUN_ID``, else a new one.
        group: What the run belongs to, such as the seeds of one recipe.
        instance: What a node is: an `Instance`, a mapping as the configuration's ``instance``, or just its type. Wins
            over the configuration and over detection.
        price_per_hour: USD an hour of one node; wins over every other price.
        store: Where the run is kept; for a later release.
        sinks: Where results are shown; where not given, the configuration's, else W&B if a run of it is active.
        strict: Raise also where a configuration that was found by an environment's name is missing or wrong.

    Returns:
        A tracked run that never raises into training. In distributed training, only global rank 0 tracks: on the
        others it does nothing.

    Raises:
        ConfigError: The configuration that the call names is wrong.
        MissingExtra: A sink that the call names needs a package that is not installed.
    """
    if find_rank() != 0:
        return TrackedRun(None)
    settings = config if isinstance(config, Config) else _load(config, strict)
    if thresholds is not None:
        settings = msgspec.structs.replace(settings, thresholds=tuple(thresholds))
    detection = _detect(settings, instance)
    _warn_of_what_waits(settings, store)
    pricer = None if settings.prices == "off" else _Pricer(settings, detection, price_per_hour)
    tracker = PerformanceThresholdTracker(settings.thresholds, ledger=_open_ledger(settings, detection, pricer))
    tracker.run = run or os.environ.get("MILEPOST_RUN_ID") or _new_run_id()
    tracker.group = group
    return TrackedRun(
        tracker,
        sinks=_sinks(sinks, settings),
        price_watch=None if pricer is None else pricer.watch(tracker.ledger),
        heartbeat_seconds=settings.heartbeat_seconds,
    )


def _load(config: str | Path | None, strict: bool) -> Config:
    return Config(thresholds=()) if config is None else load_performance_thresholds(config, strict=strict)


def _detect(settings: Config, instance: Instance | Mapping[str, Any] | str | None) -> Detection:
    """Find out what a node is, the call's word before the configuration's."""
    configured = settings.instance.to_instance()
    share = settings.instance.share
    if isinstance(instance, Instance):
        named = Instance.known("instance=", **{name: getattr(instance, name) for name in FIELDS})
        configured = named.completed_by(configured)
    elif instance is not None:
        given = InstanceSettings.from_mapping({"instance_type": instance} if isinstance(instance, str) else instance)
        configured = given.to_instance("instance=").completed_by(configured)
        share = given.share or share
    aws = settings.aws
    market = None if aws.use_spot is None else "spot" if aws.use_spot else "on_demand"
    provider = None if aws.instance_type is None else "aws"
    defaults = Instance.known("aws:", provider=provider, instance_type=aws.instance_type, market=market)
    return detect(configured, share=share, defaults=defaults)


class _Pricer:
    """Prices one run's nodes, by its settings and with what is not known of them.

    Raises:
        ConfigError: The settings are wrong.
    """

    def __init__(self, settings: Config, detection: Detection, price_per_hour: float | None) -> None:
        prices = settings.prices
        assert prices != "off"
        self._strict = prices.strict_pricing
        self._detection = detection
        self.book = PriceBook(
            sources=prices.sources,
            price_per_hour=prices.price_per_hour if price_per_hour is None else price_per_hour,
            table=prices.table,
            discount=prices.discount,
            strict=prices.strict_pricing,
            apart=True,
        )

    def now(self, since: datetime) -> Priced:
        """Return what is known of the price of a node without asking anybody."""
        return self._priced(lambda: self.book.quote(self._detection.instance, since))

    def ask(self, instance: Instance, since: datetime) -> Priced:
        """Return the best price there is; takes seconds."""
        return self._priced(lambda: self.book.ask(instance, since))

    def watch(self, ledger: Ledger) -> PriceWatch:
        """Return a watch over the price of the segment under way; it has something to do where a live source has."""
        segment = ledger.current
        assert segment is not None
        watch = PriceWatch(self.ask, self.book.close)
        spot = segment.instance.market == "spot"
        waiting = segment.quote is None or segment.quote.provisional
        if (waiting or spot) and self.book.live_source(segment.instance) is not None:
            question = Question(segment.instance, segment.billed_from, SPOT_REFRESH_SECONDS if spot else None)
            watch.put(question, later=not waiting)
        return watch

    def _priced(self, find: Callable[[], Quote]) -> Priced:
        try:
            quote = find()
        except PriceUnavailable as error:
            if not error.waiting:
                logger("prices").warning("costs are unknown: %s", error)
            return Priced(None, str(error))
        unknown, because = self._detection.unknown, self._detection.assumed_because
        same_everywhere = unknown == ("region",) and quote.region is None
        if quote.source == "user" or quote.assumed or not unknown or same_everywhere:
            return Priced(quote, None)
        if self._strict and "instance_type" in unknown:
            return Priced(None, because)
        return Priced(msgspec.structs.replace(quote, assumed=True, assumed_because=because), None)


def _open_ledger(settings: Config, detection: Detection, pricer: _Pricer | None) -> Ledger:
    age = process_age_seconds() if settings.billed_from == "process" else machine_age_seconds()
    now = SYSTEM_CLOCK.now()
    billed_from = now - (age or 0.0)
    since = datetime.fromtimestamp(billed_from, UTC)
    quote, because = Priced(None, "prices: off") if pricer is None else pricer.now(since)
    logger("tracked_run").debug("runs on %s; priced by %s", detection.instance, quote or because)
    prices = settings.prices
    charged = Ledger() if prices == "off" else Ledger(storage=prices.storage, network=prices.network)
    return charged.opened(
        detection.instance,
        quote,
        wall_time=now,
        billed_from=billed_from,
        instance_start=machine_start_id(),
        billing=billing_rule(detection.instance),
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


def _warn_of_what_waits(settings: Config, store: str | Path | None) -> None:
    """Say which settings are understood and not acted on as yet: silence would promise what is not kept."""
    waiting = {
        "store": store or settings.store,
        "budget": settings.budget,
        "alerts": settings.alerts,
    }
    for key in [key for key, value in waiting.items() if value is not None]:
        logger("config").warning("%s: is not acted on in this release", key)


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"
