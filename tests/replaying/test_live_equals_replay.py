"""The live tracker and a replay of what was logged meanwhile say the same of every run, through every format."""

import csv
import json
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings, strategies as st

polars = pytest.importorskip("polars")

from milepost.histories.history import Wanted  # noqa: E402
from milepost.histories.tables.columns import Chosen, choose  # noqa: E402
from milepost.histories.tables.table import Table  # noqa: E402
from milepost.money.instance import Instance  # noqa: E402
from milepost.money.ledger import Ledger  # noqa: E402
from milepost.money.quote import Quote  # noqa: E402
from milepost.replaying.compiled import when_compiled  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from milepost.tracking.result import ThresholdResult  # noqa: E402
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold  # noqa: E402
from milepost.tracking.timer import Clock  # noqa: E402
from milepost.tracking.tracker import PerformanceThresholdTracker  # noqa: E402
from tests.helpers import START  # noqa: E402
from tests.histories.helpers import reading, wait_until_whole  # noqa: E402

Row = dict[str, Any]


@pytest.fixture(scope="module", params=["tracker", "kernel"], autouse=True)
def _engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both what takes small work and what takes large work take all of it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tracker":
            patch.setattr(when_compiled, "WORTH_AT_ONCE", math.inf)
        else:
            pytest.importorskip("numba")
            from milepost.replaying.compiled import bulk

            patch.setattr(when_compiled, "WORTH_AT_ONCE", 0)
            patch.setattr(when_compiled, "WORTH_POINTS", 0)
            patch.setattr(bulk, "FEW_ROWS", 1)
        yield


@pytest.fixture(scope="module", autouse=True)
def _columns_as_they_are_called() -> Iterator[None]:
    """Have columns count and tell time by name alone: what is drawn here goes as no counter does, nor a clock."""

    def chosen(table: Table, wanted: Wanted, _first: Any) -> tuple[Chosen, None]:
        found = choose(table.where, table.columns, wanted)
        times = tuple(msgspec.structs.replace(each, is_wall=each.name == "wall_time") for each in found.times)
        return msgspec.structs.replace(found, times=times), None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("milepost.histories.tables.histories._chosen", chosen)
        yield


POSITION = ("samples", "elapsed_seconds", "wall_time")

numbers = st.one_of(
    st.floats(-4, 4),
    st.floats(-4, 4),
    st.floats(-4, 4).map(lambda value: round(value, 1)),
    st.floats(-1e100, 1e100),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324]),
)
steps = st.one_of(st.integers(0, 30), st.integers(0, 30), st.integers(-60, 0))
seconds = st.one_of(st.floats(0, 9), st.floats(0, 9), st.floats(-20, 0))
row_parts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"samples": steps, "elapsed": seconds, "wall": st.floats(0, 9)},
    optional={"m": numbers, "n": numbers},
)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Rows of a run that mostly goes forward; sometimes it goes back, repeats itself, or logs nothing."""
    rows: list[Row] = []
    samples = 0
    elapsed, wall = 0.0, START
    for part in draw(st.lists(row_parts, min_size=1, max_size=25)):
        samples = max(0, samples + int(part["samples"]))
        elapsed = max(0.0, elapsed + part["elapsed"])
        wall += part["wall"]
        row: Row = {"samples": samples, "elapsed_seconds": elapsed, "wall_time": wall}
        rows.append(row | {name: part[name] for name in ("m", "n") if name in part})
    return rows


@st.composite
def threshold_lists(draw: st.DrawFn) -> list[PerformanceThreshold]:
    thresholds = []
    for at in range(draw(st.integers(1, 6))):
        comparison = draw(st.sampled_from([">=", ">", "<=", "<", "=="]))
        fields: dict[str, Any] = {
            "target_value": draw(st.floats(-3, 3).map(lambda value: round(value, 1))),
            "comparison": comparison,
            "confirm": draw(st.integers(1, 3)),
            "bias_correction": draw(st.booleans()),
            "tolerance": draw(st.sampled_from([0.0, 0.5])) if comparison == "==" else 0.0,
        }
        if draw(st.booleans()):
            unit = draw(st.sampled_from(["samples", "seconds"]))
            fields["half_life"] = HalfLife(**{unit: draw(st.sampled_from([0.5, 7.0, 100.0]))})
        else:
            fields["smoothing_factor"] = draw(st.sampled_from([1.0, 0.5, 0.1]))
        thresholds.append(PerformanceThreshold(f"t{at}", draw(st.sampled_from(["m", "n", "never"])), **fields))
    return thresholds


def live(
    rows: list[Row],
    thresholds: list[PerformanceThreshold],
    told: tuple[str, ...],
    *,
    is_single: bool = False,
    has_wall_clock: bool = True,
) -> list[ThresholdResult]:
    """Return what the live tracker says, told of the clocks that are named."""
    first = rows[0]
    start = first["wall_time"] - (first["elapsed_seconds"] if "elapsed_seconds" in told else 0.0)
    book = Ledger().opened(Instance(), Quote(usd_per_hour=3.6, source="user"), wall_time=start)
    (segment,) = book.segments
    book = Ledger((msgspec.structs.replace(segment, has_wall_clock=has_wall_clock),))
    tracker = PerformanceThresholdTracker(
        thresholds, ledger=book, clock=Clock(monotonic=lambda: 0.0, utc=lambda: start)
    )
    tracker.run = "log"
    tracker.timer.start_known = "elapsed_seconds" in told  # a log's first row is no start
    for series in tracker.series:
        if is_single:
            series.tell_precision(True)
    watched = {threshold.metric for threshold in thresholds}  # of a log, no more is read
    for row in rows:
        metrics = {name: value for name, value in row.items() if name in watched}
        elapsed = row["elapsed_seconds"] if "elapsed_seconds" in told else None
        tracker.update(metrics, row["samples"], elapsed, wall_time=row["wall_time"])
    tracker.close()
    return list(tracker.get_results().values())


def replayed(path: Path, thresholds: list[PerformanceThreshold], **options: Any) -> list[ThresholdResult]:
    results = list(replay(path, thresholds=thresholds, price_per_hour=3.6, **options))
    as_of = {result.price_as_of for result in results}
    assert len(as_of) == 1
    return [msgspec.structs.replace(result, price_as_of=None, run="log") for result in results]


HOW_COUNTED = {"samples_unit", "samples_source", "uncounted_because"}
"""What only a log tells, or only a caller."""


def same(left: list[ThresholdResult], right: list[ThresholdResult]) -> None:
    """Every field, to the last bit: ``repr`` of a float gives it exactly, and tells -0.0 from 0.0."""
    for one, other in zip(left, right, strict=True):
        for field in set(ThresholdResult.__struct_fields__) - HOW_COUNTED:
            assert repr(getattr(one, field)) == repr(getattr(other, field)), field


def write_csv(folder: Path, rows: list[Row], told: tuple[str, ...]) -> Path:
    path = folder / "log.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["samples", *told, "m", "n"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(folder: Path, rows: list[Row], told: tuple[str, ...]) -> Path:
    path = folder / "log.jsonl"
    left_out = set(POSITION) - {"samples", *told}
    lines = [json.dumps({name: value for name, value in row.items() if name not in left_out}) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def write_parquet(folder: Path, rows: list[Row], told: tuple[str, ...]) -> Path:
    path = folder / "log.parquet"
    columns = {name: [row.get(name) for row in rows] for name in ("samples", *told, "m", "n")}
    types = {"samples": polars.Int64}
    polars.DataFrame(columns, schema={name: types.get(name, polars.Float64) for name in columns}).write_parquet(
        path, row_group_size=7
    )
    return path


WRITERS: dict[str, Callable[[Path, list[Row], tuple[str, ...]], Path]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("told", [("elapsed_seconds", "wall_time"), ("wall_time",)])
@pytest.mark.parametrize("kind", list(WRITERS))
@settings(max_examples=90)
@given(rows=histories(), thresholds=threshold_lists())
def test_tables(
    kind: str,
    told: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Row],
    thresholds: list[PerformanceThreshold],
) -> None:
    path = WRITERS[kind](tmp_path_factory.mktemp("log"), rows, told)
    same(replayed(path, thresholds), live(rows, thresholds, told))


@settings(max_examples=40)
@given(rows=histories(), thresholds=threshold_lists())
def test_log_without_wall_time_tells_all_but_what_was_billed(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], thresholds: list[PerformanceThreshold]
) -> None:
    rows = [row | {"wall_time": row["elapsed_seconds"]} for row in rows]
    assume(all(row["samples"] > rows[0]["samples"] for row in rows[1:]))  # else another training may begin
    path = write_csv(tmp_path_factory.mktemp("log"), rows, ("elapsed_seconds",))
    same(replayed(path, thresholds), live(rows, thresholds, ("elapsed_seconds", "wall_time"), has_wall_clock=False))


@pytest.mark.parametrize("how", ["compiled", "python"])
@settings(max_examples=60)
@given(rows=histories(), thresholds=threshold_lists())
def test_event_files(
    how: str, tmp_path_factory: pytest.TempPathFactory, rows: list[Row], thresholds: list[PerformanceThreshold]
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    # Both tags in each event: they lie on one axis. Steps that are all 0 would be none.
    logged = [
        {name: row[name] for name in POSITION} | {name: as_float32(row.get(name, 0.25)) for name in ("m", "n")}
        for row in rows
    ]
    assume(any(row["samples"] for row in logged) and {"m", "n"} & {each.metric for each in thresholds})
    assume(not any(math.isinf(row[name]) for row in logged for name in "mn"))
    folder = tmp_path_factory.mktemp("log")
    writer = EventFileWriter(str(folder))
    for row in logged:
        told = [Summary.Value(tag=name, simple_value=row[name]) for name in ("m", "n") if name in row]
        writer.add_event(Event(wall_time=row["wall_time"], step=row["samples"], summary=Summary(value=told)))
    writer.close()
    with reading(how):
        found = replayed(folder, thresholds, samples_column="step")
    same(found, live(logged, thresholds, ("wall_time",), is_single=True))


def as_float32(value: float) -> float:
    try:
        number: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number


@pytest.mark.parametrize("seed", range(3))
def test_files_that_wandb_wrote(seed: int, tmp_path: Path) -> None:
    """A handful of long histories: each costs the start of a service."""
    wandb = pytest.importorskip("wandb")
    import random

    chance = random.Random(seed)
    rows: list[Row] = []
    samples, elapsed, wall = 0, 0.0, START
    for _ in range(400):
        samples = max(0, samples + chance.choice([10, 10, 10, 0, -40]))
        elapsed = max(0.0, elapsed + chance.choice([chance.random(), 1.0, -3.0]))
        wall += chance.random()
        row: Row = {"samples": samples, "elapsed_seconds": elapsed, "wall_time": wall}
        for name in ("m", "n"):
            if chance.random() < 0.8:
                row[name] = chance.choice([chance.gauss(0, 2), chance.gauss(0, 1e9), math.nan, math.inf, -0.0, 2.0])
        rows.append(row)
    thresholds = [
        PerformanceThreshold("a", "m", 1.0, ">=", smoothing_factor=1.0),
        PerformanceThreshold("b", "n", -2.0, "<", smoothing_factor=0.5, confirm=2),
        PerformanceThreshold("c", "m", 1e8, ">", smoothing_factor=0.1, confirm=3),
        PerformanceThreshold("d", "never", 0.0, "<=", smoothing_factor=1.0),
    ]
    run = wandb.init(
        project="p", mode="offline", dir=str(tmp_path), settings=wandb.Settings(silent=True, console="off")
    )
    for row in rows:
        run.log(row)
    run.finish()
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    wait_until_whole(path)
    expected = live(rows, thresholds, ("elapsed_seconds", "wall_time"))
    for how in ("compiled", "python"):
        with reading(how):
            same(replayed(tmp_path, thresholds), expected)
