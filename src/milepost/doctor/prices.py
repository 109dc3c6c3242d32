"""Prices that are not known, stand in for others, or are old; and credentials that don't work."""

from collections.abc import Iterator

from milepost.doctor.finding import Case, Finding


def check(case: Case) -> Iterator[Finding]:
    """Look at the price that a run here would be reckoned with."""
    if case.settings.prices == "off":
        yield Finding("note", "price", "prices are off: every cost will be null.", "Remove `prices: off`.")
        return
    if case.live_fault is not None:
        yield Finding(
            "warning",
            "credentials",
            f"{case.live_source} can be asked for prices and does not answer: {case.live_fault}.",
            f"Mend the credentials or the network, or leave {case.live_source} out of prices.sources.",
        )
    quote = case.quote
    if quote is None:
        yield Finding(
            "error",
            "price",
            f"there is no price, so every cost will be null: {case.unpriced_because}.",
            "Give prices.price_per_hour, or say what the machine is (instance: in the configuration).",
        )
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
        yield Finding(
            "warning",
            "region",
            f"no price of {quote.instance_type} in {wanted} is known: that of {quote.region} stands in.",
            "Fetch the catalogs (milepost price --refresh), or give prices.price_per_hour.",
        )
    if quote.cached and case.live_fault is not None:
        yield Finding(
            "warning",
            "price",
            f"the price of {price} is an answer of {quote.as_of}: {case.live_source} could not be asked anew.",
            "See to it that it can be asked, or give prices.price_per_hour.",
        )
