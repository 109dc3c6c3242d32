"""Event files that the real writers wrote, against TensorBoard's own reader."""

import logging
import random
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings, strategies as st

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto

from milepost.errors import HistoryError
from milepost.histories.finding.discovery import find_logs
from milepost.histories.finding.log import Log
from milepost.histories.formats.tensorboard import TensorBoardReader
from milepost.histories.history import History, Wanted
from milepost.replaying.replay import replay
from tests.histories.event_files import BEGAN, checksum, framed, opened, scalar, start, write as write_events
from tests.histories.helpers import compiled_or_not  # noqa: F401

Points = list[tuple[float, int, float]]


def read(folder: Path, *tags: str, samples: str | None = None) -> dict[str, Points]:
    """Return the points of each tag, as the reader gives them."""
    wanted = Wanted(metrics=frozenset(tags) if tags else None, samples_column=samples)
    files = sorted(str(path) for path in folder.iterdir() if path.is_file())
    (history,) = TensorBoardReader().histories(files, "run", wanted)
    points: dict[str, Points] = {}
    for rows in (rows for axis in history.axes or (history,) for rows in axis.rows()):
        assert rows.samples is not None
        assert rows.wall_time is not None
        for tag in rows.metrics.columns:
            for wall, step, value in zip(rows.wall_time, rows.samples, rows.metrics[tag], strict=True):
                if value is not None:
                    points.setdefault(tag, []).append((wall, step, value))
    return points


def expected(folder: Path) -> dict[str, Points]:
    """Return the same as TensorBoard's own reader gives it."""
    found = EventAccumulator(str(folder), {"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
    found.Reload()
    points = {
        tag: [(each.wall_time, each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }
    for tag in found.Tags()["tensors"]:
        for each in found.Tensors(tag):
            number = make_ndarray(each.tensor_proto)
            if number.size == 1 and number.dtype.kind in "fiub":
                points.setdefault(tag, []).append((each.wall_time, each.step, float(number.reshape(-1)[0])))
    return {tag: found for tag, found in points.items() if found}


def write(folder: Path, events: list[Event], suffix: str = "") -> Path:
    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    for event in events:
        writer.add_event(event)
    writer.close()
    return max(folder.iterdir())


def test_hundred_thousand_scalars_are_exactly_those_of_tensorboard(tmp_path: Path) -> None:
    chance = random.Random(1)
    events = [scalar(f"m/{at % 5}", chance.gauss(0, 10) ** 3, at // 5 * 10, 1.7e9 + at / 7) for at in range(100_000)]
    write(tmp_path, events)
    points = expected(tmp_path)
    assert read(tmp_path) == points
    assert read(tmp_path, "m/3", "none") == {"m/3": points["m/3"]}


def test_torch_writes_both_kinds_of_scalars(tmp_path: Path) -> None:
    board = pytest.importorskip("torch.utils.tensorboard")
    writer = board.SummaryWriter(str(tmp_path))
    for step in range(50):
        writer.add_scalar("old", step / 3, step)
        writer.add_scalar("new", step / 3, step, new_style=True)
        writer.add_scalar("doubled", step / 3, step, new_style=True, double_precision=True)
    writer.add_text("text", "no number", 1)
    writer.add_histogram("histogram", __import__("torch").arange(5.0), 1)
    writer.close()
    found = read(tmp_path)
    assert found.keys() == {"old", "new", "doubled"}
    assert found == {tag: points for tag, points in expected(tmp_path).items() if tag in found}
    assert found["doubled"][10][2] == 10 / 3


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tensors_of_every_type_are_numbers(tmp_path: Path, dtype: str, packed: bool) -> None:
    import numpy as np

    value = np.array(1 if dtype == "bool" else 7, dtype=dtype)
    tensor = make_tensor_proto(value)
    if packed:  # as TensorFlow's own writer does
        tensor = TensorProto(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape, tensor_content=value.tobytes())
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    values = [Summary.Value(tag="m", tensor=tensor, metadata=metadata), Summary.Value(tag="other", tensor=tensor)]
    write(tmp_path, [Event(wall_time=1.7e9, step=3, summary=Summary(value=values))])
    assert read(tmp_path) == {"m": [(1.7e9, 3, float(value))], "other": [(1.7e9, 3, float(value))]}
    if packed or dtype not in ("uint32", "uint64"):  # which TensorBoard's own reader does not know
        assert read(tmp_path) == expected(tmp_path)


def test_tensors_of_other_plugins_and_of_several_numbers_are_none(tmp_path: Path) -> None:
    pr = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="pr_curves"))
    values = [
        Summary.Value(tag="curve", tensor=make_tensor_proto(1.0), metadata=pr),
        Summary.Value(tag="many", tensor=make_tensor_proto([1.0, 2.0])),
        Summary.Value(tag="ints", tensor=make_tensor_proto([1, 2])),
        Summary.Value(tag="text", tensor=make_tensor_proto("7")),
    ]
    write(tmp_path, [Event(step=1, summary=Summary(value=values)), scalar("m", 1.0, 2)])
    assert read(tmp_path).keys() == {"m"}


starts = st.builds(lambda step: Event(step=step, session_log=SessionLog(status=SessionLog.START)), st.integers(0, 12))
scalars = st.builds(scalar, st.sampled_from(["a", "b"]), st.floats(width=32), st.integers(1, 12))


@settings(max_examples=80)
@given(files=st.lists(st.lists(st.one_of(scalars, scalars, starts), max_size=15), min_size=1, max_size=3), is_old=...)
def test_what_was_observed_before_a_restart_stays(
    files: list[list[Event]], is_old: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    for number, events in enumerate(files):
        path = folder / f"events.out.tfevents.{number}.host"
        first = Event(wall_time=1.7e9) if is_old else Event(wall_time=1.7e9, file_version="brain.Event:2")
        with path.open("wb") as file:
            for event in (first, *events):
                file.write(framed(event.SerializeToString()))
    assert repr(sorted(read(folder).items())) == repr(sorted(expected(folder).items()))  # NaN is itself here


def test_file_that_is_cut_short_anywhere_gives_all_whole_records_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, [scalar("m", float(at), at + 1) for at in range(4)])
    data = path.read_bytes()
    ends = [0]
    while ends[-1] < len(data):
        ends.append(ends[-1] + 16 + struct.unpack_from("<Q", data, ends[-1])[0])
    first = next(at for at, _ in enumerate(ends[1:]) if len(ends) - 1 - at <= 4)  # records before the scalars
    for length in range(len(data)):
        path.write_bytes(data[:length])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            whole = sum(end <= length for end in ends[1:])
            found = read(tmp_path).get("m", [])
        assert len(found) == max(0, whole - first)
        assert ("is cut short" in caplog.text) == (length not in ends)


def test_every_flipped_byte_is_reported_at_its_record_and_nothing_before_it_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path, [scalar("m", float(at), at) for at in range(3)])
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes((data[place] ^ 0x10,)) + data[place + 1 :])
        (history,) = TensorBoardReader().histories([str(path)], "run", Wanted())
        with pytest.raises(HistoryError, match=r"events.*at byte \d+"):
            list(history.rows())


def test_lengths_that_cannot_be_are_refused_without_memory(tmp_path: Path) -> None:
    length = struct.pack("<Q", 2**60)
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(framed(Event(file_version="brain.Event:2").SerializeToString()) + length + checksum(length) + b"x")
    (history,) = TensorBoardReader().histories([str(path)], "run", Wanted())
    with pytest.raises(HistoryError, match=f"found a record of {2**60} bytes at byte 31"):
        list(history.rows())


@given(data=st.binary(max_size=60))
def test_records_that_are_no_events_are_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("run") / "events.out.tfevents.1.host"
    path.write_bytes(framed(data))
    (history,) = TensorBoardReader().histories([str(path)], "run", Wanted())
    with suppress(HistoryError):
        list(history.rows())


def test_tag_may_tell_what_a_step_counts(tmp_path: Path) -> None:
    events = []
    for step in range(5):
        events += [scalar("reward", float(step), step), scalar("frames", step * 64.0, step)]
    write(tmp_path, [*events, scalar("rare", 9.0, 77)])
    wanted = Wanted(metrics=frozenset({"reward", "rare"}), samples_column="frames")
    (history,) = TensorBoardReader().histories([str(path) for path in tmp_path.iterdir()], "run", wanted)
    assert (history.samples_unit, history.samples_source) == ("samples", "frames")
    found = read(tmp_path, "reward", "rare", samples="frames")
    assert [(step, value) for _, step, value in found["reward"]] == [(at * 64, float(at)) for at in range(5)]
    assert [step for _, step, _ in found["rare"]] == [256]  # nothing told what step 77 counts: the last that was told
    with pytest.raises(HistoryError, match="--samples-column names 'none', found 'reward', 'frames', 'rare'"):
        read(tmp_path, "reward", samples="none")


def test_runs_are_folders_and_their_files_are_read_in_order(tmp_path: Path) -> None:
    for run in ("a", "a/nested", "b"):
        (tmp_path / run).mkdir(exist_ok=True)
        write(tmp_path / run, [scalar("m", 1.0, 1), scalar("m", 1.5, 2)], suffix=".first")
        write(tmp_path / run, [scalar("m", 2.0, 3, 1.7e9 + 9)], suffix=".second")
    (tmp_path / "b" / "notes.txt").write_text("nothing")
    logs: dict[str, Any] = {log.run: log for log in find_logs([str(tmp_path)]) if isinstance(log, Log)}
    assert {name: len(log.files) for name, log in logs.items()} == {"a": 2, "a/nested": 2, "b": 2}
    assert read(tmp_path / "a")["m"] == expected(tmp_path / "a")["m"]


def test_a_count_of_samples_that_is_none_is_left_out(tmp_path: Path) -> None:
    counts = [10.0, float("nan"), float("inf"), -1.0, 1e30, 60.0]
    events = [
        scalar(tag, value, at, 1.7e9 + at)
        for at, count in enumerate(counts)
        for tag, value in (("m", at), ("n", count))
    ]
    write(tmp_path, events)
    wanted = Wanted(metrics=frozenset({"m"}), samples_column="n")
    (history,) = TensorBoardReader().histories([str(path) for path in tmp_path.iterdir()], "run", wanted)
    (rows,) = history.rows()
    assert rows.samples is not None
    assert rows.samples.to_list() == [10, 10, 10, 10, 10, 60]  # the last that was told


def test_minutes_count_from_the_first_event_whatever_is_wanted(tmp_path: Path) -> None:
    events = [opened(BEGAN), scalar("loss", 1.0, 0), scalar("loss", 0.5, 5, BEGAN + 30)]
    write_events(tmp_path / "events.out.tfevents.1.h", [*events, scalar("eval", 0.75, 9, BEGAN + 60)])
    results = replay(tmp_path, thresholds=["eval >= 0.75", "none >= 1"])
    assert [(result.status, result.minutes_to_threshold) for result in results] == [
        ("achieved", 1.0),
        ("never_observed", None),
    ]
    (result,) = replay(tmp_path, thresholds=["none >= 1"])
    assert result.status == "never_observed"


def history_of(folder: Path, *metrics: str, samples: str | None = None) -> History:
    files = sorted(str(path) for path in folder.iterdir())
    wanted = Wanted(metrics=frozenset(metrics) or None, samples_column=samples)
    (history,) = TensorBoardReader().histories(files, "run", wanted)
    return history


def points_of(history: History, tag: str) -> list[tuple[int | None, float | None, float]]:
    """Return samples, minutes since `BEGAN` and value of each point of a tag."""
    found: list[tuple[int | None, float | None, float]] = []
    for rows in (rows for axis in history.axes or (history,) for rows in axis.rows()):
        for at, value in enumerate(rows.metrics[tag] if tag in rows.metrics.columns else ()):
            if value is not None:
                wall = None if rows.wall_time is None else (rows.wall_time[at] - BEGAN) / 60
                found.append((None if rows.samples is None else rows.samples[at], wall, value))
    return found


def boundaries_of(history: History) -> list[tuple[int, float | None]]:
    """Return before which row, counting all, processes begin, and when they started."""
    found: list[tuple[int, float | None]] = []
    height = 0
    for rows in history.rows():
        found += [(height + boundary.row, boundary.started_at) for boundary in rows.boundaries]
        height += len(rows.wall_time) if rows.wall_time is not None else rows.metrics.height
    return found


@pytest.mark.parametrize("purged", [False, True])
@pytest.mark.parametrize("in_one_file", [False, True])
def test_writer_that_is_opened_later_is_a_further_process(tmp_path: Path, purged: bool, in_one_file: bool) -> None:
    again = BEGAN + 9000
    first = [opened(BEGAN), *(scalar("m", at, at, BEGAN + 60 * at) for at in range(6))]
    second = [start(4, again)] if purged or in_one_file else []
    second += [scalar("m", at, at, again + 60 * (at - 3)) for at in range(4, 9)]
    if in_one_file:
        write_events(tmp_path / "events.out.tfevents.1.h", [*first, *second])
    else:
        write_events(tmp_path / "events.out.tfevents.1.h", first)
        write_events(tmp_path / "events.out.tfevents.2.h", [opened(again), *second])
    history = history_of(tmp_path, "m")
    assert history.started_at == BEGAN
    assert boundaries_of(history) == [(6, again)]
    assert [value for _, _, value in points_of(history, "m")] == [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("beginning", [1, 2**19])
def test_processes_of_a_long_log_are_told_too(tmp_path: Path, beginning: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milepost.histories.tables.event_log.BEGINNING_VALUES", beginning)
    monkeypatch.setattr("milepost.histories.decoding.event_columns.CHUNK_ROWS", 3)
    again = BEGAN + 9000
    for number, began, steps in ((1, BEGAN, range(1, 9)), (2, again, range(5, 14))):
        events = [opened(began)]
        for at, step in enumerate(steps, 1):
            events += [scalar("m", step, step, began + 60 * at), scalar("rows", step * 8, step, began + 60 * at)]
            events += [scalar("env_steps", step * 8, step, began + 60 * at)]
        write_events(tmp_path / f"events.out.tfevents.{number}.h", events)
    history = history_of(tmp_path, "m")
    assert (history.samples_unit, history.samples_source) == ("samples", "env_steps")
    assert boundaries_of(history) == [(8, again)]
    assert [(samples, value) for samples, _, value in points_of(history, "m")] == [
        (step * 8, step) for step in [*range(1, 9), *range(5, 14)]
    ]


@pytest.mark.parametrize(
    ("tag", "is_counter"),
    [
        ("ray/tune/num_env_steps_sampled_lifetime", True),
        ("train/num_input_tokens_seen", True),
        ("Progress / env steps", True),
        ("timesteps_total", True),
        ("performance_threshold/samples", True),
        ("eval/env_steps", False),
        ("ray/tune/evaluation/timesteps_total", False),
        ("buffer/samples", False),
        ("val/tokens", False),
        ("global_step", False),
        ("tokens_per_second", False),
    ],
)
def test_counters_are_known_by_the_last_piece_of_their_tags(tmp_path: Path, tag: str, is_counter: bool) -> None:
    events = [opened(BEGAN)]
    for at in range(1, 5):
        events += [scalar("m", at, at, BEGAN + 60 * at), scalar(tag, 4000.0 * at, at, BEGAN + 60 * at + 1)]
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    history = history_of(tmp_path, "m")
    if is_counter:
        assert (history.samples_unit, history.samples_source, history.uncounted_because) == ("samples", tag, None)
        assert [samples for samples, _, _ in points_of(history, "m")] == [4000, 8000, 12_000, 16_000]
    else:
        assert (history.samples_unit, history.samples_source) == ("steps", "step")
        assert "--samples-column" in str(history.uncounted_because)
        assert [samples for samples, _, _ in points_of(history, "m")] == [1, 2, 3, 4]


@pytest.mark.parametrize("values", [[0.0] * 8, [256.0] * 8, [300.0, 200.0, 310.0, 190.0, 280.0, 210.0, 305.0, 120.0]])
def test_what_does_not_rise_is_no_counter(tmp_path: Path, values: list[float]) -> None:
    events = [opened(BEGAN)]
    for at, value in enumerate(values, 1):
        events += [scalar("m", at, at, BEGAN + at), scalar("tokens", value, at, BEGAN + at)]
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    assert history_of(tmp_path, "m").samples_unit == "steps"


def test_own_counter_is_taken_where_there_is_no_other(tmp_path: Path) -> None:
    events = [opened(BEGAN)]
    for at in range(1, 4):
        events += [scalar("performance_threshold/samples", at, at, BEGAN + at)]
        events += [scalar("m", at, at, BEGAN + at), scalar("env_steps", at * 8, at, BEGAN + at)]
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    assert history_of(tmp_path, "m").samples_source == "env_steps"


@pytest.mark.parametrize("tag", ["reward", "absent"])
def test_steps_are_samples_where_the_user_says_how_many(tmp_path: Path, tag: str) -> None:
    events = [scalar("reward", at, at, BEGAN + 60 * at) for at in range(1, 4)]
    path = write_events(tmp_path / "events.out.tfevents.1.h", events)
    for column in (None, "step"):
        wanted = Wanted(metrics=frozenset({tag}), samples_per_step=8, samples_column=column)
        (history,) = TensorBoardReader().histories([str(path)], "run", wanted)
        assert (history.samples_unit, history.samples_source, history.uncounted_because) == ("samples", "step", None)
        samples = [count for rows in history.rows() if rows.samples is not None for count in rows.samples]
        assert samples == ([8, 16, 24] if tag == "reward" else [8])


@pytest.mark.parametrize(("said", "samples"), [(None, 192), ("env_steps", 1536)])
def test_samples_are_not_multiplied_unless_their_tag_is_said_to_count_steps(
    tmp_path: Path, said: str | None, samples: int
) -> None:
    events = [scalar(tag, at * 64, at, BEGAN + at) for at in range(1, 4) for tag in ("env_steps", "reward")]
    path = write_events(tmp_path / "events.out.tfevents.1.h", events)
    wanted = Wanted(metrics=frozenset({"reward"}), samples_per_step=8, samples_column=said)
    (history,) = TensorBoardReader().histories([str(path)], "run", wanted)
    assert points_of(history, "reward")[-1][0] == samples


@pytest.mark.parametrize("wanted", [("test/reward",), ("update/loss",), ("test/reward", "update/loss")])
def test_tags_of_other_steps_are_axes_of_their_own(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    events = []
    for at in range(1, 5):
        events.append(scalar("test/reward", at * 10.0, at * 100, BEGAN + 600 * at))
        events.append(scalar("update/loss", 0.5**at, at * 7, BEGAN + 600 * at + 1))
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    history = history_of(tmp_path, *wanted)
    assert [axis.metrics for axis in history.axes] == ([(tag,) for tag in wanted] if len(wanted) > 1 else [])
    if "test/reward" in wanted:
        assert points_of(history, "test/reward") == [(at * 100, at * 10.0, at * 10.0) for at in range(1, 5)]
    if "update/loss" in wanted:
        assert [samples for samples, _, _ in points_of(history, "update/loss")] == [7, 14, 21, 28]
    results = replay(tmp_path, thresholds=[f"{tag} {'>= 40' if 'test' in tag else '<= 0.07'}" for tag in wanted])
    for result in results:
        assert result.bound == "lower"
        assert result.minutes_to_threshold == pytest.approx(30.0 + ("update" in result.metric) / 60)


def test_late_evaluation_stands_where_training_stood(tmp_path: Path) -> None:
    events = [opened(BEGAN)]
    for at in range(1, 41):
        events.append(scalar("loss", 1.0, at, BEGAN + at * 60))
        if at % 10 == 5 and at > 10:
            events.append(scalar("reward", at - 5, at - 5, BEGAN + at * 60 + 1))
    events.append(scalar("reward", 40, 40, BEGAN + 45 * 60))
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    for thresholds in (["reward >= 30"], ["reward >= 30", "loss <= 1"]):
        result = next(iter(replay(tmp_path, thresholds=thresholds)))
        assert (result.samples_to_threshold, result.minutes_to_threshold, result.rewinds) == (30, 30.0, 0)


def test_wall_time_of_zero_is_none(tmp_path: Path) -> None:
    write_events(tmp_path / "events.out.tfevents.1.h", [scalar("loss", 1 / (at + 1), at * 10, 0.0) for at in range(4)])
    history = history_of(tmp_path, "loss")
    assert history.untimed_because is not None
    assert [each[1] for each in points_of(history, "loss")] == [None] * 4
    (result,) = replay(tmp_path, thresholds=["loss <= 0.3"], price_per_hour=6.0)
    assert (result.achieved, result.samples_to_threshold) == (True, 30)
    assert (result.minutes_to_threshold, result.cost_to_threshold) == (None, None)


def test_steps_that_are_all_zero_count_nothing(tmp_path: Path) -> None:
    events = [scalar("reward", at, 0, BEGAN + 600 * at) for at in range(4)]
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    history = history_of(tmp_path, "reward")
    assert (history.samples_unit, history.uncounted_because) == (
        None,
        "the steps of its events are all 0: they count nothing",
    )
    (result,) = replay(tmp_path, thresholds=["reward >= 2"])
    assert (result.samples_to_threshold, result.minutes_to_threshold, result.bound) == (None, 20.0, "lower")


def test_values_are_float32_but_for_wider_tensors(tmp_path: Path) -> None:
    wide = Summary(value=[Summary.Value(tag="wide", tensor=make_tensor_proto(0.9))])
    wide.value[0].tensor.CopyFrom(make_tensor_proto(numpy.float64(0.9)))
    events = [scalar("acc", 0.9, at, BEGAN + at) for at in range(1, 3)]
    write_events(tmp_path / "events.out.tfevents.1.h", [*events, Event(wall_time=BEGAN + 3, step=2, summary=wide)])
    found = {
        name
        for axis in history_of(tmp_path).axes or (history_of(tmp_path),)
        for rows in axis.rows()
        for name in rows.single
    }
    assert found == {"acc"}
    (result,) = replay(tmp_path, thresholds=["acc >= 0.9"])
    assert result.achieved


def test_start_after_the_first_event_is_none_of_its(tmp_path: Path) -> None:
    events = [opened(BEGAN + 1e6), *(scalar("m", at, at, BEGAN + 60 * at) for at in range(1, 4))]
    write_events(tmp_path / "events.out.tfevents.1.h", events)
    (result,) = replay(tmp_path, thresholds=["m >= 3"])
    assert (result.minutes_to_threshold, result.bound, result.start_known) == (2.0, "lower", False)
