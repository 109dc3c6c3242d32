"""Which columns count and tell time, by their names and by how their values go."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import HistoryError
from milepost.histories.history import History, Wanted
from tests.histories.helpers import SAMPLES, column, needs_samples, one

START = 1_700_000_000


def log(folder: Path, rows: Iterable[Mapping[str, Any]], wanted: Wanted | None = None) -> History:
    """Return the history of rows that are written as JSON lines."""
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return one(file, wanted=wanted or Wanted())


def columns(folder: Path, wanted: Wanted | None = None, **values: Sequence[Any]) -> History:
    """Return the history of columns; of a list that is the shortest, the rest is as long."""
    names = [name.replace("__", "/") for name in values]
    return log(folder, [dict(zip(names, row, strict=True)) for row in zip(*values.values(), strict=True)], wanted)


def counted(history: History) -> tuple[str | None, str | None]:
    return history.samples_unit, history.samples_source


TOKENS = [4030, 4141, 4191, 4012, 4061, 4026, 4122, 4080, 4105, 4033]
RISING = range(1, 11)
MINUTES = [START + 60 * at for at in RISING]


@pytest.mark.parametrize(
    "name",
    [
        "info/env_steps",
        "ray/tune/num_env_steps_sampled_lifetime",
        "train/num_input_tokens_seen",
        "x.env_steps",
        "tokens",
    ],
)
def test_a_counter_is_known_by_the_last_piece_of_its_name(tmp_path: Path, name: str) -> None:
    history = log(tmp_path, [{name: 100 * at, "step": at, "loss": 1} for at in RISING])
    assert counted(history) == ("samples", name)
    assert column(history, "samples") == [100 * at for at in RISING]
    assert history.uncounted_because is None


@pytest.mark.parametrize("prefix", ["eval/", "val.", "test/", "validation/x/", "replay_buffer/", "evaluation.env."])
def test_what_counts_beside_training_is_no_counter(tmp_path: Path, prefix: str) -> None:
    history = log(tmp_path, [{f"{prefix}samples": 100 * at, "step": at} for at in RISING])
    assert counted(history) == ("steps", "step")


def test_tokens_of_a_batch_are_no_counter(tmp_path: Path) -> None:
    history = columns(tmp_path, step=RISING, tokens=TOKENS, timestamp=MINUTES)
    assert counted(history) == ("steps", "step")
    assert column(history, "samples") == list(RISING)
    assert history.uncounted_because == (
        "'tokens' falls in row 4; say which does with --samples-column, or how many a step is with --samples-per-step"
    )


@pytest.mark.parametrize("value", [0, 256])
def test_what_stands_still_while_the_step_rises_is_no_counter(tmp_path: Path, value: int) -> None:
    history = columns(tmp_path, step=RISING, samples=[value] * 10)
    assert counted(history) == ("steps", "step")
    assert f"'samples' stands at {value}" in (history.uncounted_because or "")


def test_what_stands_still_while_time_goes_on_is_no_counter_and_nothing_counts(tmp_path: Path) -> None:
    history = columns(tmp_path, samples=[256] * 10, timestamp=MINUTES)
    assert counted(history) == (None, None)
    assert column(history, "samples") == [256.0] * 10  # as the metric that it is
    assert all(rows.samples is None for rows in history.rows())
    assert "found 'samples', 'timestamp'" in (history.uncounted_because or "")


def test_steps_that_are_all_0_count_nothing(tmp_path: Path) -> None:
    assert counted(columns(tmp_path, step=[0] * 10, loss=RISING)) == (None, None)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("jitter", [0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10]),
        ("late evaluations", [*range(1, 11), 5, *range(11, 21), 15]),
        ("evaluated after training", [*range(20), 5, 10, 15]),
        ("a resume", [*range(20), *range(15, 30)]),
        ("an epoch's own", [*RISING, *RISING, *RISING]),
        ("of the first checkpoint, once", [*range(1, 31), 0, *range(31, 40)]),
    ],
)
def test_what_falls_as_counts_do_is_a_counter(tmp_path: Path, name: str, counts: list[int]) -> None:
    rows = [{"samples": count, "step": at, "loss": 1.0} for at, count in enumerate(counts, 1)]
    history = log(tmp_path, rows)
    assert counted(history) == ("samples", "samples"), name
    assert column(history, "samples") == counts


def mmengine(epochs: int) -> list[dict[str, Any]]:
    """Return rows as mmengine writes them: ``step`` is the iteration in training, the epoch in validation."""
    every = range(1, epochs + 1)
    train = [{"loss": 1 / at, "epoch": at, "iter": 69 * at, "step": 69 * at} for at in every]
    return [row for at in every for row in (train[at - 1], {"accuracy": 20.0 * at, "step": at})]


@pytest.mark.parametrize("epochs", [2, 5, 80])
def test_two_counters_in_one_column_are_none(tmp_path: Path, epochs: int) -> None:
    history = log(tmp_path, mmengine(epochs))
    assert counted(history) == ("steps", "iter")
    assert column(history, "samples") == [69 * at for at in range(1, epochs + 1) for _ in range(2)]
    with pytest.raises(HistoryError, match=r"--samples-column names 'step', which falls in row 2 .* such as 'iter'"):
        log(tmp_path, mmengine(epochs), Wanted(samples_column="step"))
    assert counted(log(tmp_path, mmengine(epochs), Wanted(samples_column="iter"))) == ("samples", "iter")


def test_mileposts_own_samples_are_taken_only_where_there_are_no_others(tmp_path: Path) -> None:
    own = "performance_threshold/samples"
    rows: list[dict[str, Any]] = [{own: 0, "env_steps": 0}, {"env_steps": 1000}, {"env_steps": 2000}]
    history = log(tmp_path, rows)
    assert (counted(history), column(history, "samples")) == (("samples", "env_steps"), [0, 1000, 2000])
    assert counted(log(tmp_path, [{own: 10 * at} for at in RISING])) == ("samples", own)


@pytest.mark.parametrize(
    ("names", "unit", "source"),
    [
        (["epoch", "step"], "steps", "step"),
        (["_step", "trainer/global_step"], "steps", "trainer/global_step"),
        (["training_iteration"], "steps", "training_iteration"),
        (["epoch"], "epochs", "epoch"),
        (["loss"], None, None),
    ],
)
def test_without_samples_the_logs_own_step_counts(
    tmp_path: Path, names: list[str], unit: str | None, source: str | None
) -> None:
    history = log(tmp_path, [dict.fromkeys(names, at) for at in RISING])
    assert counted(history) == (unit, source)
    assert "--samples-column" in (history.uncounted_because or "")
    assert ("--samples-per-step" in (history.uncounted_because or "")) == (unit == "steps")


def test_parts_of_epochs_are_no_count(tmp_path: Path) -> None:
    assert counted(log(tmp_path, [{"epoch": at / 40, "loss": 1.0} for at in RISING])) == (None, None)


def test_samples_per_step_turns_steps_into_samples(tmp_path: Path) -> None:
    rows = [{"step": at, "epoch": at // 4, "loss": 1.0} for at in RISING]
    history = log(tmp_path, rows, Wanted(samples_per_step=64))
    assert (counted(history), history.uncounted_because) == (("samples", "step"), None)
    assert column(history, "samples") == [64 * at for at in RISING]
    told = log(tmp_path, rows, Wanted(samples_column="epoch", samples_per_step=60_000))
    assert column(told, "samples") == [60_000 * (at // 4) for at in RISING]
    own = log(tmp_path, [{**row, "samples": 10 * row["step"]} for row in rows], Wanted(samples_per_step=64))
    assert column(own, "samples") == [10 * at for at in RISING]
    with pytest.raises(HistoryError, match="in row 2 of 'step', expected a whole number"):
        column(log(tmp_path, [{"step": 1}, {"step": 2**62}], Wanted(samples_per_step=64)), "samples")


# Clocks.


def clocks(history: History) -> tuple[list[float | None], list[float | None]]:
    elapsed, wall = column(history, "elapsed_seconds"), column(history, "wall_time")
    return elapsed, wall


def test_seconds_of_an_iteration_are_no_clock(tmp_path: Path) -> None:
    noise = [61.82, 61.79, 58.23, 58.34, 61.34, 60.94, 60.68, 59.23, 60.1, 61.0]
    alone = columns(tmp_path, samples=RISING, elapsed_time=noise)
    assert all(rows.elapsed_seconds is rows.wall_time is None for rows in alone.rows())
    assert alone.untimed_because == "'elapsed_time' falls in row 2; say which does with --time-column"
    stamped = columns(tmp_path, samples=RISING, elapsed=noise, timestamp=MINUTES)
    assert column(stamped, "wall_time") == MINUTES
    assert all(rows.elapsed_seconds is None for rows in stamped.rows())
    assert (stamped.untimed_because, stamped.notes) == (None, ("'elapsed' falls in row 2: it is taken for no clock",))


def test_the_next_clock_is_taken(tmp_path: Path) -> None:
    noise = [0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 0.5]
    history = columns(tmp_path, samples=RISING, elapsed=noise, time_total_s=[10.0 * at for at in RISING])
    assert column(history, "elapsed_seconds") == [10.0 * at for at in RISING]


def test_hours_of_audio_are_no_clock(tmp_path: Path) -> None:
    history = columns(tmp_path, samples=RISING, hours=[2.5 * at for at in RISING], timestamp=MINUTES)
    assert column(history, "wall_time") == MINUTES
    assert all(rows.elapsed_seconds is None for rows in history.rows())
    assert history.notes == ("'hours' runs ahead of 'timestamp': it is taken for no clock",)
    pieced = columns(tmp_path, samples=RISING, audio__hours=[2.5 * at for at in RISING])
    assert "no column is known to tell time" in (pieced.untimed_because or "")


def test_a_timer_that_starts_anew_is_a_clock(tmp_path: Path) -> None:
    seconds = [60 * (at % 10 + 1) for at in range(30)]
    history = columns(tmp_path, samples=range(30), time_elapsed=seconds)
    assert column(history, "elapsed_seconds") == seconds
    short = log(
        tmp_path,
        [
            {"step": 4 * at, "num_tokens": n, "train_runtime": t}
            for at, (n, t) in enumerate([(1000, 60.0), (2000, 120.0), (1000, 60.0), (2000, 120.0)], 1)
        ],
    )
    assert counted(short) == ("samples", "num_tokens")
    assert column(short, "elapsed_seconds") == [60, 120, 60, 120]


def test_a_timer_that_goes_back_with_the_count_is_a_clock(tmp_path: Path) -> None:
    counts = [*range(1, 21), *range(16, 31)]
    history = columns(tmp_path, samples=counts, elapsed=[60.0 * count for count in counts])
    assert column(history, "elapsed_seconds") == [60.0 * count for count in counts]


def test_time_is_a_clock_where_it_never_falls(tmp_path: Path) -> None:
    history = columns(tmp_path, epoch=RISING, time=[388.6 * at for at in RISING])
    assert column(history, "elapsed_seconds") == [388.6 * at for at in RISING]
    assert any("'time'" in note for note in history.notes)
    assert columns(tmp_path, epoch=[1, 2], time=[1.0, 2.0]).untimed_because
    assert columns(tmp_path, epoch=RISING, time=[0.5, 0.4, *[0.5] * 8]).untimed_because


def test_a_total_that_is_told_once_is_no_clock(tmp_path: Path) -> None:
    rows = [*({"step": at, "loss": 1.0} for at in RISING), {"step": 10, "train_runtime": 2400.0}]
    history = log(tmp_path, rows)
    assert all(each.elapsed_seconds is None for each in history.rows())
    assert "'train_runtime' stands still" in (history.untimed_because or "")


def test_an_elapsed_column_of_unix_times_is_wall_time(tmp_path: Path) -> None:
    history = columns(tmp_path, samples=RISING, elapsed=MINUTES)
    assert column(history, "wall_time") == MINUTES
    assert all(rows.elapsed_seconds is None for rows in history.rows())


def test_unix_times_are_judged_row_by_row(tmp_path: Path) -> None:
    told = [START, START + 60, (START + 120) * 1e3, (START + 180) * 1e6, (START + 240) * 1e9]
    history = columns(tmp_path, samples=range(5), timestamp=told)
    assert column(history, "wall_time") == [START + 60 * at for at in range(5)]


@pytest.mark.parametrize("bad", [0.0, -5.0, 5e8, 5e9, 1e30])
@pytest.mark.parametrize("at", [0, 4])
def test_wall_times_that_cant_be_are_told_as_such_and_not_carried_on(tmp_path: Path, bad: float, at: int) -> None:
    told: list[float | None] = [*MINUTES]
    told[at], told[at + 1] = bad, None
    found = column(columns(tmp_path, samples=RISING, timestamp=told), "wall_time")
    assert math.isnan(found[at])
    assert found[at + 1] == (None if at == 0 else MINUTES[at - 1])
    assert found[at + 2 :] == MINUTES[at + 2 :]


def test_negative_elapsed_times_cant_be(tmp_path: Path) -> None:
    history = columns(tmp_path, samples=range(6), elapsed_seconds=[0, 60, 120, -1723972576, -1723972516, 300])
    found = column(history, "elapsed_seconds")
    assert [None if math.isnan(each) else each for each in found] == [0, 60, 120, None, None, 300]


def test_wall_times_of_which_none_can_be_are_no_clock(tmp_path: Path) -> None:
    history = columns(tmp_path, samples=RISING, timestamp=[5e8 + at for at in RISING])  # the eighties
    assert history.untimed_because == "'timestamp' holds no time that can be; say which does with --time-column"


def test_rows_without_a_zone_among_rows_with_one_tell_no_time(tmp_path: Path) -> None:
    told = ["2025-10-26T02:00:00+02:00", "2025-10-26T02:10:00", "2025-10-26T02:10:00+01:00"]
    found = column(columns(tmp_path, samples=range(3), timestamp=told), "wall_time")
    assert (found[0], math.isnan(found[1]), found[2] - found[0]) == (1761436800.0, True, 4200.0)


def test_local_times_without_a_zone_are_as_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = [f"2025-10-26 02:{at:02}:00" for at in (40, 50, 0, 10)]
    found = column(columns(tmp_path, samples=range(4), timestamp=told), "wall_time")
    assert [each - found[0] for each in found] == [0, 600, -2400, -1800]
    assert caplog.text.count("say no zone; taken for UTC") == 1


def test_a_clock_that_is_named_is_taken_as_it_is(tmp_path: Path) -> None:
    history = columns(tmp_path, Wanted(time_column="elapsed"), samples=RISING, elapsed=[9.0, 1.0] * 5)
    assert column(history, "elapsed_seconds") == [9.0, 1.0] * 5


# The real ones.


@needs_samples
@pytest.mark.parametrize(
    ("path", "unit", "source", "last"),
    [
        ("faults/h1_tokens_per_batch.jsonl", "steps", "step", 40),
        ("faults/h1b_samples_const.jsonl", "steps", "step", 40),
        ("faults/h2", "steps", "step", 40),
        ("faults/h3b_samples_in_epoch_wall.csv", "samples", "samples", 10_000),
        ("faults/own_samples.jsonl", "samples", "env_steps", 2000),
        ("faults/trl", "samples", "num_tokens", 2000),
        ("field/mmengine", "steps", "iter", 4071),
        ("field/keras", "epochs", "epoch", 29),
        ("field/lightning", "steps", "step", 19),
        ("field/yolov8", "epochs", "epoch", 6),
        ("field/llama_factory", "steps", "current_steps", 2178),
    ],
)
def test_logs_of_others_are_counted(path: str, unit: str, source: str, last: int) -> None:
    history = one(SAMPLES / path)
    assert (counted(history), column(history, "samples")[-1]) == ((unit, source), last)


@needs_samples
@pytest.mark.parametrize(
    ("path", "elapsed", "wall"),
    [
        ("faults/h4_hours_audio.csv", False, True),
        ("faults/s2_iter_time.jsonl", False, False),
        ("faults/s2b_iter_time_wall.jsonl", False, True),
        ("faults/t1_zero_first.jsonl", False, True),
        ("faults/t2_neg_elapsed.jsonl", True, False),
        ("faults/progress.csv", True, False),
        ("faults/b1_ray_progress.csv", True, True),
        ("faults/trl", True, False),
        ("field/yolov8", True, False),
        ("field/mmengine", False, False),
    ],
)
def test_logs_of_others_have_their_clocks(path: str, elapsed: bool, wall: bool) -> None:
    history = one(SAMPLES / path)
    (rows,) = history.rows()
    assert (rows.elapsed_seconds is not None, rows.wall_time is not None) == (elapsed, wall)
    assert (history.untimed_because is None) == (elapsed or wall)
