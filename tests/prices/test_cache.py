import json
import multiprocessing
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from milepost.money.instance import Commitment, Instance
from milepost.money.quote import PriceStep, Quote
from milepost.prices import cache as cache_module
from milepost.prices.cache import Question, QuoteCache

REAL_TIME = time.time
NOW = datetime(2026, 11, 20, tzinfo=UTC)
INSTANCE = Instance(provider="aws", instance_type="g5.4xlarge", region="us-east-1", market="on_demand")
ON_DEMAND = Question.of("aws", INSTANCE)
SPOT = Question(source="aws", provider="aws", instance_type="g5.4xlarge", zone="us-east-1a", market="spot")
QUOTE = Quote(usd_per_hour=1.624, source="aws", as_of="2026-11-20T00:00:00+00:00")


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = REAL_TIME() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.mark.parametrize(("question", "fresh_seconds"), [(ON_DEMAND, 24 * 3600), (SPOT, 600)])
def test_answer_is_fresh_for_its_time_and_kept_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: Question, fresh_seconds: float
) -> None:
    cache = QuoteCache(tmp_path)
    assert cache.find(question) is None
    cache.keep(question, QUOTE)
    found, fresh = cache.find(question) or (None, None)
    assert found is not None
    assert (found.usd_per_hour, found.as_of, found.cached, fresh) == (1.624, QUOTE.as_of, True, True)
    later(monkeypatch, fresh_seconds + 1)
    assert (cache.find(question) or (None, None))[1] is False
    later(monkeypatch, -3600.0)  # a clock that was set back
    assert (cache.find(question) or (None, None))[1] is False


def test_questions_that_differ_are_answered_apart(tmp_path: Path) -> None:
    cache = QuoteCache(tmp_path)
    cache.keep(ON_DEMAND, QUOTE)
    reserved = {"market": "reserved", "commitment": Commitment("3yr")}
    for changed in ({"region": "eu-west-1"}, {"zone": "us-east-1a"}, {"gpus": 2}, reserved, {"provider": "gcp"}):
        fields = {name: getattr(ON_DEMAND, name) for name in ON_DEMAND.__struct_fields__}
        assert cache.find(Question(**{**fields, **changed})) is None


def test_steps_that_begin_too_late_are_not_fresh_and_none_are_wanted_for_now(tmp_path: Path) -> None:
    cache = QuoteCache(tmp_path)
    steps = (PriceStep(NOW.timestamp(), 0.5), PriceStep(NOW.timestamp() + 60, 0.7))
    cache.keep(SPOT, Quote(usd_per_hour=0.5, source="aws", steps=steps), NOW)
    assert [(cache.find(SPOT, NOW + timedelta(hours=hours)) or (None, None))[1] for hours in (-1, 0, 1)] == [
        *(False, True, True)
    ]
    quote, fresh = cache.find(SPOT) or (None, None)
    assert quote is not None
    assert (quote.usd_per_hour, quote.steps, fresh) == (0.7, (), True)


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"{}", b'{"question": {}}', b"[" * 100_000])
def test_corrupt_file_counts_as_none_and_is_rebuilt(tmp_path: Path, content: bytes) -> None:
    cache = QuoteCache(tmp_path)
    cache.keep(ON_DEMAND, QUOTE)
    (file,) = tmp_path.glob("*.json")
    whole = file.read_bytes()
    file.write_bytes(content)
    assert cache.find(ON_DEMAND) is None
    file.write_bytes(whole[: len(whole) // 2])
    assert cache.find(ON_DEMAND) is None
    cache.keep(ON_DEMAND, QUOTE)
    assert cache.find(ON_DEMAND) is not None


@pytest.mark.parametrize("usd", [-1.0, 0.0, None, "1.6"])
def test_price_that_is_none_counts_as_none(tmp_path: Path, usd: Any) -> None:
    cache = QuoteCache(tmp_path)
    cache.keep(ON_DEMAND, QUOTE)
    (file,) = tmp_path.glob("*.json")
    entry = json.loads(file.read_bytes())
    entry["quote"]["usd_per_hour"] = usd
    file.write_text(json.dumps(entry))
    assert cache.find(ON_DEMAND) is None


def test_answer_to_another_question_is_none(tmp_path: Path) -> None:
    cache = QuoteCache(tmp_path)
    cache.keep(SPOT, QUOTE)
    (file,) = tmp_path.glob("*.json")
    cache.keep(ON_DEMAND, QUOTE)
    (other,) = set(tmp_path.glob("*.json")) - {file}
    os.replace(file, other)
    assert cache.find(ON_DEMAND) is None


def test_questions_whose_files_bear_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = QuoteCache(tmp_path)
    monkeypatch.setattr(cache, "_file", lambda question: tmp_path / "same.json")
    cache.keep(SPOT, QUOTE)
    assert cache.find(ON_DEMAND) is None


def test_names_of_files_stay_in_the_folder(tmp_path: Path) -> None:
    cache = QuoteCache(tmp_path / "quotes")
    question = Question(source="aws", provider="aws", instance_type="../../x" * 100, region="/etc", zone="a\x00b")
    cache.keep(question, QUOTE)
    assert cache.find(question) is not None
    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / "quotes"]


def test_folder_that_cannot_be_written_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "quotes").touch()
    cache = QuoteCache(tmp_path / "quotes")
    with cache.asking(ON_DEMAND):
        cache.keep(ON_DEMAND, QUOTE)
    assert cache.find(ON_DEMAND) is None


def _race(folder: Path, usd: float, barrier: Any) -> None:
    cache = QuoteCache(folder)
    barrier.wait()
    for _ in range(1000):
        cache.keep(ON_DEMAND, Quote(usd_per_hour=usd, source="aws"))
        found = cache.find(ON_DEMAND)
        assert found is not None
        assert found[0].usd_per_hour in (1.0, 2.0)


def test_two_processes_that_race_leave_it_readable(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    racers = [context.Process(target=_race, args=(tmp_path, usd, barrier)) for usd in (1.0, 2.0)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert (QuoteCache(tmp_path).find(ON_DEMAND) or (None, None))[1] is True
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_who_asks_the_same_waits_its_turn(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with QuoteCache(tmp_path).asking(ON_DEMAND):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with QuoteCache(tmp_path).asking(ON_DEMAND):
        inside.set()
        time.sleep(0.1)  # long enough for the other to get in, if it could
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_who_has_waited_long_enough_asks_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "LOCK_SECONDS", 0.0)
    with QuoteCache(tmp_path).asking(ON_DEMAND), QuoteCache(tmp_path).asking(ON_DEMAND):
        pass
