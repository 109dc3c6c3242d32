"""Milepost says what a training run took to reach a target: samples, minutes, dollars.

This is the public API; each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milepost import report as report
    from milepost.config import (
        Config as Config,
        environment_from_curriculum as environment_from_curriculum,
        get_default_arena_thresholds as get_default_arena_thresholds,
        load_performance_thresholds as load_performance_thresholds,
    )
    from milepost.errors import (
        ConfigError as ConfigError,
        HistoryError as HistoryError,
        MilepostError as MilepostError,
        MissingExtra as MissingExtra,
        PriceUnavailable as PriceUnavailable,
        StateError as StateError,
    )
    from milepost.instances.schedulers.skypilot import SkyPilotInstanceInfo as SkyPilotInstanceInfo
    from milepost.money.instance import Instance as Instance
    from milepost.money.ledger import Ledger as Ledger
    from milepost.money.quote import BillingRule as BillingRule, PriceStep as PriceStep, Quote as Quote
    from milepost.prices.sources.aws import AWSPricingClient as AWSPricingClient
    from milepost.pricing import calculate_total_cost as calculate_total_cost
    from milepost.replaying.replay import replay as replay
    from milepost.replaying.results import Results as Results
    from milepost.tracked_run.opening import track as track
    from milepost.tracked_run.run import TrackedRun as TrackedRun
    from milepost.tracking.result import ThresholdResult as ThresholdResult
    from milepost.tracking.thresholds import HalfLife as HalfLife, PerformanceThreshold as PerformanceThreshold
    from milepost.tracking.tracker import PerformanceThresholdTracker as PerformanceThresholdTracker

__version__ = "0.1.0"

_HOMES = {
    "AWSPricingClient": "prices.sources.aws",
    "BillingRule": "money.quote",
    "Config": "config",
    "ConfigError": "errors",
    "HalfLife": "tracking.thresholds",
    "HistoryError": "errors",
    "Instance": "money.instance",
    "Ledger": "money.ledger",
    "MilepostError": "errors",
    "MissingExtra": "errors",
    "PerformanceThreshold": "tracking.thresholds",
    "PerformanceThresholdTracker": "tracking.tracker",
    "PriceStep": "money.quote",
    "PriceUnavailable": "errors",
    "Quote": "money.quote",
    "Results": "replaying.results",
    "SkyPilotInstanceInfo": "instances.schedulers.skypilot",
    "StateError": "errors",
    "ThresholdResult": "tracking.result",
    "TrackedRun": "tracked_run.run",
    "calculate_total_cost": "pricing",
    "environment_from_curriculum": "config",
    "get_default_arena_thresholds": "config",
    "load_performance_thresholds": "config",
    "replay": "replaying.replay",
    "track": "tracked_run.opening",
}

__all__ = sorted(_HOMES)

_FOLDERS = ("report",)
"""Reached as they stand: ``milepost.report.figure``."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _FOLDERS:
        raise AttributeError(f"module 'milepost' has no attribute {name!r}")
    from importlib import import_module

    if name in _FOLDERS:
        return import_module(f"milepost.{name}")
    value = getattr(import_module(f"milepost.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_FOLDERS})
