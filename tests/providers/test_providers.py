"""A provider is one record: whatever asks about it finds it there."""

import re
from pathlib import Path

import pytest

import milepost
from milepost import providers
from milepost.errors import PriceUnavailable
from milepost.instances import probing
from milepost.instances.detect import detect, preemption_notice
from milepost.money.instance import Instance
from milepost.prices.book import PriceBook
from milepost.providers import billing_rule, every_provider, find_provider, load, provider_of

SOURCE = Path(milepost.__file__).parent


@pytest.fixture
def _acme(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new cloud, in the file beside this one: this is its line."""
    monkeypatch.setitem(providers.PROVIDERS, "acme", "tests.providers.acme:ACME")
    monkeypatch.setattr(probing, "_answers", None)


@pytest.mark.parametrize("name", providers.PROVIDERS)
def test_what_a_record_names_is_there(name: str) -> None:
    record = find_provider(name)
    assert record.name == name
    for reference in (record.prices, record.metadata, record.variables, record.types):
        assert reference is None or callable(load(reference))
    if record.prices is not None:
        assert (load(record.prices).name, load(record.prices).provider) == (name, name)


def test_provider_that_nobody_knows_has_an_empty_record() -> None:
    for name in ("cellar", "", None):
        record = find_provider(name)
        assert (record.prices, record.reference_region, record.is_ordinary("anywhere")) == (None, None, True)


def test_type_tells_its_provider() -> None:
    kinds = ("g5.4xlarge", "a2-highgpu-1g", "n2-standard-4", "gpu_8x_a100", "Standard_NC24ads_A100_v4", "rocket.1", "")
    assert [provider_of(kind) for kind in kinds] == ["aws", "gcp", "gcp", "lambda", "azure", None, None]


@pytest.mark.usefixtures("_acme")
def test_new_cloud_is_billed() -> None:
    assert billing_rule(Instance(provider="acme")).billed_seconds(1.0) == 3600.0
    assert billing_rule(Instance(provider="acme", market="spot")).billed_seconds(1.0) == 10.0


@pytest.mark.usefixtures("_acme")
def test_new_cloud_is_probed() -> None:
    found = detect(environ={"ACME_NODES": "3"}, probe=True)
    assert {"acme metadata", "aws metadata", "gpus"} <= {answer.name for answer in found.probed}
    assert (found.instance.instance_type, found.instance.market, found.instance.num_nodes) == ("rocket.1", "spot", 3)
    assert found.unknown == ()
    assert preemption_notice("acme") == "the road runner is near"


@pytest.mark.usefixtures("_acme")
def test_new_cloud_is_priced() -> None:
    book = PriceBook()
    for instance in (Instance(provider="acme", instance_type="rocket.9"), Instance(instance_type="rocket.1")):
        quote = book.ask(instance)
        assert (quote.usd_per_hour, quote.source, quote.region, quote.assumed) == (25.0, "acme", "desert-1", False)
    assert PriceBook(sources=["acme"]).ask(Instance(instance_type="rocket.2", market="spot")).usd_per_hour == 12.5
    with pytest.raises(PriceUnavailable, match=r"anvil\.1 is billed by weight: give price_per_hour"):
        book.ask(Instance(instance_type="anvil.1"))


def test_no_provider_is_asked_for_by_its_name_outside_of_the_records() -> None:
    """What is different about a cloud is a field of its record, or in the files of the adapters that it names."""
    name = f"[\"']({'|'.join(each.name for each in every_provider())})[\"']"
    compared = re.compile(rf"[!=]= {name}|{name} [!=]=|\bin \([^)]*{name}")
    found = [
        f"{path.relative_to(SOURCE)}: {line.strip()}"
        for path in SOURCE.rglob("*.py")
        for line in path.read_text().splitlines()
        if compared.search(line)
    ]
    assert found == []
