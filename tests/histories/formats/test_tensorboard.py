"""Event files that the real writers wrote, against TensorBoard's own reader."""

import logging
import random
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

pytest.importorskip("tensorboard")

import google_crc32c
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
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
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


def scalar(tag: str, value: float, step: int, wall_time: float = 1.7e9) -> Event:
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


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


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + checksum(length) + data + checksum(data)


def checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


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
    with pytest.raises(HistoryError, match="found no scalar 'none', expected what counts samples"):
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
    write(tmp_path, [scalar("loss", 1.0, 0), scalar("loss", 0.5, 5, 1.7e9 + 30), scalar("eval", 0.75, 9, 1.7e9 + 60)])
    results = replay(tmp_path, thresholds=["eval >= 0.75", "none >= 1"])
    assert [(result.status, result.minutes_to_threshold) for result in results] == [
        ("achieved", 1.0),
        ("never_observed", None),
    ]
    (result,) = replay(tmp_path, thresholds=["none >= 1"])
    assert result.status == "never_observed"
