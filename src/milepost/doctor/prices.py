"""Prices that are not known, stand in for others, or are old; and credentials that don't work."""

from collections.abc import Iterator
from datetime import UTC, datetime

from milepost.doctor.finding import Case, Finding


def check(case: Case) -> Iterator[Finding]:
    """Look at the price that a run here would be reckoned with."""
    if case.settings.prices == "off":
        yield Finding("note", "price", "prices are off: every cost will be null.", "Remove `prices: off`.")
        return
    if case.live_fault is not None:
        what = f"{case.live_source} can be asked for prices and does not answer: {case.live_fault}."
        do = f"Mend the credentials or the network, or leave {case.live_source} out of prices.sources."
        yield Finding("warning", "credentials", what, do)
    quote = case.quote
    if quote is None:
        what = f"there is no price, so every cost will be null: {case.unpriced_because}."
        do = "Give prices.price_per_hour, or say what the machine is (instance: in the configuration)."
        yield Finding("error", "price", what, do)
        return
    price = f"{quote.usd_per_hour:g} USD/h"
    if quote.assumed:
        yield Finding(
            "warning",
            "price",
            f"the price of {price} is assumed: {quote.assumed_because}.",
            "Say type, region and market (instance: in the configuration, or MILEPOST_INSTANCE_TYPE and the like), or "
            "give prices.price_per_hour.",
        )
    wanted = case.detection.instance.region
    if wanted is not None and quote.region not in (None, wanted):
        what = f"no price of {quote.instance_type} in {wanted} is known: that of {quote.region} stands in."
        do = "Fetch the catalogs (milepost price --refresh), or give prices.price_per_hour."
        yield Finding("warning", "region", what, do)
    if quote.cached and (days := _age_days(quote.as_of)) > 1:
        what = f"the price of {price} is {quote.source}'s answer of {days:.0f} days ago: it could not be asked anew."
        do = f"See to it that {quote.source} can be asked, or give prices.price_per_hour."
        yield Finding("warning", "price", what, do)


def _age_days(as_of: str | None) -> float:
    """Return how old a price is; 0 where its date can't be read."""
    try:
        moment = datetime.fromisoformat(as_of or "")
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - moment.replace(tzinfo=moment.tzinfo or UTC)).total_seconds() / 86400
