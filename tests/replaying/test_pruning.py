"""Not asking how runs ended gives the same crossings from less: footers decide what they can."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

polars = pytest.importorskip("polars")

from milepost.errors import ConfigError, HistoryError  # noqa: E402
from milepost.histories.formats import parquet  # noqa: E402
from milepost.histories.history import Outline, Range  # noqa: E402
from milepost.replaying.pruning import is_decided, may_reach  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from milepost.replaying.results import Results  # noqa: E402
from milepost.replaying.workers import scheduling  # noqa: E402
from milepost.tracking.smoothing import Smoother  # noqa: E402
from milepost.tracking.thresholds import COMPARISONS, PerformanceThreshold  # noqa: E402
from tests.helpers import START  # noqa: E402

LEFT_OUT = {
    *("final_smoothed_value", "retained", "observations", "skipped", "price_as_of"),
    *("rewinds", "late_observations", "restarts"),
}

GROUP_ROWS = 4


@pytest.fixture(autouse=True, scope="module")
def _a_stretch_for_each_row_group() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "CHUNK_ROWS", 1)
        yield


def write(path: Path, metrics: Mapping[str, Sequence[float | None]], samples: list[int] | None = None) -> Path:
    count = len(next(iter(metrics.values())))
    columns: dict[str, Any] = {
        "samples": samples or [10 * at for at in range(count)],
        "elapsed_seconds": [float(at) for at in range(count)],
        "wall_time": [START + 2.0 * at for at in range(count)],
        **{name: polars.Series(values, dtype=polars.Float64) for name, values in metrics.items()},
    }
    polars.DataFrame(columns).write_parquet(path, row_group_size=GROUP_ROWS)
    return path


def told(results: Results) -> list[str]:
    kept = [
        {name: value for name, value in msgspec.structs.asdict(result).items() if name not in LEFT_OUT}
        for result in results
    ]
    return [repr(each) for each in kept]


values = st.one_of(
    st.floats(-4, 4).map(lambda value: round(value, 1)),
    st.floats(-4, 4),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.0, None, None]),
)
columns = st.lists(st.lists(values, min_size=GROUP_ROWS, max_size=GROUP_ROWS), min_size=1, max_size=8)


@settings(max_examples=250, deadline=None)
@given(
    groups=columns,
    others=columns,
    thresholds=st.lists(
        st.tuples(
            st.sampled_from(["m", "n", "never"]),
            st.sampled_from([-5.0, -4.0, -3.9, -1.0, 0.0, 1.0, 3.9, 4.0, 5.0]),
            st.sampled_from(COMPARISONS),
            st.sampled_from([1.0, 1.0, 1.0, 0.3]),
            st.sampled_from([1, 1, 2, 3]),
        ),
        min_size=1,
        max_size=4,
    ),
    back_at=st.one_of(st.none(), st.integers(1, 31)),
)
def test_crossings_are_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[float | None]],
    others: list[list[float | None]],
    thresholds: list[tuple[Any, ...]],
    back_at: int | None,
) -> None:
    m, n = ([value for group in each for value in group] for each in (groups, others))
    count = min(len(m), len(n))
    samples = [10 * at - (35 if back_at is not None and at >= back_at else 0) for at in range(4, count + 4)]
    path = write(tmp_path_factory.mktemp("log") / "log.parquet", {"m": m[:count], "n": n[:count]}, samples)
    wanted = [
        PerformanceThreshold(f"t{at}", metric, target, comparison, smoothing_factor=factor, confirm=confirm)
        for at, (metric, target, comparison, factor, confirm) in enumerate(thresholds)
    ]
    whole = replay(path, thresholds=wanted, price_per_hour=3.6)
    short = replay(path, thresholds=wanted, price_per_hour=3.6, final=False)
    assert told(short) == told(whole)
    assert all(getattr(result, name) is None for result in short for name in LEFT_OUT - {"price_as_of"})


def test_parts_of_a_large_row_group_may_hold_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little memory a row group is read in parts: the observation before may lie in the one before the last."""
    monkeypatch.setattr(scheduling, "FEWEST_ROWS", 1)
    path = write(tmp_path / "log.parquet", {"m": [0.0] * 8 + [0.0, None, math.nan, None] + [None, None, 9.0, 0.0]})
    (result,) = replay(path, thresholds=["m >= 5"], final=False, memory_bytes=1)
    assert (result.samples_to_threshold, result.after_samples) == (140, 80)


def test_samples_that_may_be_wrong_are_looked_at(tmp_path: Path) -> None:
    """A footer tells the least and the greatest, and not that a count between them is no whole number."""
    path = tmp_path / "log.parquet"
    polars.DataFrame({"samples": [0.0, 10.5, 20.0], "m": [1.0, 1.0, 1.0]}).write_parquet(path)
    results = replay(path, thresholds=["m >= 5"], final=False)
    assert [each.reason for each in results.skipped] == [
        each.reason for each in replay(path, thresholds=["m >= 5"]).skipped
    ]
    assert "expected a whole number of samples" in results.skipped[0].reason
    polars.DataFrame({"samples": [-10, 0], "m": [1.0, 1.0]}).write_parquet(path)
    with pytest.raises(HistoryError, match="expected a whole number of samples"):
        replay(path, thresholds=["m >= 5"], final=False)


@pytest.mark.parametrize("statistics", [True, False, ["samples", "m"]])
@pytest.mark.parametrize("kind", ["float", "float32", "int64", "uint64", "uint8", "bool", "string"])
def test_columns_of_any_type_in_parts_of_a_table(tmp_path: Path, kind: str, statistics: Any) -> None:
    """As pyarrow writes them, with a group of nothing but NaN or null, and greatest numbers that no float holds."""
    parquet_of_arrow = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    greatest = {"int64": 2**63 - 1, "uint64": 2**64 - 1, "uint8": 255, "bool": True, "string": "9e9"}.get(kind, 3e38)
    one, zero = {"bool": (True, False), "string": ("1", "0")}.get(kind, (1, 0))
    gap = [math.nan if kind.startswith("float") else None] * GROUP_ROWS
    values = [zero] * 8 + gap + [zero, one, one, zero] + [None] * 4 + [greatest, *[zero] * 5]
    table = pyarrow.table(
        {
            "samples": pyarrow.array([10 * at for at in range(len(values))], pyarrow.int32()),
            "m": pyarrow.array(values, getattr(pyarrow, {"float": "float64", "bool": "bool_"}.get(kind, kind))()),
        }
    )
    for number, part in enumerate((table[:10], table[10:])):
        path = tmp_path / f"part-{number:05}.parquet"
        parquet_of_arrow.write_table(part, path, row_group_size=GROUP_ROWS, write_statistics=statistics)
    wanted = ["m >= 1", "m > 1", "m == 0.5", f"m >= {2**64}", "m < 0", "m > 0.5 @ 0.5"]
    assert told(replay(tmp_path, thresholds=wanted, final=False)) == told(replay(tmp_path, thresholds=wanted))


def test_a_run_that_its_footer_decides_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "log.parquet", {"m": [1.0, 2.0, 3.0, 2.5, 1.0, math.nan]})
    read: list[str] = []
    scan = parquet._scan

    def counted(file: str) -> Any:
        read.append(file)
        return scan(file)

    monkeypatch.setattr(parquet, "_scan", counted)
    (result,) = replay(path, thresholds=["m >= 4 @ 0.5"], price_per_hour=1.0, final=False)
    assert not read
    assert (result.status, result.achieved, result.usd_per_hour, result.elapsed_source) == (
        "not_reached",
        False,
        1.0,
        "caller",
    )
    replay(path, thresholds=["m >= 3 @ 0.5"], price_per_hour=1.0, final=False)
    assert read


def test_row_groups_that_decide_nothing_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve groups, the crossing's and the one before it bear on the answer, and the first tells the start."""
    path = write(tmp_path / "log.parquet", {"m": [0.0 if at != 38 else 9.0 for at in range(48)]})
    table = parquet.ParquetTable([str(path)], 2**20)
    assert table.chunk_count == 12
    decoded: list[tuple[bool, int]] = []
    frames = parquet.ParquetTable.frames

    def counted(self: Any, columns: Any, only: Any = None) -> Any:
        decoded.append(("m" in columns, only[0]))
        return frames(self, columns, only)

    monkeypatch.setattr(parquet.ParquetTable, "frames", counted)
    (result,) = replay(path, thresholds=["m >= 5"], final=False)
    assert (result.samples_to_threshold, result.after_samples) == (380, 370)
    assert [stretch for with_metric, stretch in decoded if with_metric] == [0, 8, 9]
    assert max(stretch for _, stretch in decoded) == 9  # and nothing after the last crossing


def test_a_series_is_left_at_its_last_crossing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is smoothed, and read to its end."""
    path = write(tmp_path / "log.parquet", {"m": [0.0, 1.0] * 12, "n": [0.0] * 20 + [9.0] * 4})
    read: list[list[str]] = []
    frames = parquet.ParquetTable.frames

    def counted(self: Any, columns: Any, only: Any = None) -> Any:
        read.append(sorted({"m", "n"} & set(columns)))
        return frames(self, columns, only)

    monkeypatch.setattr(parquet.ParquetTable, "frames", counted)
    first, second = replay(path, thresholds=["m >= 1", "n >= 5 @ 0.5"], final=False)
    assert (first.samples_to_threshold, second.samples_to_threshold) == (10, 210)
    assert read == [["m", "n"], *[["n"]] * 5]


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_ranges_decide_at_their_ends(comparison: Any) -> None:
    def reach(target: float, low: float, high: float, factor: float = 1.0) -> bool:
        threshold = PerformanceThreshold("t", "m", target, comparison, smoothing_factor=factor)
        return may_reach(threshold, Range(low, high), rows=1000)

    assert [reach(at, 1.0, 2.0) for at in (0.5, 1.0, 1.5, 2.0, 2.5)] == {
        ">=": [True, True, True, True, False],
        ">": [True, True, True, False, False],
        "<=": [False, True, True, True, True],
        "<": [False, False, True, True, True],
        "==": [False, True, True, True, False],
    }[comparison]
    assert reach(2.0, 1.0, 2.0, factor=0.1)
    assert reach(1.0, 1.0, 2.0, factor=0.1)


@settings(max_examples=200)
@given(
    values=st.lists(st.floats(0.1, 0.3), min_size=1, max_size=60),
    factor=st.sampled_from([1.0, 0.9, 0.3, 0.1, 1 / 3, 0.001]),
    bias_correction=st.booleans(),
)
def test_averages_stay_in_the_range_of_their_values(values: list[float], factor: float, bias_correction: bool) -> None:
    """Sums of numbers such as 0.1 leave it by a last bit: what is taken for impossible never happens."""
    threshold = PerformanceThreshold("t", "m", 0.0, smoothing_factor=factor, bias_correction=bias_correction)
    smoother = Smoother(threshold.smoothing)
    seen = [smoother.push(value, 0, 0.0) for value in values]
    within = Range(min(values), max(values))
    for comparison, reached in ((">=", max(seen)), ("<=", min(seen))):
        at = msgspec.structs.replace(threshold, target_value=reached, comparison=comparison)
        assert may_reach(at, within, len(values))


def test_averages_of_the_smallest_number_may_be_zero() -> None:
    threshold = PerformanceThreshold("t", "m", 0.0, "<=", smoothing_factor=0.5, bias_correction=False)
    smoother = Smoother(threshold.smoothing)
    assert [smoother.push(5e-324, 0, 0.0) for _ in range(2)] == [5e-324, 0.0]
    assert may_reach(threshold, Range(5e-324, 5e-324), rows=2)


def test_what_nobody_knows_is_not_decided() -> None:
    threshold = PerformanceThreshold("t", "m", 5.0, smoothing_factor=1.0)
    clocks = frozenset({"samples"})
    assert is_decided([threshold], Outline(({"m": Range(0, 1)},), (1,), 10, clocks))
    assert not is_decided([threshold], Outline(({"m": Range(0, 1)}, {}), (1, 2), 10, clocks))
    assert not is_decided([threshold], Outline((), (), 0, clocks))


def test_what_is_kept_is_a_whole_run(tmp_path: Path) -> None:
    path = write(tmp_path / "log.parquet", {"m": [1.0]})
    with pytest.raises(ConfigError, match="--save with --no-final"):
        replay(path, thresholds=["m >= 5"], final=False, save=True)
