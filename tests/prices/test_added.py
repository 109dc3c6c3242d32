"""Price sources of other packages, installed as packages are."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost.errors import ConfigError, PriceUnavailable
from milepost.money.instance import Instance
from milepost.prices.book import PriceBook
from milepost.tracked_run import price_watch
from milepost.tracked_run.opening import track
from tests.cli.test_cli import milepost as call
from tests.prices.plugin import LIVE, OFFLINE, install

BIG = Instance(provider="acme", instance_type="big", market="on_demand")


@pytest.fixture(params=[OFFLINE, LIVE], ids=["at once", "live"])
def acme(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, float]:
    """An installed source of the provider acme, and what it asks for an hour."""
    monkeypatch.syspath_prepend(install(tmp_path, request.param))
    return tmp_path, 7.5 if request.param == OFFLINE else 9.0


@pytest.fixture(autouse=True)
def _imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("prices_of_")]:
        monkeypatch.delitem(sys.modules, name)


def test_provider_is_enough_to_be_asked(acme: tuple[Path, float]) -> None:
    folder, usd = acme
    for provider in ("acme", "ACME"):
        done = call("price", "big", "--provider", provider, "--json", PYTHONPATH=str(folder))
        (row,) = map(json.loads, done.stdout.splitlines())
        assert (row["usd_per_hour"], row["source"], row["assumed"]) == (usd, "acme", False)
        assert done.stderr == ""
    assert PriceBook(sources=["acme"]).ask(Instance(instance_type="big")).usd_per_hour == usd
    assert PriceBook().ask(Instance(instance_type="g5.4xlarge", provider="aws")).source == "list"
    with pytest.raises(PriceUnavailable, match="acme: it knows acme's prices, not those of aws"):
        PriceBook(sources=["acme"]).ask(Instance(instance_type="g5.4xlarge"))


def test_tracked_run_and_replay_ask_it(
    acme: tuple[Path, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, usd = acme
    monkeypatch.setattr(price_watch, "CLOSE_WAIT_SECONDS", 60.0)
    named = {"provider": "acme", "instance_type": "big", "region": "north", "market": "on_demand"}
    threshold = milepost.PerformanceThreshold("t", "reward", 2.0, smoothing_factor=1.0)
    with track(thresholds=[threshold], instance=named, sinks=[], store="off") as run:
        run.update({"reward": 3.0}, 1, elapsed_seconds=3600.0)
    (live,) = run.get_results().values()
    log = tmp_path / "log.jsonl"
    log.write_text('{"timesteps": 1, "elapsed_seconds": 3600.0, "reward": 3.0}\n')
    (replayed,) = milepost.replay(log, thresholds=[threshold], instance=named)
    for each in (live, replayed):
        assert (each.usd_per_hour, each.price_source, each.price_assumed) == (usd, "acme", False)


def test_source_that_is_left_out_by_naming_another_is_said(acme: tuple[Path, float]) -> None:
    said = "acme: left out, though it knows acme's prices: others are named"
    with pytest.raises(PriceUnavailable, match=f"skypilot: no catalog.*; {said}"):
        PriceBook(sources=["skypilot"]).ask(BIG)
    quote = PriceBook(sources=["skypilot", "default"]).ask(BIG)
    assert (quote.source, quote.assumed) == ("default", True)
    assert (quote.assumed_because or "").endswith(f"stands in; {said}")
    assert PriceBook(sources=["skypilot", "acme", "default"]).ask(BIG).source == "acme"
    aws = PriceBook(sources=["default"]).ask(Instance(instance_type="g5.xlarge"))
    assert "left out" not in (aws.assumed_because or "")


def test_users_price_comes_before_it(acme: tuple[Path, float]) -> None:
    assert PriceBook(price_per_hour=2.0).ask(BIG).source == "user"


def test_what_it_knows_is_listed(tmp_path: Path) -> None:
    done = call("price", "--list", "--provider", "acme", "--json", PYTHONPATH=str(install(tmp_path)))
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["instance_type"], row["usd_per_hour"], row["source"]) == ("big", 7.5, "acme")


BROKEN = {
    "import": ("import nothing_of_this_name", "it can't be loaded: ModuleNotFoundError"),
    "no class": ("Another = 1", "it can't be loaded: AttributeError"),
    "another class": ("Acme = dict", "it can't be loaded: "),
    "abstract": (OFFLINE.replace("def quote", "def quotes"), "it can't be loaded: "),
    "constructor": (OFFLINE + "\n    def __init__(self):\n        1 / 0\n", "it can't be loaded: ZeroDivisionError"),
    "exit": ("import sys\nsys.modules[__name__].Acme = None", "it can't be loaded: "),
    "quote": (OFFLINE.replace("7.5", "1 / 0"), "it failed: ZeroDivisionError: division by zero"),
    "live quote": (LIVE.replace("9.0", "1 / 0"), "it failed: ZeroDivisionError: division by zero"),
    "why not": (LIVE.replace("return None", "return 1 / 0"), "it failed: ZeroDivisionError: division by zero"),
    "no price": (OFFLINE.replace("7.5", "float('nan')"), "it answers with nan USD an hour, which is no price"),
    "negative": (LIVE.replace("9.0", "-1.0"), "it answers with -1.0 USD an hour, which is no price"),
    "no quote": (OFFLINE.replace("return Quote(", "return dict("), "it failed: AttributeError"),
    "says no": (LIVE.replace("return Quote(", "raise LookupError("), "it failed: TypeError"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_source_that_is_broken_is_said_and_breaks_nothing(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code, reason = BROKEN[fault]
    name = f"acme_{fault.replace(' ', '_')}"
    monkeypatch.syspath_prepend(install(tmp_path, code, name=name))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert PriceBook().ask(Instance(instance_type="g5.4xlarge", market="on_demand")).source == "list"
            with pytest.raises(PriceUnavailable) as caught:
                PriceBook(strict=True).ask(BIG)
            assert f"{name}: {reason}" in str(caught.value)
            with pytest.raises(PriceUnavailable):
                PriceBook(sources=[name]).ask(BIG)
            list(PriceBook().every_quote())
    is_no_price = "no price" in reason
    assert len([each for each in caplog.records if repr(name) in each.getMessage()]) == (0 if is_no_price else 1)


def test_lookup_in_a_process_of_its_own_says_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, LIVE.replace("9.0", "1 / 0")))
    with pytest.raises(PriceUnavailable, match="acme: it failed: ZeroDivisionError"):
        PriceBook(sources=["acme"], apart=True).ask(BIG, datetime.now(UTC))


def test_source_that_is_called_as_one_of_ours_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, OFFLINE, name="list"))
    with pytest.raises(PriceUnavailable):
        PriceBook(strict=True).ask(BIG)
    assert PriceBook(sources=["list"]).ask(Instance(instance_type="g5.4xlarge")).usd_per_hour == 1.624


def test_misspelt_name_is_told_apart_from_those_that_are_installed(acme: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"sources: found 'acmee', expected one of user, aws.*, acme; nearest: 'acme'"
    ):
        PriceBook(sources=["acmee"])


def test_run_that_is_priced_without_others_sources_looks_for_none(tmp_path: Path) -> None:
    """Finding entry points imports a module that is not cheap, and reads the files of every package that is there."""
    script = (
        "import sys, milepost\n"
        "milepost.track(thresholds=[], sinks=[], store='off', instance=%r, price_per_hour=%r).close()\n"
        "print('importlib.metadata' in sys.modules)"
    )
    environ = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(Path(milepost.__file__).parents[1])}
    for instance, usd in (("g5.4xlarge", None), ("big", 1.0)):
        done = subprocess.run(
            [sys.executable, "-c", script % (instance, usd)], capture_output=True, text=True, check=True, env=environ
        )
        assert done.stdout == "False\n"
