"""Over all rows of the sample catalogs: the price by type, by accelerators and by what the machine tells agree."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance, Market
from milepost.money.quote import Quote
from milepost.prices.book import PriceBook
from milepost.prices.catalogs.catalog import Catalog
from milepost.prices.sources import azure
from tests.prices.catalogs.laid import FAULTS, SAMPLE, folder, needs_shared

pytestmark = needs_shared

MARKETS: tuple[Market, ...] = ("on_demand", "spot")


class Asked(NamedTuple):
    """A type in a place, and what its rows there ask for it in a market."""

    cloud: str
    kind: str
    region: str
    zone: str
    market: Market
    gpu: str
    gpus: float | None
    prices: frozenset[float]


@pytest.fixture(params=["sample", "faults"])
def laid(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    monkeypatch.setattr(azure, "why_no_http", lambda: "there is no network here")
    shutil.copytree(SAMPLE if request.param == "sample" else FAULTS, folder())
    return list(_of_rows())


def _of_rows() -> Iterator[Asked]:
    for path in sorted(folder().glob("*/vms.csv")):
        for rows in Catalog(Path(path).read_bytes(), path.name).every_type():
            places = {(row.region, row.zone): row for row in rows if row.instance_type}
            for (region, zone), row in places.items():
                for market in MARKETS:
                    asked = (each for each in rows if (each.region, each.zone) == (region, zone))
                    prices = frozenset(usd for each in asked if (usd := each.price(market)) is not None)
                    gpus = row.gpus and (int(row.gpus) if row.gpus.is_integer() else row.gpus)
                    kind = row.instance_type
                    yield Asked(path.parent.name, kind, region, zone, market, row.gpu, gpus, prices)


def ask(instance: Instance) -> Quote | None:
    try:
        return PriceBook().ask(instance)
    except PriceUnavailable:
        return None


def is_right(quote: Quote | None, row: Asked) -> bool:
    """Say whether an answer is what the rows say, or says that and why it is not."""
    if quote is None:  # of a host whose GPUs are not told, its own price is not the machine's
        return not row.prices or (row.cloud == "gcp" and not row.gpu)
    if quote.assumed:
        return bool(quote.assumed_because)
    if quote.source != "skypilot":  # which knows no better
        return not row.prices
    is_sum = row.cloud == "gcp"  # of the host's row and its GPUs'
    return (quote.usd_per_hour > max(row.prices)) if is_sum and quote.gpus else {quote.usd_per_hour} == row.prices


def test_type_accelerators_and_machine_agree_or_say_why_not(laid: list[Asked]) -> None:
    assert len(laid) > 10
    for row in laid:
        place: dict[str, Any] = {"provider": row.cloud, "region": row.region, "market": row.market}
        place["zone"] = row.zone or None
        gpus: dict[str, Any] = {"gpu": row.gpu or None, "gpus": row.gpus or None}
        told = dict.fromkeys(("instance_type", "region", "zone", "market", "gpu", "gpus"), "metadata")
        by_type = ask(Instance(instance_type=row.kind.upper(), **place))
        by_machine = ask(Instance(instance_type=row.kind, **place, **gpus, sources=told))
        assert is_right(by_type, row), (row, by_type)
        assert is_right(by_machine, row), (row, by_machine)
        if by_type is not None and by_machine is not None and not (by_type.assumed or by_machine.assumed):
            assert by_type == by_machine, row
        if not row.gpu:
            continue
        by_gpus = ask(Instance(**place, **gpus))
        by_spec = ask(Instance(instance_type=f"{row.gpu.lower()}:{row.gpus:g}", **place))
        for each in (by_gpus, by_spec):
            assert each is None or (each.assumed and each.assumed_because), (row, each)
            assert each is None or each.source != "skypilot" or each.gpu == row.gpu, (row, each)
        if row.prices and by_gpus is not None and by_gpus.instance_type == row.kind:
            assert by_gpus.usd_per_hour in row.prices, (row, by_gpus)
            assert by_spec == by_gpus, row


def test_no_answer_has_other_gpus_than_the_machine(laid: list[Asked]) -> None:
    for row in laid:
        if not row.gpu:
            continue
        told = dict.fromkeys(("instance_type", "region", "gpu", "gpus"), "metadata")
        quote = ask(
            Instance(
                provider=row.cloud,
                instance_type=f"{row.kind}-new",
                region=row.region,
                market=row.market,
                gpu=row.gpu,
                gpus=row.gpus,
                sources=told,
            )
        )
        assert quote is not None
        assert quote.assumed
        has_other = quote.gpus != row.gpus
        assert not has_other or quote.instance_type == "g5.4xlarge", (row, quote)
