"""Corrects the price of a run that is over: every figure follows from its ledger."""

from datetime import UTC, datetime

import msgspec

from milepost.config import Config
from milepost.errors import ConfigError, PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.pricing import Terms
from milepost.runs.record import RunRecord
from milepost.tracking.result import restated


def reprice(
    record: RunRecord, *, price_per_hour: float | None = None, source: str | None = None, region: str | None = None
) -> RunRecord:
    """Return what is known of a run at other prices, looked up as of the time at which each segment ran.

    Args:
        record: What is known of it.
        price_per_hour: USD an hour of one node, for all of it.
        source: Ask this source alone.
        region: What it ran in, where that was taken wrongly.

    Raises:
        ConfigError: The run is still under way, or an argument is wrong.
        PriceUnavailable: A segment has no such price; nothing is changed.
    """
    if record.run.status == "running":
        raise ConfigError(
            f"run {record.run.id!r}: found it under way, expected one that is over: it restates its own price"
        )
    terms = Terms(Config(thresholds=()), price_per_hour, source=source)
    ledger = record.ledger
    for segment in ledger.segments:
        instance = _placed(segment.instance, region)
        since = datetime.fromtimestamp(segment.billed_from, UTC)
        _, quote, because, *_ = terms.price(instance, since, stand_in=False)
        if quote is None:
            raise PriceUnavailable(f"segment {segment.id} ({instance.instance_type or 'unknown'}): {because}")
        if price_per_hour is not None:  # for all of the run, whatever it ran on
            quote = Quote(usd_per_hour=quote.usd_per_hour, source=quote.source, as_of=quote.as_of)
        ledger = ledger.restated(segment.id, quote, instance=instance)
    return at_prices_of(record, ledger)


def at_prices_of(record: RunRecord, ledger: Ledger) -> RunRecord:
    """Return what is known of a run with its ledger restated, and its results after it."""
    results = tuple(restated(each, ledger, record.crossings.get(each.threshold)) for each in record.results)
    return msgspec.structs.replace(record, ledger=ledger, results=results)


def _placed(instance: Instance, region: str | None) -> Instance:
    if region is None or instance.region == region:
        return instance
    sources = {name: source for name, source in instance.sources.items() if name != "zone"} | {"region": "reprice"}
    return msgspec.structs.replace(instance, region=region, zone=None, sources=sources)
