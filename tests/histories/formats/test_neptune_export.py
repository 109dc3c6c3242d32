"""What neptune-exporter saves, by its schema: Neptune's servers are gone, and the exporter is on no index."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

from milepost.errors import HistoryError  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from tests.histories.helpers import column, logs_of, one, read  # noqa: E402

BEGAN = datetime(2024, 3, 10, 9, tzinfo=UTC)

SCHEMA = pyarrow.schema(
    [
        *((name, pyarrow.string()) for name in ("project_id", "run_id", "attribute_path", "attribute_type")),
        ("step", pyarrow.decimal128(18, 6)),
        ("timestamp", pyarrow.timestamp("ms", tz="UTC")),
        ("int_value", pyarrow.int64()),
        ("float_value", pyarrow.float64()),
        ("string_value", pyarrow.string()),
        ("bool_value", pyarrow.bool_()),
        ("datetime_value", pyarrow.timestamp("ms", tz="UTC")),
        ("string_set_value", pyarrow.list_(pyarrow.string())),
        ("file_value", pyarrow.struct([("path", pyarrow.string())])),
        (
            "histogram_value",
            pyarrow.struct(
                [
                    ("type", pyarrow.string()),
                    ("edges", pyarrow.list_(pyarrow.float64())),
                    ("values", pyarrow.list_(pyarrow.float64())),
                ]
            ),
        ),
    ]
)
"""As its README tells it, at the commit of November 2025."""


def setting(path: str, kind: str, value: Any) -> dict[str, Any]:
    return {"attribute_path": path, "attribute_type": kind, f"{kind}_value": value}


def series(path: str, points: Iterable[tuple[float, str, float]], kind: str = "float") -> list[dict[str, Any]]:
    """Return values of a series: minute, step, value; a NaN as pandas hands it to pyarrow."""
    return [
        {
            "attribute_path": path,
            "attribute_type": f"{kind}_series",
            "step": Decimal(step).quantize(Decimal("1.000000")),
            "timestamp": BEGAN + timedelta(minutes=minute),
            f"{kind}_value": None if kind == "float" and math.isnan(value) else value,
        }
        for minute, step, value in points
    ]


def export(folder: Path, rows: list[dict[str, Any]], *, run: str = "RUN-1", part: int = 0) -> Path:
    """Write a part of a run."""
    path = folder / "ws_proj_1a2b" / f"{run}_part_{part}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = [{"project_id": "ws/proj", "run_id": run, **row} for row in rows]
    parquet.write_table(pyarrow.Table.from_pylist(told, schema=SCHEMA), path, compression="snappy")
    return path


OF_RUN = [
    setting("sys/creation_time", "datetime", BEGAN),
    setting("sys/name", "string", "experiment"),
    setting("seed", "int", 3),
    setting("params/lr", "float", 0.1),
    setting("params/fast", "bool", True),
]


def test_a_run_is_read_from_its_parts(tmp_path: Path) -> None:
    export(tmp_path, [*OF_RUN, *series("train/reward", ((at, str(at * 1000), at) for at in range(1, 6)))])
    export(tmp_path, series("loss", [(1, "1000", 0.5), (2, "2000", math.nan), (5, "5000", 0.25)]), part=1)
    history = one(tmp_path)
    assert (history.run, history.group, history.seed) == ("ws/proj/RUN-1", "experiment", 3)
    assert history.config == {"seed": 3, "params/lr": 0.1, "params/fast": True}
    assert (history.started_at, history.samples_unit) == (BEGAN.timestamp(), "steps")
    assert column(history, "samples") == [1000, 2000, 3000, 4000, 5000]
    assert repr(column(history, "loss")) == repr([0.5, math.nan, None, None, 0.25])
    (result,) = replay(tmp_path, thresholds=["train/reward >= 4"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (4000, 4.0)
    assert result.cost_to_threshold == pytest.approx(0.4)


def test_a_counter_that_was_logged_is_the_count(tmp_path: Path) -> None:
    export(
        tmp_path,
        [
            *OF_RUN,
            *series("train/total_timesteps", ((at, str(at), at * 2048) for at in range(1, 9))),
            *series("eval/reward", ((at + 0.5, str(at), at) for at in (4, 8))),
        ],
    )
    history = one(tmp_path)
    assert (history.samples_unit, history.samples_source) == ("samples", "train/total_timesteps")
    (result,) = replay(tmp_path, thresholds=["eval/reward >= 8"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (8 * 2048, 8.5)


def test_steps_that_are_no_whole_numbers_count_nothing(tmp_path: Path) -> None:
    fine = series("fine", ((at, str(at / 2), at) for at in range(1, 5)))
    export(tmp_path, [*OF_RUN, *fine, *series("tokens_far", [(1, "123456789013", 1.0)])])
    (result,) = replay(tmp_path, thresholds=["fine >= 3"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (None, 3.0)
    assert any("'fine' are no whole numbers" in note for note in one(tmp_path).notes)
    (far,) = replay(tmp_path, thresholds=["tokens_far >= 1"], price_per_hour=6.0)
    assert far.samples_to_threshold == 123456789013


def test_what_else_was_saved_is_no_metric(tmp_path: Path) -> None:
    text = series("monitoring/stdout", [(1, "1", 0.0)], kind="string")
    text[0]["string_value"] = "line"
    export(tmp_path, [*OF_RUN, *text, *series("loss", [(1, "1", 0.5), (2, "2", 0.4)])])
    assert one(tmp_path).metrics == ("loss",)


def test_each_run_is_one_and_a_fork_says_so(tmp_path: Path) -> None:
    export(tmp_path, [*OF_RUN, *series("loss", [(1, "1", 0.5), (2, "2", 0.4)])])
    parent = setting("sys/forking/parent", "string", "RUN-1")
    export(tmp_path, [*OF_RUN, parent, *series("loss", [(3, "2", 0.3)])], run="RUN-2")
    export(tmp_path, OF_RUN, run="RUN-3")
    first, second, third = read(tmp_path)
    assert [history.run for history in (first, second, third)] == [f"ws/proj/RUN-{at}" for at in (1, 2, 3)]
    assert second.notes == ("forked from RUN-1: what that one had come to is not in this run",)
    results = replay(tmp_path, thresholds=["loss <= 0.4"], price_per_hour=6.0)
    assert [result.run for result in results] == ["ws/proj/RUN-1", "ws/proj/RUN-2"]
    assert "nothing that was logged" in results.skipped[0].reason


def test_other_parquet_is_told_from_it(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"step": [1, 2], "loss": [0.5, 0.4]}), tmp_path / "a_part_0.parquet")
    assert [log.reader.name for log in logs_of(tmp_path)] == ["parquet"]


def test_broken_file_is_reported(tmp_path: Path) -> None:
    path = export(tmp_path, [*OF_RUN, *series("loss", [(1, "1", 0.5), (2, "2", 0.4)])])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(HistoryError, match="no whole Parquet file"):
        logs_of(tmp_path)
