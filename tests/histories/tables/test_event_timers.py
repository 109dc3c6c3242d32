"""Event files whose own timer tells how long they trained, each of a small input worked out by hand."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("tensorboard")

from milepost.errors import HistoryError
from milepost.histories.decoding.event_columns import EventScan
from milepost.histories.formats.tensorboard import TensorBoardReader
from milepost.histories.history import History, Wanted
from milepost.histories.tables import event_log
from milepost.histories.tables.names import elapsed_clocks
from milepost.replaying.replay import replay
from milepost.tracking.result import ThresholdResult
from tests.histories.event_files import BEGAN, opened, scalar, write

TIMER = "time/time_elapsed"


def log(
    folder: Path,
    steps: Iterable[int],
    elapsed: Callable[[int], float],
    *,
    tag: str = TIMER,
    opened_at: float = BEGAN,
    wall: float = 120.0,
) -> None:
    """Write a file that logs a reward of a thousandth of each step, and its timer, so many seconds apart."""
    events = [opened(opened_at)]
    for at, step in enumerate(steps, 1):
        events.append(scalar("reward", step / 1000, step, opened_at + at * wall))
        events.append(scalar(tag, elapsed(step), step, opened_at + at * wall))
    write(folder / f"events.out.tfevents.{int(opened_at)}.host", events)


def reached(folder: Path, threshold: str = "reward >= 35", **options: object) -> ThresholdResult:
    (result,) = replay(folder, thresholds=[threshold], price_per_hour=6.0, **options)  # type: ignore[arg-type]
    return result


def history_of(folder: Path, *tags: str, **wanted: str) -> History:
    files = sorted(str(path) for path in folder.iterdir())
    asked = Wanted(metrics=frozenset(tags or ("reward",)), **wanted)  # type: ignore[arg-type]
    (history,) = TensorBoardReader().histories(files, "run", asked)
    return history


def elapsed_of(history: History) -> list[float | None] | None:
    columns = [rows.elapsed_seconds for axis in history.axes or (history,) for rows in axis.rows()]
    told = [column.to_list() for column in columns if column is not None]
    return [each for column in told for each in column] if told else None


def minutely(step: int) -> float:
    return step * 60 / 1000


@pytest.mark.parametrize("tag", [TIMER, "ray/tune/time_total_s"])
@pytest.mark.parametrize("begins_anew", [False, True])
@pytest.mark.parametrize("wall", [60.0, 120.0])
def test_timer_of_a_resumed_run_counts_its_training_alone(
    tmp_path: Path, tag: str, begins_anew: bool, wall: float
) -> None:
    again = BEGAN + 25 * wall + 7200
    log(tmp_path, range(1000, 26_000, 1000), minutely, tag=tag, wall=wall)
    base = 20_000 if begins_anew else 0
    log(tmp_path, range(21_000, 41_000, 1000), lambda step: minutely(step - base), tag=tag, opened_at=again, wall=wall)
    result = reached(tmp_path)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (35_000, 35.0)
    assert result.cost_to_threshold == pytest.approx(3.5)
    assert (result.elapsed_source, result.bound, result.start_known, result.rewinds) == ("caller", None, True, 1)


def test_rows_tell_the_timer_of_their_own_process_beside_wall_time(tmp_path: Path) -> None:
    log(tmp_path, (1000, 2000, 3000), minutely)
    log(tmp_path, (2000, 3000, 4000), lambda step: minutely(step - 1000), opened_at=BEGAN + 7200)
    history = history_of(tmp_path)
    assert elapsed_of(history) == [60, 120, 180, 60, 120, 180]
    walls = [wall for rows in history.rows() if rows.wall_time is not None for wall in rows.wall_time]
    assert walls == [BEGAN + 120 * at for at in (1, 2, 3, 61, 62, 63)]


def test_timer_stays_a_metric(tmp_path: Path) -> None:
    log(tmp_path, range(1000, 41_000, 1000), minutely)
    assert TIMER in (history_of(tmp_path).metrics or ())
    result = reached(tmp_path, f"{TIMER} >= 1200")
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (20_000, 20.0)


def test_tag_of_other_steps_goes_on_by_wall_time_from_what_was_told_last(tmp_path: Path) -> None:
    events = [opened(BEGAN)]
    for at in range(1, 11):  # 30 s of training a minute
        events += [scalar(tag, at * 30.0, at * 10, BEGAN + at * 60) for tag in ("loss", TIMER)]
        events += [scalar("score", at + part / 2, at * 2 + part, BEGAN + at * 60 + (5, 50)[part]) for part in (0, 1)]
    write(tmp_path / "events.out.tfevents.1.host", events)
    between = [each for at in range(1, 10) for each in (at * 30 + 5, at * 30 + 30)]  # at most what is told next
    assert elapsed_of(history_of(tmp_path, "score")) == [*between, 300, 300]
    assert reached(tmp_path, "score >= 6").minutes_to_threshold == pytest.approx(185 / 60)


def test_tag_that_is_told_more_often_than_the_timer_has_its_minutes(tmp_path: Path) -> None:
    events = [(at * 60.0, TIMER, at * 60.0, at * 1000) for at in range(1, 41)]
    events += [(119 + at * 20.0, "score", float(at), at * 7 + 7) for at in range(30)]
    told = [scalar(tag, value, step, BEGAN + second) for second, tag, value, step in sorted(events)]
    write(tmp_path / "events.out.tfevents.1.host", [opened(BEGAN), *told])
    assert reached(tmp_path, "score >= 2").minutes_to_threshold == pytest.approx(159 / 60)


def test_before_the_first_that_the_timer_tells_is_an_upper_bound(tmp_path: Path) -> None:
    events = [opened(BEGAN), scalar("score", 5.0, 500, BEGAN + 30)]
    for at in range(1, 4):
        events += [scalar(tag, at * 60.0, at * 1000, BEGAN + at * 60) for tag in ("loss", TIMER)]
        events.append(scalar("score", 5.0 + at, at * 1000 + 500, BEGAN + at * 60 + 30))
    write(tmp_path / "events.out.tfevents.1.host", events)
    assert elapsed_of(history_of(tmp_path, "score")) == [None, 90, 150, 180]
    assert reached(tmp_path, "score >= 7").minutes_to_threshold == 2.5


@pytest.mark.parametrize(
    ("tag", "values", "why"),
    [
        (TIMER, [5.0, 900.0, 4.0, 800.0, 6.0, 700.0], "falls"),
        (TIMER, [200.0 * at for at in range(1, 7)], "runs ahead of wall time"),
        (TIMER, [60.0] * 6, "stands still"),
        (TIMER, [-1.0] * 6, "holds no time that can be"),
        (TIMER, [1.7e9 + 200 * at for at in range(6)], "holds dates"),
        ("audio/hours", [0.01 * at for at in range(1, 7)], None),
        ("eval/time_elapsed", [60.0 * at for at in range(1, 7)], None),
        ("replay_buffer/time_total_s", [60.0 * at for at in range(1, 7)], None),
        ("val/time_elapsed", [60.0 * at for at in range(1, 7)], None),
        ("test/time_elapsed", [60.0 * at for at in range(1, 7)], None),
    ],
)
def test_what_tells_no_time_leaves_wall_time(
    tmp_path: Path, tag: str, values: Sequence[float], why: str | None
) -> None:
    log(tmp_path, range(1000, 7000, 1000), lambda step: values[step // 1000 - 1], tag=tag)
    history = history_of(tmp_path)
    assert elapsed_of(history) is None
    assert (why is None) == (history.notes == ())
    assert all(why is not None and why in note and "taken for no clock" in note for note in history.notes)
    result = reached(tmp_path, "reward >= 5")
    assert (result.minutes_to_threshold, result.elapsed_source) == (10.0, "wall")


def test_next_tag_is_taken_where_the_likeliest_is_none(tmp_path: Path) -> None:
    events = [opened(BEGAN)]
    for at in range(1, 7):
        told = (("reward", at), (TIMER, 7.0), ("ray/tune/time_total_s", at * 60.0))
        events += [scalar(tag, value, at, BEGAN + at * 120) for tag, value in told]
    write(tmp_path / "events.out.tfevents.1.host", events)
    assert elapsed_of(history_of(tmp_path)) == [60, 120, 180, 240, 300, 360]


@pytest.mark.parametrize("times", [1, 2])
def test_how_long_a_whole_training_took_is_no_timer(tmp_path: Path, times: int) -> None:
    steps = range(1000, 41_000, 1000)
    events = [opened(BEGAN), *(scalar("reward", step / 1000, step, BEGAN + minutely(step)) for step in steps)]
    ends = range(times)  # Hugging Face's, when a training ends
    events += [scalar("train/train_runtime", 500.0 + at, 40_000 + at, BEGAN + 2400 + at) for at in ends]
    write(tmp_path / "events.out.tfevents.1.host", events)
    assert elapsed_of(history_of(tmp_path)) is None
    assert reached(tmp_path).minutes_to_threshold == 35.0


def test_wall_time_that_stands_still_beside_a_timer_is_none(tmp_path: Path) -> None:
    log(tmp_path, range(1000, 41_000, 1000), minutely, wall=0.0)  # written when all was over
    assert reached(tmp_path).minutes_to_threshold == 35.0


def test_timer_tells_the_start_where_no_writer_does(tmp_path: Path) -> None:
    events = [scalar("loss", 1.0, 0, BEGAN)]
    for step in range(1000, 6000, 1000):
        events += [scalar("reward", step / 1000, step, BEGAN + step), scalar(TIMER, minutely(step), step, BEGAN + step)]
    write(tmp_path / "events.out.tfevents.1.host", events)
    result = reached(tmp_path, "reward >= 4")
    assert (result.minutes_to_threshold, result.start_known, result.bound) == (4.0, True, None)


def test_user_says_which_tag_tells_time_and_in_what(tmp_path: Path) -> None:
    log(tmp_path, range(1000, 6000, 1000), lambda step: step / 1000, tag="clock")
    assert elapsed_of(history_of(tmp_path)) is None
    assert elapsed_of(history_of(tmp_path, time_column="clock", time_unit="min")) == [60, 120, 180, 240, 300]


@pytest.mark.parametrize("has_timer", [False, True])
def test_long_log_is_read_once_more_for_a_timer_and_only_where_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_timer: bool
) -> None:
    passes: list[frozenset[str] | None] = []

    class Scan(EventScan):
        def __init__(self, files: Sequence[str], wanted: frozenset[str] | None) -> None:
            passes.append(wanted)
            super().__init__(files, wanted)

    monkeypatch.setattr(event_log, "EventScan", Scan)
    monkeypatch.setattr(event_log, "BEGINNING_VALUES", 10)
    log(tmp_path, range(1, 50_001), lambda step: step / 2, tag=TIMER if has_timer else "other", wall=1.0)
    history = history_of(tmp_path)
    expected = [step / 2 for step in range(1, 50_001)] if has_timer else None
    assert elapsed_of(history) == expected
    assert passes == [None, *([frozenset({TIMER})] if has_timer else []), frozenset({"reward"})]


def test_names_of_timers() -> None:
    keys = ("eval/time_elapsed", "time/time elapsed", "ray/tune/time_total_s", "audio/hours", "train.env.time_elapsed")
    assert elapsed_clocks(keys) == ["time/time elapsed", "train.env.time_elapsed", "ray/tune/time_total_s"]


@pytest.mark.parametrize("is_long", [False, True])
def test_tag_that_a_flag_names_and_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    if is_long:
        monkeypatch.setattr(event_log, "BEGINNING_VALUES", 10)
    log(tmp_path, range(1, 30_000 if is_long else 100), minutely, tag="clock", wall=1.0)
    with pytest.raises(HistoryError, match=r"--time-column names 'clocks', found .*nearest: 'clock'"):
        history_of(tmp_path, time_column="clocks")
    with pytest.raises(HistoryError, match=r"--samples-column names 'rewards', found .*nearest: 'reward'"):
        history_of(tmp_path, samples_column="rewards")


def test_tag_of_unix_time_leaves_the_events_own_and_that_is_said(tmp_path: Path) -> None:
    log(tmp_path, range(1000, 6000, 1000), lambda step: BEGAN + step, tag="clock")
    history = history_of(tmp_path, time_column="clock")
    assert elapsed_of(history) is None
    assert history.notes == ("'clock' tells Unix time, and the events tell theirs more closely: that is taken",)


def test_time_of_an_iteration_is_no_clock_and_accumulated_submission_time_is(tmp_path: Path) -> None:
    events = [opened(BEGAN)]
    for at in range(1, 40):
        told = {"time": 0.4 + 0.01 * (at % 7), "accumulated_submission_time": 30.0 * at, "reward": float(at)}
        events += [scalar(tag, value, at, BEGAN + 120.0 * at) for tag, value in told.items()]
    write(tmp_path / "events.out.tfevents.1.host", events)
    assert reached(tmp_path, "reward >= 20").minutes_to_threshold == 10.0
