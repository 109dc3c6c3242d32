"""A tracked run: one process's part in a run, with detection, prices, ledger, tracker and sinks attached."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from milepost.config import Config, InstanceSettings, load_performance_thresholds
from milepost.crossing import Position
from milepost.errors import PriceUnavailable
from milepost.instance import FIELDS, Instance
from milepost.instances.detect import Detection, detect, find_rank
from milepost.ledger import Ledger
from milepost.log import logger
from milepost.prices.book import PriceBook
from milepost.quote import Quote
from milepost.registry import find_adapter
from milepost.sinks import OWN as OWN_SINKS
from milepost.sinks.sink import Sink
from milepost.thresholds import PerformanceThreshold, ThresholdResult
from milepost.tracker import SYSTEM_CLOCK, Clock, PerformanceThresholdTracker
from milepost.uptime import machine_age_seconds, machine_start_id, process_age_seconds

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["TrackedRun", P], T]

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
    quote, unpriced_because = _quote(settings, detection, price_per_hour)
    logger("tracked_run").debug("runs on %s; priced by %s", detection.instance, quote or unpriced_because)
    ledger = _open_ledger(SYSTEM_CLOCK, settings, detection.instance, quote, unpriced_because)
    tracker = PerformanceThresholdTracker(settings.thresholds, ledger=ledger)
    tracker.run = run or os.environ.get("MILEPOST_RUN_ID") or _new_run_id()
    tracker.group = group
    return TrackedRun(tracker, sinks=_sinks(sinks, settings), heartbeat_seconds=settings.heartbeat_seconds)


def _never_raises(default: Callable[[], Any]) -> Callable[[Method[P, T]], Method[P, T]]:
    """Make a method of a tracked run do nothing on other ranks than 0, and log what goes wrong in place of raising."""

    def decorate(method: Method[P, T]) -> Method[P, T]:
        @wraps(method)
        def guarded(self: "TrackedRun", /, *args: P.args, **kwargs: P.kwargs) -> T:
            if self._tracker is None:
                return default()  # type: ignore[no-any-return]
            try:
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
        heartbeat_seconds: How often the ledger is marked and the sinks are brought up to date.
        monotonic: Seconds that only go forward.

    Attributes:
        run: Id of the run; None where nothing is tracked.
    """

    def __init__(
        self,
        tracker: PerformanceThresholdTracker | None,
        *,
        sinks: Sequence[Sink] = (),
        heartbeat_seconds: float = 15.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tracker = tracker
        self._sinks = list(sinks)
        self._heartbeat_seconds = heartbeat_seconds
        self._monotonic = monotonic
        self._next_heartbeat = 0.0
        self._closed = False
        self._failures: set[str] = set()
        self.run = None if tracker is None else tracker.run

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
        if self._tracker is None:
            return ()
        try:
            achieved = self._tracker.update(metrics, samples, elapsed_seconds, wall_time=wall_time)
            if achieved or self._monotonic() >= self._next_heartbeat:
                self._beat(metrics)
            return achieved
        except Exception:
            self._failed("update")
            return ()

    @_never_raises(dict)
    def get_results(self) -> dict[str, ThresholdResult]:
        """Return a result for each threshold, by name."""
        return self._live.get_results()

    @_never_raises(dict)
    def get_wandb_metrics(self) -> dict[str, float | bool | str]:
        """Return what is known, under the keys that sinks use."""
        return self._live.get_wandb_metrics()

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

    @_never_raises(lambda: None)
    def close(self, why: str = "closed") -> None:
        """Mark the end of the run and bring the sinks up to date; a second call does nothing.

        Args:
            why: Why the run is over: ``closed``, ``interrupted`` or ``failed``.
        """
        if not self._closed:
            self._closed = True
            self._live.mark("end", why)
            self._live.warn_of_missing(())
            self._show()

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

    def _beat(self, metrics: Mapping[str, Any]) -> None:
        """Mark that the run is alive, and show what has changed."""
        now = self._monotonic()
        if now >= self._next_heartbeat:
            if self._next_heartbeat:
                self._live.mark("heartbeat")
                self._live.warn_of_missing(metrics)
            self._next_heartbeat = now + self._heartbeat_seconds
        self._show()

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


def _quote(settings: Config, detection: Detection, price_per_hour: float | None) -> tuple[Quote | None, str | None]:
    """Return the price of a node, or why there is none."""
    prices = settings.prices
    if prices == "off":
        return None, "prices: off"
    book = PriceBook(
        sources=prices.sources,
        price_per_hour=prices.price_per_hour if price_per_hour is None else price_per_hour,
        discount=prices.discount,
        strict=prices.strict_pricing,
    )
    try:
        quote = book.quote(detection.instance)
    except PriceUnavailable as error:
        logger("prices").warning("costs are unknown: %s", error)
        return None, str(error)
    same_everywhere = detection.unknown == ("region",) and quote.region is None
    if quote.source == "user" or quote.assumed or not detection.unknown or same_everywhere:
        return quote, None
    if prices.strict_pricing and "instance_type" in detection.unknown:
        return None, detection.assumed_because
    return msgspec.structs.replace(quote, assumed=True, assumed_because=detection.assumed_because), None


def _open_ledger(
    clock: Clock, settings: Config, instance: Instance, quote: Quote | None, unpriced_because: str | None
) -> Ledger:
    age = process_age_seconds() if settings.billed_from == "process" else machine_age_seconds()
    now = clock.now()
    return Ledger().opened(
        instance,
        quote,
        wall_time=now,
        billed_from=now - (age or 0.0),
        instance_start=machine_start_id(),
        unpriced_because=unpriced_because,
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
    prices = None if settings.prices == "off" else settings.prices
    waiting = {
        "store": store or settings.store,
        "budget": settings.budget,
        "alerts": settings.alerts,
        "prices.storage": prices and prices.storage,
        "prices.network": prices and prices.network,
    }
    for key in [key for key, value in waiting.items() if value is not None]:
        logger("config").warning("%s: is not acted on in this release", key)


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"
