"""The compiled scanners and the readers in Python, on the same bytes: the same rows, the same faults."""

import json
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

pytest.importorskip("numba")

import google_crc32c

from milepost.errors import HistoryError
from milepost.histories.decoding.leveldb import BLOCK_BYTES
from milepost.histories.formats.tensorboard import TensorBoardReader
from milepost.histories.formats.wandb import WandbFileReader
from milepost.histories.history import Wanted
from milepost.histories.reader import Reader
from milepost.histories.tables import event_log
from tests.histories.helpers import reading

Told = tuple[list[dict[str, Any]], str | None]


def told(reader: Reader, path: Path, wanted: Wanted) -> Told:
    """Return the rows of a file, without nulls, and what is wrong with it."""
    rows: list[dict[str, Any]] = []
    try:
        (history,) = reader.histories([str(path)], "run", wanted)
        for chunk in history.rows():
            columns = [*chunk.metrics.columns, "samples", "elapsed_seconds", "wall_time"]
            for at in range(0 if chunk.samples is None else len(chunk.samples)):
                row: dict[str, Any] = {}
                for name in columns:
                    own = chunk.metrics[name] if name in chunk.metrics.columns else getattr(chunk, name)
                    if own is not None and own[at] is not None:
                        row[name] = own[at]
                rows.append(dict(sorted(row.items())))
        rows.append({"config": repr(sorted(history.config.items())), "run": history.run, "group": history.group})
    except HistoryError as error:
        return rows, str(error)
    return rows, None


def same(
    reader: Reader, path: Path, *metrics: str, caplog: pytest.LogCaptureFixture | None = None, **wanted: Any
) -> Told:
    """Read a file in both ways, and return what both give: to the last bit, and NaN is itself."""
    found, warnings = [], []
    for how in ("python", "compiled"):
        with reading(how):
            asked = Wanted(metrics=frozenset(metrics) or None, **wanted)
            found.append(told(reader, path, asked))
        if caplog is not None:
            warnings.append({record.getMessage() for record in caplog.records})
            caplog.clear()
    assert repr(found[0]) == repr(found[1])
    assert caplog is None or warnings[0] == warnings[1]
    return found[1]


def message(number: int, kind: int, value: bytes | int) -> bytes:
    """Return a field of a protobuf message."""
    if kind == 0:
        assert isinstance(value, int)
        return varint(number << 3) + varint(value)
    assert isinstance(value, bytes)
    return varint(number << 3 | kind) + (varint(len(value)) if kind == 2 else b"") + value


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


tags = st.sampled_from([b"a", b"a", b"b", b"b", b"loss/long name", b"", b"\xff", b"x" * 300])
floats = st.binary(min_size=4, max_size=4)
doubles = st.binary(min_size=8, max_size=8)
odd = st.sampled_from(
    [
        *(b"\x00\x01", b"\x02\x00", b"\x56", b"\x57"),  # field 0; wire types that there are none of
        *(b"\x53\x10\x01\x54", b"\x53\x10\x01", b"\x53\x5c", b"\x54"),  # groups, whole and not
        *(b"\x90\x80\x80\x80\x00\x05", b"\x90\x80\x80\x80\x80\x00\x05"),  # keys in five and in six bytes
        *(b"\xf8\xff\xff\xff\x0f\x05", b"\x90\x80\x80\x80\x10\x05"),  # the largest key, and a larger one
        *(b"\x10" + b"\xff" * 9 + b"\x7f", b"\x10" + b"\xff" * 10 + b"\x01"),  # numbers of 10 and 11 bytes
        *(b"\x52\x82\x80\x80\x80\x00ab", b"\x52\x82\x80\x80\x80\x80\x00ab"),  # lengths in five and in six bytes
        *(b"\x8a\x00\x01b", b"\x8a\x00\x03\x0a\x01a", b"\x52\x7fa", b"\x0d\x00"),
    ]
)
junk = st.one_of(odd, st.builds(message, st.integers(1, 20), st.sampled_from([2]), st.binary(max_size=9)))
tensors = st.lists(
    st.one_of(
        st.sampled_from([1, 2, 3, 14]).map(lambda dtype: message(1, 0, dtype)),
        st.just(message(2, 2, b"")),
        st.one_of(floats, doubles, st.just(b"")).map(lambda content: message(4, 2, content)),
        floats.map(lambda value: message(5, 2, value)),
        floats.map(lambda value: message(5, 5, value)),
        doubles.map(lambda value: message(6, 2, value)),
        st.integers(0, 99).map(lambda value: message(7, 2, varint(value))),
    ),
    max_size=4,
).map(b"".join)
plugins = st.sampled_from([b"scalars", b"text"]).map(lambda name: message(9, 2, message(1, 2, message(1, 2, name))))
value_parts = st.lists(
    st.one_of(
        floats.map(lambda value: message(2, 5, value)),
        floats.map(lambda value: message(2, 5, value)),
        tensors.map(lambda tensor: message(8, 2, tensor)),
        plugins,
        tags.map(lambda node: message(7, 2, node)),
        tags.map(lambda tag: message(1, 2, tag)),
        junk,
    ),
    max_size=3,
).map(b"".join)
values = st.builds(lambda tag, rest: message(1, 2, message(1, 2, tag) + rest), tags, value_parts)
simple = st.builds(lambda tag, value: message(1, 2, message(1, 2, tag) + message(2, 5, value)), tags, floats)
summaries = st.lists(st.one_of(simple, simple, values, junk), max_size=5).map(
    lambda parts: message(5, 2, b"".join(parts))
)
events = st.lists(
    st.one_of(
        st.floats().map(lambda wall: message(1, 1, struct.pack("<d", wall))),
        st.integers(-3, 9).map(lambda step: message(2, 0, step)),
        summaries,
        summaries,
        st.just(message(7, 2, message(1, 0, 1))),
        junk,
        st.binary(max_size=3),
    ),
    max_size=4,
).map(b"".join)
usual = st.builds(
    lambda step, summary: message(1, 1, struct.pack("<d", 1.7e9 + step / 7)) + message(2, 0, step) + summary,
    st.integers(-3, 99),
    st.lists(simple, max_size=5).map(lambda parts: message(5, 2, b"".join(parts))),
)


@settings(max_examples=150)
@given(
    records=st.lists(st.one_of(usual, usual, usual, events), max_size=25),
    version=st.sampled_from([b"brain.Event:2"] * 4 + [b"brain.Event:1"]),
    asked=st.sampled_from([(), ("a",), ("a", "loss/long name", "", "none"), ("\ufffd", "b")]),
    samples=st.sampled_from([None, None, "b"]),
    rows=st.sampled_from([1, 3, 20_000]),
    kept=st.sampled_from([1, 2**20]),
    cut=st.integers(0, 5),
)
def test_event_files(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[bytes],
    version: bytes,
    asked: tuple[str, ...],
    samples: str | None,
    rows: int,
    kept: int,
    cut: int,
) -> None:
    path = tmp_path_factory.mktemp("run") / "events.out.tfevents.1.host"
    data = b"".join(map(framed, [message(3, 2, version), *records]))
    path.write_bytes(data[: len(data) - cut])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("milepost.histories.decoding.event_columns.CHUNK_ROWS", rows)
        patch.setattr("milepost.histories.decoding.event_columns.CHUNK_VALUES", 2 * rows)
        patch.setattr(event_log, "BEGINNING_VALUES", kept)
        same(TensorBoardReader(), path, *asked, samples_column=samples)


def test_tags_without_number_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.host"
    names = [b"m/%d" % at for at in range(150)]
    parts = [message(3, 2, b"brain.Event:2")]
    for step in range(2):
        for at, name in enumerate(names):
            value = message(1, 2, message(1, 2, name) + message(2, 5, struct.pack("<f", at + step / 2)))
            parts.append(message(2, 0, step) + message(5, 2, value))
    path.write_bytes(b"".join(map(framed, parts)))
    rows, fault = same(TensorBoardReader(), path)
    assert fault is None
    assert [next(row[name.decode()] for name in [names[at % 150]]) for at, row in enumerate(rows[:-1])] == [
        at % 150 + at // 150 / 2 for at in range(300)
    ]


def test_event_file_that_is_broken_anywhere(tmp_path: Path) -> None:
    event = message(2, 0, 7) + message(5, 2, message(1, 2, message(1, 2, b"a") + message(2, 5, b"\0\0\x80?")))
    head = framed(message(3, 2, b"brain.Event:2"))
    data = head + 3 * framed(event)
    path = tmp_path / "events.out.tfevents.1.host"
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes((data[place] ^ 0x10,)) + data[place + 1 :])
        rows, fault = same(TensorBoardReader(), path)
        assert fault is not None
        assert len(rows) == max(0, (place - len(head)) // len(framed(event)))  # what stands before the break is read


json_values = st.one_of(
    st.floats().map(json.dumps),
    st.floats(allow_nan=False).map(json.dumps),
    st.integers().map(json.dumps),
    st.integers(-(2**80), 2**80).map(json.dumps),
    st.from_regex(r"\A-?[0-9.eE+-]{1,25}\Z"),
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z"),
    st.text(max_size=4).map(json.dumps),
    st.text(max_size=4).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(['"NaN"', '"Infinity"', "-0", "-0.0", "true", "false", "null", "nul", '"', "", " 1", "1,2", "[1]"]),
    st.sampled_from(['{"b": 1, "c": {"d": -0}}', '{"c": "NaN"}', '{"_type": "histogram", "bins": [1]}', "{", '"a"b"']),
)
numbers = st.one_of(st.floats(allow_nan=False).map(json.dumps), st.integers(-9, 9).map(json.dumps))
keys = st.sampled_from([("a",), ("a",), ("x", "b"), ("x", "c", "d"), ("long" * 300,), ("é",), ("unwanted",), ()])


def item(key: tuple[str, ...], value: str, rest: bytes = b"") -> bytes:
    names = [message(1 if len(key) == 1 else 2, 2, part.encode()) for part in key]
    return message(1, 2, b"".join(names) + message(16, 2, value.encode("utf-8", "surrogatepass")) + rest)


def row_of(parts: list[bytes]) -> bytes:
    return message(2, 2, b"".join(parts))


samples_items = st.integers(0, 2**40).map(lambda count: item(("samples",), str(count)))
item_rests = st.one_of(
    st.just(b""), junk, st.sampled_from([message(1, 2, b"a"), message(2, 2, b"b"), message(16, 0, 1)])
)
odd_rows = st.lists(
    st.one_of(st.builds(item, keys, json_values), st.builds(item, keys, numbers, item_rests)), max_size=5
)
usual_rows = st.lists(st.builds(item, keys, numbers), max_size=3)
logged = st.builds(
    lambda samples, parts: message(1, 0, 5) + row_of([samples, *parts]),
    samples_items,
    st.one_of(usual_rows, usual_rows, odd_rows),
)
broken_after_its_row = st.builds(lambda row, rest: row + rest, logged, st.binary(max_size=3))
others = st.one_of(
    broken_after_its_row,
    st.sampled_from(["r", "s"]).map(lambda name: message(17, 2, message(1, 2, name.encode()) + message(6, 2, b"g"))),
    numbers.map(lambda value: message(5, 2, message(1, 2, message(1, 2, b"lr") + message(16, 2, value.encode())))),
    st.integers(0, 3 * BLOCK_BYTES).map(lambda size: message(9, 2, bytes(size))),
    st.binary(max_size=3),
    st.builds(lambda row, rest: row + rest, logged, odd),
)


def leveldb(records: list[bytes]) -> bytes:
    """Frame records as LevelDB's log does."""
    out = bytearray(b":W&B\x00\xbe\x00"[:7])
    for data in records:
        begun = False
        while True:
            left = BLOCK_BYTES - len(out) % BLOCK_BYTES
            if left < 7:
                out += bytes(left)
                continue
            part, data = data[: left - 7], data[left - 7 :]
            kind = (3 if begun else 2) if data else (4 if begun else 1)
            out += struct.pack("<IHB", zlib.crc32(bytes((kind,)) + part), len(part), kind) + part
            begun = True
            if not data:
                break
    return bytes(out)


@settings(max_examples=150)
@given(
    records=st.lists(st.one_of(logged, logged, logged, logged, others), min_size=1, max_size=25),
    asked=st.sampled_from([(), ("a",), ("a", "x.b", "none"), ("x.c.d", "é", "long" * 300, ""), ("x.c",)]),
    rows=st.sampled_from([1, 3, 5000]),
    cells=st.sampled_from([4, 4_000_000]),
    cut=st.integers(0, 5),
)
def test_files_of_wandb(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[bytes],
    asked: tuple[str, ...],
    rows: int,
    cells: int,
    cut: int,
) -> None:
    path = tmp_path_factory.mktemp("run") / "run.wandb"
    data = leveldb(records)
    path.write_bytes(data[: len(data) - cut])
    with pytest.MonkeyPatch.context() as patch:
        for module in ("tables.row_table", "decoding.wandb_columns", "formats.wandb"):
            patch.setattr(f"milepost.histories.{module}.CHUNK_ROWS", rows)
        for module in ("tables.table", "decoding.wandb_columns"):
            patch.setattr(f"milepost.histories.{module}.MAX_CELLS", cells)
        patch.setattr("milepost.histories.decoding.leveldb.READ_BYTES", BLOCK_BYTES)
        same(WandbFileReader(), path, *asked)


def test_file_of_wandb_that_is_broken_or_cut_short_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [row_of([item(("samples",), str(at)), item(("a",), str(at / 3))]) for at in range(4)]
    data = leveldb([message(9, 2, bytes(BLOCK_BYTES - 100)), *rows])
    path = tmp_path / "run.wandb"
    for place in range(BLOCK_BYTES - 110, len(data)):
        for broken in (data[:place], data[:place] + bytes((data[place] ^ 4,)) + data[place + 1 :]):
            path.write_bytes(broken)
            with caplog.at_level(logging.WARNING):
                same(WandbFileReader(), path, "a", caplog=caplog)
