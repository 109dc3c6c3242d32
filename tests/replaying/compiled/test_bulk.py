"""Many rows at once leave a tracker just as it is left by the same rows one after the other, to the last bit."""

import math
import random
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

numpy = pytest.importorskip("numpy")
polars = pytest.importorskip("polars")
pytest.importorskip("numba")

from milepost.money.instance import Instance  # noqa: E402
from milepost.money.ledger import Ledger  # noqa: E402
from milepost.money.quote import Quote  # noqa: E402
from milepost.replaying.compiled import bulk  # noqa: E402
from milepost.replaying.row_by_row import Feed  # noqa: E402
from milepost.replaying.updates import Updates  # noqa: E402
from milepost.tracking.thresholds import COMPARISONS, Comparison, HalfLife, PerformanceThreshold  # noqa: E402
from milepost.tracking.timer import Clock  # noqa: E402
from milepost.tracking.tracker import PerformanceThresholdTracker  # noqa: E402
from tests.helpers import START  # noqa: E402

Rows = dict[str, list[Any]]


def feed_of(thresholds: list[PerformanceThreshold], *, with_curves: bool = False) -> Feed:
    quote = Quote(usd_per_hour=3.6, source="user")
    ledger = Ledger().opened(Instance(), quote, wall_time=START, instance_start="machine")
    (segment,) = ledger.segments
    ledger = ledger.__class__(segments=(segment.__class__(**{**as_dict(segment), "id": "segment"}),))
    clock = Clock(monotonic=lambda: 0.0, utc=lambda: START)
    return Feed(PerformanceThresholdTracker(thresholds, ledger=ledger, clock=clock), START, with_curves=with_curves)


def as_dict(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def updates_of(rows: Rows, clocks: str) -> Updates:
    columns = {name: polars.Series(name, rows[name], polars.Float64) for name in rows if name not in CLOCKS}
    elapsed, wall = (
        polars.Series(name, rows[name], polars.Float64) if name[0] in clocks else None
        for name in ("elapsed_seconds", "wall_time")
    )
    return Updates(polars.DataFrame(columns), polars.Series("samples", rows["samples"], polars.Int64), elapsed, wall)


def part_of(updates: Updates, first: int, stop: int) -> Updates:
    elapsed, wall = (
        None if each is None else each[first:stop] for each in (updates.elapsed_seconds, updates.wall_time)
    )
    return Updates(updates.metrics[first:stop], updates.samples[first:stop], elapsed, wall)


CLOCKS = ("samples", "elapsed_seconds", "wall_time")


def whole_state(feed: Feed) -> str:
    """All that a tracker, its results and its curves are; ``repr`` tells every bit of a float."""
    tracker = feed.tracker
    every_series = [(each.total, each.weight, each.absent, each.skipped, each.left_at) for each in tracker.series]
    pending = [(each.pending.low, each.pending.high, each.pending.is_empty or each.low) for each in tracker.series]
    results = list(tracker.get_results().values())
    curves = [curve.taken() for curve in feed.curves]
    return repr((every_series, pending, results, tracker.crossings, curves, tracker.state_dict()))


def same(
    rows: Rows, thresholds: list[PerformanceThreshold], clocks: str, cuts: list[int], *, with_curves: bool = False
) -> None:
    """Hold one against the other. Rows that a curve keeps are taken singly: without curves, whole tiles are."""
    singly, at_once = (feed_of(thresholds, with_curves=with_curves) for _ in range(2))
    updates = updates_of(rows, clocks)
    for first, stop in zip([0, *cuts], [*cuts, len(updates)], strict=True):
        part = part_of(updates, first, stop)
        if len(part):
            for feed in (singly, at_once):
                for curve in feed.curves:
                    curve.look_at(part.metrics)
            singly.take_each(part, 0, len(part))
            bulk.take_all(at_once, part)
    assert whole_state(at_once) == whole_state(singly)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FEW_ROWS", 2)
    monkeypatch.setattr(bulk, "FIRST_WINDOW", 8)


numbers = st.one_of(
    st.floats(-4, 4),
    st.floats(-4, 4).map(lambda value: round(value, 1)),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e308, -1e308, None]),
)
METRICS = tuple("abcdefghij")
RAW: dict[str, Any] = {"smoothing_factor": 1.0, "half_life": None, "bias_correction": True}


@st.composite
def thresholds_of_all_kinds(draw: st.DrawFn) -> list[PerformanceThreshold]:
    thresholds = []
    for at in range(draw(st.integers(1, 24))):
        comparison: Comparison = draw(st.sampled_from((">=", *COMPARISONS)))
        smoothing: dict[str, Any] = draw(
            st.sampled_from(
                [
                    *({"smoothing_factor": factor} for factor in (1.0, 0.5, 0.1, 0.001)),
                    *({"half_life": HalfLife(samples=each)} for each in (0.5, 7.0)),
                    {"half_life": HalfLife(seconds=3.0)},
                ]
            )
        )
        threshold = PerformanceThreshold(
            f"t{at}",
            draw(st.sampled_from((*METRICS, "never"))),
            draw(st.sampled_from([-3.0, -1.0, -0.5, 0.0, 5e-324, 0.5, 1.0, 2.0, 3.0, 1e308])),
            comparison,
            confirm=draw(st.sampled_from([1, 1, 2, 3])),
            bias_correction=draw(st.booleans()),
            tolerance=draw(st.sampled_from([0.0, 0.5])) if comparison == "==" else 0.0,
            **smoothing,
        )
        thresholds.append(threshold)
    return thresholds


raw = thresholds_of_all_kinds().map(
    lambda every: [msgspec.structs.replace(each, **RAW) for each in every]  # NumPy's, the others are the kernel's
)


@settings(max_examples=300, deadline=None)
@given(
    thresholds=st.one_of(thresholds_of_all_kinds(), raw),
    values=st.lists(st.lists(numbers, min_size=1, max_size=12), min_size=10, max_size=10),
    steps=st.lists(st.sampled_from([8, 8, 8, 8, 8, 0, 3, -20]), min_size=1, max_size=90),
    seconds=st.lists(st.sampled_from([1.0, 1.0, 1.0, 0.3, 0.0, -2.0]), min_size=1, max_size=7),
    clocks=st.sampled_from(["e", "w", "ew"]),
    cuts=st.lists(st.integers(0, 90), max_size=2),
    with_curves=st.booleans(),
)
def test_random_histories(
    thresholds: list[PerformanceThreshold],
    values: list[list[float | None]],
    steps: list[int],
    seconds: list[float],
    clocks: str,
    cuts: list[int],
    with_curves: bool,
) -> None:
    rows: Rows = {name: [] for name in (*CLOCKS, *METRICS)}
    samples, elapsed, wall = 100, 0.0, START
    for at, step in enumerate(steps):
        samples, elapsed = max(0, samples + step), max(0.0, elapsed + seconds[at % len(seconds)])
        wall += seconds[at % len(seconds)]
        rows["samples"].append(samples)
        rows["elapsed_seconds"].append(elapsed)
        rows["wall_time"].append(wall)
        for name, column in zip(METRICS, values, strict=True):
            rows[name].append(column[at % len(column)])
    same(rows, thresholds, clocks, sorted(min(cut, len(steps)) for cut in cuts), with_curves=with_curves)


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_long_histories(seed: int, is_raw: bool) -> None:
    """Averages that have settled, targets just at what they come to, gaps here and there, several groups of lanes."""
    chance = random.Random(seed)
    count = 5000
    thresholds = []
    for at, name in enumerate(METRICS):
        for factor in (1.0,) if is_raw else (1.0, 0.1, 0.01):
            for target in (0.2, 0.5, 0.9, 1.0, 1.5, 40.0):
                comparison: Comparison = chance.choice(COMPARISONS[:4])
                threshold = PerformanceThreshold(
                    f"t{at}-{factor}-{target}",
                    name,
                    target if comparison in (">=", ">") else -target,
                    comparison,
                    smoothing_factor=factor,
                    confirm=chance.choice([1, 1, 5]),
                )
                thresholds.append(threshold)
    rows: Rows = {
        "samples": [16 * at for at in range(count)],
        "elapsed_seconds": [0.1 * at for at in range(count)],
        "wall_time": [START + 0.1 * at for at in range(count)],
    }
    if seed % 2:  # goes back twice
        for at in (1700, 4100):
            rows["samples"][at:] = [each - 5000 for each in rows["samples"][at:]]
    for at, name in enumerate(METRICS):
        gaps = (0.0, 0.01, 0.5)[at % 3]
        slope = (at - 4) / count
        rows[name] = [
            chance.choice([None, math.nan, math.inf]) if chance.random() < gaps else slope * row + chance.gauss(0, 0.3)
            for row in range(count)
        ]
    same(rows, thresholds, "ew" if seed % 3 else "w", [1, 2500], with_curves=seed > 3)


def test_a_sum_that_is_the_greatest_number() -> None:
    """Its target times its weight is more than that, and it is reached all the same: the quotient is rounded up."""
    greatest, chance = sys.float_info.max, random.Random(0)
    tried = 0
    while tried < 5:
        factor = chance.uniform(0.2, 0.9)
        decay, weight = 1 - factor, 0.0
        while (after := decay * weight + 1.0) != weight:
            weight = after
        target = math.nextafter(greatest / weight, 0.0)
        while weight * target < math.inf:
            target = math.nextafter(target, math.inf)
        values, total = [0.5 * greatest / weight] * 803, 0.0
        for value in values:
            total = decay * total + value
        last = greatest - decay * total
        if greatest / weight < target or decay * total + last != greatest:
            continue
        values += [last] + [values[0]] * 20
        rows: Rows = {name: list(values) for name in METRICS}
        rows |= {name: list(range(len(values))) for name in CLOCKS}
        thresholds = [PerformanceThreshold(name, name, target, smoothing_factor=factor) for name in METRICS]
        feed = feed_of(thresholds)
        bulk.take_all(feed, updates_of(rows, "e"))
        assert {each.position.samples for each in feed.tracker.crossings.values()} == {803}
        same(rows, thresholds, "e", [])
        tried += 1


@pytest.mark.parametrize("is_raw", [False, True])
def test_a_state_that_is_restored_is_gone_on_from(is_raw: bool) -> None:
    """Also with a crossing that is half confirmed, and where the average satisfies a threshold that is new."""
    chance = random.Random(1)
    thresholds = [
        PerformanceThreshold(
            f"t{at}-{target}", name, target, smoothing_factor=1.0 if is_raw else factor, confirm=confirm
        )
        for at, name in enumerate(METRICS[:9])
        for target, factor, confirm in ((0.2, 0.1, 1), (0.6, 0.1, 40), (0.9, 1.0, 1), (0.7, 0.5, 3))
    ]
    rows: Rows = {name: [at / 400 + chance.gauss(0, 0.05) for at in range(400)] for name in METRICS}
    rows |= {name: [int(START) + 16 * at for at in range(400)] for name in CLOCKS}
    rows["elapsed_seconds"] = [16 * at for at in range(400)]
    updates = updates_of(rows, "ew")
    head, tail = part_of(updates, 0, 250), part_of(updates, 250, 400)
    before = feed_of(thresholds[::2])
    bulk.take_all(before, head)
    state = before.tracker.state_dict()
    singly, at_once = feed_of(thresholds), feed_of(thresholds)
    for feed in (singly, at_once):
        feed.tracker.load_state_dict(state)
    singly.take_each(tail, 0, len(tail))
    bulk.take_all(at_once, tail)
    assert whole_state(at_once) == whole_state(singly)
    assert is_raw or any(each.already_met for each in at_once.tracker.crossings.values())
