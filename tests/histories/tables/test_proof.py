"""``time``, ``Time`` and ``frame``: what they are is shown by all of a log; and what few rows show."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars
import pytest

from milepost.errors import HistoryError
from milepost.histories.tables.proof import Proof
from milepost.replaying.replay import replay
from milepost.tracking.result import ThresholdResult
from tests.histories.event_files import BEGAN, opened, scalar, write

ROWS = 12_000
LATE = 10_000


def csv(folder: Path, columns: dict[str, Sequence[Any]]) -> Path:
    path = folder / "log.csv"
    rows = [columns, *zip(*columns.values(), strict=True)]
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def jsonl(folder: Path, columns: dict[str, Sequence[Any]]) -> Path:
    path = folder / "log.jsonl"
    rows = zip(*columns.values(), strict=True)
    path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    return path


def parquet(folder: Path, columns: dict[str, Sequence[Any]]) -> Path:
    path = folder / "log.parquet"
    polars.DataFrame({name: list(values) for name, values in columns.items()}).write_parquet(path, row_group_size=2000)
    return path


def events(folder: Path, columns: dict[str, Sequence[Any]]) -> Path:
    records = [opened(BEGAN)]
    for at, step in enumerate(columns["step"]):
        wall = BEGAN + 120.0 * (at + 1)
        records += [scalar(name, float(values[at]), step, wall) for name, values in columns.items() if name != "step"]
    write(folder / "events.out.tfevents.1.host", records)
    return folder


WRITERS = [csv, jsonl, parquet, events]


def reached(path: Path, threshold: str, **options: Any) -> ThresholdResult:
    (result,) = replay(path, thresholds=[threshold], price_per_hour=6.0, **options)
    return result


@pytest.mark.parametrize("write_log", WRITERS)
@pytest.mark.parametrize("falls", [False, True])
def test_time_that_falls_late_in_the_log_is_no_clock(tmp_path: Path, write_log: Any, falls: bool) -> None:
    steps = range(1, ROWS + 1)
    time = [0.5 * step if step <= LATE or not falls else 0.4 for step in steps]
    result = reached(write_log(tmp_path, {"step": steps, "time": time, "reward": steps}), "reward >= 6000")
    assert (result.samples_to_threshold, result.samples_unit) == (6000, "steps")
    of_events = 12_000.0 if write_log is events else None
    assert result.minutes_to_threshold == (of_events if falls else 50.0)
    if falls and of_events is None:
        assert f"'time' falls in row {LATE + 1}" in (result.untimed_because or "")


@pytest.mark.parametrize("write_log", WRITERS)
@pytest.mark.parametrize("falls", [False, True])
def test_frame_that_falls_late_in_the_log_counts_nothing(tmp_path: Path, write_log: Any, falls: bool) -> None:
    steps = range(1, ROWS + 1)
    frame = [4 * step if step <= LATE or not falls else 2 * LATE for step in steps]
    result = reached(write_log(tmp_path, {"step": steps, "frame": frame, "reward": steps}), "reward >= 6000")
    expected = (6000, "steps") if falls else (24_000, "samples")
    assert (result.samples_to_threshold, result.samples_unit) == expected


def test_time_may_fall_where_another_process_goes_on(tmp_path: Path) -> None:
    header, path = "Epoch,TotalEnvInteracts,Time,reward\n", tmp_path / "progress.csv"
    rows = [f"{at},{4000 * at},{60 * (at - (6 if at > 6 else 0))},{at}\n" for at in range(1, 13)]
    path.write_text(header + "".join(rows[:6]) + header + "".join(rows[6:]))
    result = reached(path, "reward >= 10")
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (40_000, 10.0)
    path.write_text(header + "".join(rows))  # nobody says that another process begins
    assert reached(path, "reward >= 10").minutes_to_threshold is None


def test_what_is_loose_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    steps = range(1, 11)
    reached(csv(tmp_path, {"frames": [100 * step for step in steps], "time": steps, "reward": steps}), "reward >= 5")
    assert "'time' never falls: it is taken for the time since the start" in caplog.text
    assert "'frames' never falls: it is taken for what counts samples" in caplog.text


def test_proof_goes_on_from_part_to_part() -> None:
    import numpy

    def proved(*parts: tuple[list[float], list[bool]]) -> int | None:
        proof, row = Proof(), 1
        for told, may_fall in parts:
            proof.take(numpy.array(told), numpy.array(may_fall, bool), row)
            row += len(told)
        return proof.fall

    nan = float("nan")
    assert proved(([1, 2, nan, 3], [False] * 4), ([4, 5], [False] * 2)) is None
    assert proved(([1, 2, 3], [False] * 3), ([2, 5], [False] * 2)) == 4
    assert proved(([1, 2, 3], [False] * 3), ([2, 5], [True, False])) is None
    assert proved(([1, 2, nan], [False, False, True]), ([nan, 1, 0], [False] * 3)) == 6


TOKENS = [4030, 4141, 4191, 4212, 4261, 4326, 4422, 4480, 4505]
SECONDS = [58, 59, 61, 62, 63, 64, 65, 66, 67]


@pytest.mark.parametrize("rows", range(2, 10))
def test_numbers_of_a_batch_that_rise_by_chance_count_nothing(tmp_path: Path, rows: int) -> None:
    for first in (1, 1000):
        columns = {"step": range(first, first + rows), "tokens": TOKENS[:rows], "reward": range(rows)}
        result = reached(csv(tmp_path, columns), f"reward >= {rows - 1}")
        assert (result.samples_to_threshold, result.samples_unit) == (first + rows - 1, "steps")
        assert "'tokens' does not go with 'step'" in (result.uncounted_because or "")


@pytest.mark.parametrize("rows", range(2, 10))
def test_samples_of_few_rows_count(tmp_path: Path, rows: int) -> None:
    for first in (0, 1, 1000):
        steps = range(first, first + rows)
        samples = [64 * (step + (first == 0)) for step in steps]
        columns = {"step": steps, "samples": samples, "reward": range(rows)}
        result = reached(csv(tmp_path, columns), f"reward >= {rows - 1}")
        assert (result.samples_to_threshold, result.samples_unit) == (samples[-1], "samples")


@pytest.mark.parametrize("rows", range(2, 10))
@pytest.mark.parametrize("name", ["time", "elapsed_time", "elapsed"])
def test_seconds_of_an_iteration_that_rise_by_chance_are_no_clock(tmp_path: Path, rows: int, name: str) -> None:
    columns = {"step": range(1, rows + 1), name: SECONDS[:rows], "reward": range(rows)}
    result = reached(csv(tmp_path, columns), f"reward >= {rows - 1}")
    assert result.minutes_to_threshold is None
    assert repr(name) in (result.untimed_because or "")


@pytest.mark.parametrize("rows", range(3, 10))
@pytest.mark.parametrize("name", ["time", "elapsed_time", "duration", "Time (s)"])
def test_seconds_since_the_start_are_a_clock_in_few_rows_too(tmp_path: Path, rows: int, name: str) -> None:
    columns = {"epoch": range(rows), name: [60 * (at + 1) for at in range(rows)], "reward": range(rows)}
    assert reached(csv(tmp_path, columns), f"reward >= {rows - 1}").minutes_to_threshold == rows


@pytest.mark.parametrize(("name", "minutes"), [("time", 5.0), ("elapsed", 5.0), ("elapsed_ms", 0.005)])
def test_a_log_that_counts_nothing_has_minutes_and_dollars(tmp_path: Path, name: str, minutes: float) -> None:
    columns: dict[str, Sequence[Any]] = {name: range(60, 480, 60), "acc": [at / 10 for at in range(1, 8)]}
    result = reached(csv(tmp_path, columns), "acc >= 0.5")
    assert (result.samples_to_threshold, result.samples_unit) == (None, None)
    assert result.minutes_to_threshold == pytest.approx(minutes)
    assert result.cost_to_threshold == pytest.approx(minutes / 10)


def test_a_log_that_counts_epochs_alone_has_epochs(tmp_path: Path) -> None:
    result = reached(csv(tmp_path, {"Epoch": range(1, 8), "acc": [at / 10 for at in range(1, 8)]}), "acc >= 0.5")
    assert (result.samples_to_threshold, result.samples_unit, result.minutes_to_threshold) == (5, "epochs", None)


def test_a_column_that_cant_be_read_is_dropped_and_not_its_rows(tmp_path: Path) -> None:
    steps = range(1, 9)
    columns = {
        "step": steps,
        "tokens": [f"{step}k" for step in steps],
        "elapsed": ["soon" if step % 3 else 60 * step for step in steps],
        "reward": steps,
    }
    result = reached(csv(tmp_path, columns), "reward >= 5")
    assert (result.samples_to_threshold, result.samples_unit, result.minutes_to_threshold) == (5, "steps", None)
    assert "'tokens' holds '1k', no number that can be read" in (result.uncounted_because or "")
    assert "'elapsed' holds 'soon', no time that can be read" in (result.untimed_because or "")


@pytest.mark.parametrize("write_log", WRITERS)
def test_time_column_that_is_not_there_is_an_error(tmp_path: Path, write_log: Any) -> None:
    path = write_log(tmp_path, {"step": range(9), "clocked": range(9), "reward": range(9)})
    with pytest.raises(HistoryError, match=r"--time-column names 'clock', found .*nearest: 'clocked'"):
        reached(path, "reward >= 5", time_column="clock")
    assert reached(path, "reward >= 5", time_column="clocked").minutes_to_threshold == pytest.approx(5 / 60)


@pytest.mark.parametrize("write_log", WRITERS)
def test_samples_per_step_of_a_log_that_tells_samples_is_said(
    tmp_path: Path, write_log: Any, caplog: pytest.LogCaptureFixture
) -> None:
    steps = range(1, 10)
    path = write_log(tmp_path, {"step": steps, "samples": [100 * step for step in steps], "reward": steps})
    assert reached(path, "reward >= 5", samples_per_step=64).samples_to_threshold == 500
    assert caplog.text.count("--samples-per-step 64 is passed over: 'samples' counts samples") == 1
