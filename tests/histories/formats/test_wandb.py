"""Files that W&B itself wrote, offline."""

import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest

wandb = pytest.importorskip("wandb")

from wandb.proto import wandb_internal_pb2 as protocol  # noqa: E402

from milepost.errors import HistoryError  # noqa: E402
from milepost.histories.decoding.leveldb import BLOCK_BYTES, CHUNK_HEADER_BYTES, FULL, HEADER, LAST, records  # noqa: E402
from milepost.histories.finding.discovery import find_logs  # noqa: E402
from milepost.histories.finding.log import Log  # noqa: E402
from milepost.histories.formats.wandb import WandbFileReader  # noqa: E402
from milepost.histories.history import History, Wanted  # noqa: E402
from tests.histories.helpers import compiled_or_not, wait_until_whole  # noqa: E402, F401

ROWS: list[dict[str, Any]] = [
    {"samples": at * 10, "loss": 1 / (at + 1), **({"rare": float(at)} if at % 3 == 0 else {})} for at in range(40)
]


def logged(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    run = wandb.init(dir=str(folder), mode="offline", settings=wandb.Settings(silent=True, console="off"), **settings)
    for row in rows:
        run.log(row)
    run.finish()
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    wait_until_whole(path)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {"seed": 7, "optimizer": {"lr": 0.1, "name": "adam"}, "long": "x" * 3 * BLOCK_BYTES}
    return logged(tmp_path_factory.mktemp("wandb"), ROWS, project="p", group="g", name="n", id="abc", config=config)


def read(path: Path, *metrics: str, **wanted: Any) -> tuple[History, list[dict[str, Any]]]:
    asked = Wanted(metrics=frozenset(metrics) if metrics else None, **wanted)
    (history,) = WandbFileReader().histories([str(path)], "run", asked)
    rows = []
    for chunk in history.rows():
        assert chunk.samples is not None
        for at, samples in enumerate(chunk.samples):
            values = {name: chunk.metrics[name][at] for name in chunk.metrics.columns}
            rows.append({"samples": samples} | {name: value for name, value in values.items() if value is not None})
            assert chunk.elapsed_seconds is not None
            assert chunk.wall_time is not None
            assert 0 <= chunk.elapsed_seconds[at] < 600
            assert chunk.wall_time[at] > 1.7e9
    return history, rows


def test_what_was_logged_is_read_to_the_last_bit(path: Path) -> None:
    history, rows = read(path, "loss", "rare", "none")
    assert rows == ROWS
    assert (history.run, history.group, history.seed) == ("abc", "g", 7)
    assert history.config["optimizer.lr"] == 0.1
    assert history.config["optimizer.name"] == "adam"


def test_every_record_is_one_of_the_protocol(path: Path) -> None:
    kinds = set()
    for record in records(str(path)):
        message = protocol.Record()
        message.ParseFromString(record.data)
        kinds.add(message.WhichOneof("record_type"))
    assert {"run", "history", "summary"} <= kinds


def test_nested_values_and_those_that_are_no_numbers(tmp_path: Path) -> None:
    given = {
        "samples": 1,
        "a": {"b": {"c": 2}},
        "nan": math.nan,
        "inf": -math.inf,
        "text": "x",
        "flag": True,
        "list": [1],
    }
    _, rows = read(logged(tmp_path, [given], project="p"), "a.b.c", "nan", "inf", "text", "list")
    (row,) = rows
    assert (row["a.b.c"], row["inf"], math.isnan(row["nan"])) == (2.0, -math.inf, True)
    assert not {"text", "list"} & row.keys()


def test_calls_of_log_are_steps_and_no_samples(tmp_path: Path) -> None:
    path = logged(tmp_path, [{"loss": 1.0}, {"loss": 0.5}], project="p")
    history, rows = read(path, "loss")
    assert (history.samples_unit, history.samples_source) == ("steps", "_step")
    assert "--samples-column" in (history.uncounted_because or "")
    assert rows == [{"samples": 0, "loss": 1.0}, {"samples": 1, "loss": 0.5}]
    assert read(path, "loss", samples_column="_step")[0].samples_unit == "samples"


def test_files_of_one_run_are_one_run_in_the_order_of_their_starts(tmp_path: Path) -> None:
    first = logged(tmp_path / "a", [{"samples": at * 1000, "reward": at} for at in range(1, 11)], id="abc", project="p")
    second = logged(
        tmp_path / "b", [{"samples": at * 1000, "reward": at} for at in range(6, 21)], id="abc", project="p"
    )
    other = logged(tmp_path / "c", [{"samples": 1, "reward": 0}], id="other", project="p")
    files = [str(path) for path in (second, other, first)]
    one, two = WandbFileReader().histories(files, "run", Wanted(metrics=frozenset({"reward"})))
    assert (one.run, two.run) == ("abc", "other")
    chunks = list(one.rows())
    assert [value for chunk in chunks for value in chunk.metrics["reward"]] == [*range(1, 11), *range(6, 21)]
    boundaries = [(number, boundary) for number, chunk in enumerate(chunks) for boundary in chunk.boundaries]
    ((number, boundary),) = boundaries
    assert (number, boundary.row) == (1, 0)
    assert one.started_at is not None
    assert boundary.started_at is not None
    assert chunks[0].wall_time is not None
    assert chunks[1].wall_time is not None
    assert one.started_at < chunks[0].wall_time[0] < chunks[0].wall_time[-1] < boundary.started_at
    assert boundary.started_at < chunks[1].wall_time[0]


def test_folder_of_runs_is_read_as_its_runs_alone(path: Path) -> None:
    found = list(find_logs([str(path.parents[2])]))
    assert [log.reader.name for log in found if isinstance(log, Log)] == ["wandb"]
    assert not [each for each in found if not isinstance(each, Log) and each.broken]


def test_file_that_is_cut_short_gives_all_whole_records_and_a_warning(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = path.read_bytes()
    offsets = [record.offset for record in records(str(path))]
    ends = [end_of(data, offset) for offset in offsets]
    gaps = {at for end, after in zip(ends, offsets[1:], strict=False) for at in range(end, after + 1)}
    cut = tmp_path / "cut.wandb"
    for length in range(len(data) - 600, len(data)):
        cut.write_bytes(data[:length])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            whole = [record.offset for record in records(str(cut))]
        assert whole == offsets[: len(whole)]
        assert len(whole) == sum(end <= length for end in ends)
        ends_between = length in gaps
        assert ("is cut short" in caplog.text) != ends_between


@pytest.mark.parametrize("bytes_left", range(CHUNK_HEADER_BYTES))
def test_file_that_is_cut_within_a_header_is_cut_short_whatever_that_begins_with(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, bytes_left: int
) -> None:
    data = path.read_bytes()
    cut = tmp_path / "cut.wandb"
    cut.write_bytes(data[: [record.offset for record in records(str(path))][5]] + bytes(bytes_left))
    with caplog.at_level(logging.WARNING):
        assert len(list(records(str(cut)))) == 5
    assert ("is cut short" in caplog.text) == (bytes_left > 0)


def end_of(data: bytes, offset: int) -> int:
    """Return where the record ends that starts there, from the lengths and types of its chunks alone."""
    while True:
        if BLOCK_BYTES - offset % BLOCK_BYTES < CHUNK_HEADER_BYTES:
            offset += BLOCK_BYTES - offset % BLOCK_BYTES
        _, size, kind = HEADER.unpack_from(data, offset)
        offset += CHUNK_HEADER_BYTES + size
        if kind in (FULL, LAST):
            return offset


def offsets_of(path: Path) -> tuple[list[int], str | None]:
    """Return where the records of a file start, and what is wrong with the first that is broken."""
    seen: list[int] = []
    try:
        seen.extend(record.offset for record in records(str(path)))
    except HistoryError as error:
        return seen, str(error)
    return seen, None


def test_every_flipped_byte_of_a_chunk_is_found_out(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = path.read_bytes()
    starts = [record.offset for record in records(str(path))]
    broken = tmp_path / "broken.wandb"
    for place in range(starts[-3], starts[-1]):
        broken.write_bytes(data[:place] + bytes((data[place] ^ 0x04,)) + data[place + 1 :])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            seen, fault = offsets_of(broken)
        assert seen == starts[: len(seen)]
        assert len(starts) - 3 <= len(seen) < len(starts)
        if fault is None:  # a length that leads beyond the end: as if the rest had not been written
            assert "is cut short" in caplog.text
        else:
            assert "broken.wandb: found " in fault
            assert " at byte " in fault


def test_broken_file_gives_what_stands_before_the_break(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    last = [record for record in records(str(path)) if b"rare" in record.data][-1]
    data[last.offset + 20] ^= 1
    broken = tmp_path / "broken.wandb"
    broken.write_bytes(data)
    (history,) = WandbFileReader().histories([str(broken)], "run", Wanted(metrics=frozenset({"loss"})))
    rows: list[float] = []
    chunks = history.rows()
    rows += list(next(chunks).metrics["loss"])
    with pytest.raises(HistoryError, match="wrong checksum"):
        next(chunks)
    assert rows == [row["loss"] for row in ROWS[: len(rows)]]
    assert len(rows) > 30


def test_config_is_json_after_reading(path: Path) -> None:
    history, _ = read(path, "loss")
    assert json.loads(json.dumps(dict(history.config)))["seed"] == 7


def test_run_that_went_on_below_another_folder_is_one_and_a_copy_is_left_out(tmp_path: Path) -> None:
    """Two machines, each with a folder of its own; one is there twice; another project has a run of that id, too."""
    import shutil
    import time

    logged(tmp_path / "a", [{"samples": at, "m": float(at)} for at in range(5)], project="p", id="abc")
    time.sleep(1.1)  # W&B names folders by the second
    logged(tmp_path / "b", [{"samples": at, "m": float(at)} for at in range(5, 9)], project="p", id="abc")
    logged(tmp_path / "other", [{"samples": 1, "m": 1.0}], project="q", id="abc")
    shutil.copytree(tmp_path / "a", tmp_path / "copy", symlinks=True)
    found = list(find_logs([str(tmp_path)]))
    logs = [log for log in found if isinstance(log, Log)]
    assert sorted(len(log.files) for log in logs) == [1, 2]
    (both,) = (log for log in logs if len(log.files) == 2)
    assert [Path(file).relative_to(tmp_path).parts[0] for file in both.files] == ["a", "b"]
    (left,) = (each for each in found if not isinstance(each, Log) and "a copy of it" in each.reason)
    assert Path(left.path).relative_to(tmp_path).parts[0] == "copy"
    assert len([log for log in find_logs([str(tmp_path)], join=False) if isinstance(log, Log)]) == 4
