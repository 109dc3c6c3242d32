"""Messages of our own beside those of the real protocols."""

import subprocess
import sys

import pytest

from milepost.errors import MissingExtra
from milepost.histories.decoding import event_record, wandb_record
from milepost.histories.decoding.event_record import read_event
from milepost.histories.decoding.messages import BrokenMessage, Messages

OURS = """
from google.protobuf import descriptor_pool
from milepost.histories.decoding.event_record import read_event
from milepost.histories.decoding.wandb_record import read_items, read_record

event = bytes.fromhex("09000000000000f03f10072a0d0a0b0a046c6f73731500000040")
record = bytes.fromhex("12100a0e0a046c6f737382010531652d3035")
told = read_event(event, None, {})
assert (told.wall_time, told.step, told.values) == (1.0, 7, {"loss": 2.0})
assert read_items(read_record(record).history.item, None) == {"loss": 1e-05}
for package in ("tensorboard", "wandb"):
    try:
        descriptor_pool.Default().FindFileByName(f"milepost.{package}.proto")
    except KeyError:
        continue
    raise AssertionError("ours are where everyone's are")
"""
STANDS_FOR = {9: 12, 14: 5}
"""Text is declared as bytes, what is one of several as int32."""

THEIRS = """
import mlflow
import mlflow.protos.service_pb2
import tensorboard.compat.proto.event_pb2 as tensorboard
import torch.utils.tensorboard
import wandb
import wandb.proto.wandb_internal_pb2 as protocol

event = tensorboard.Event.FromString(bytes.fromhex("09000000000000f03f10072a0d0a0b0a046c6f73731500000040"))
assert [(value.tag, value.simple_value) for value in event.summary.value] == [("loss", 2.0)]
record = protocol.Record.FromString(bytes.fromhex("12100a0e0a046c6f737382010531652d3035"))
assert [(item.key, item.value_json) for item in record.history.item] == [("loss", "1e-05")]
"""


@pytest.mark.parametrize("parts", [(OURS, THEIRS, OURS), (THEIRS, OURS, THEIRS)], ids=["first", "last"])
def test_they_meet_no_one_elses(parts: tuple[str, ...]) -> None:
    for module in ("mlflow", "tensorboard", "torch", "wandb"):
        pytest.importorskip(module)
    subprocess.run([sys.executable, "-W", "ignore", "-c", "".join(parts)], check=True, timeout=300)


def test_fields_are_those_of_the_protocols() -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("wandb")
    from google.protobuf import timestamp_pb2
    from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
    from wandb.proto import wandb_internal_pb2

    real = {
        event_record: [
            *(event_pb2.Event, event_pb2.SessionLog, summary_pb2.Summary, summary_pb2.Summary.Value),
            *(summary_pb2.SummaryMetadata, summary_pb2.SummaryMetadata.PluginData, tensor_pb2.TensorProto),
        ],
        wandb_record: [getattr(wandb_internal_pb2, name) for name in ("Record", "RunRecord", "ConfigRecord")]
        + [getattr(wandb_internal_pb2, name) for name in ("HistoryRecord", "HistoryItem", "ConfigItem")]
        + [timestamp_pb2.Timestamp],
    }
    seen = 0
    for module, theirs in real.items():
        for message in theirs:
            name = message.DESCRIPTOR.name
            ours = module.protocol().parse("Item" if name.endswith("Item") else name, b"").DESCRIPTOR
            for field in ours.fields:
                its = message.DESCRIPTOR.fields_by_name[field.name]
                assert (field.number, field.is_repeated) == (its.number, its.is_repeated), field.name
                assert STANDS_FOR.get(its.type, its.type) == field.type or its.type == its.TYPE_MESSAGE, field.name
                seen += 1
    assert seen == 5 + 1 + 1 + 5 + 1 + 1 + 10 + 3 + 5 + 1 + 1 + 3 + 3 + 2


def test_without_protobuf_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    with pytest.raises(MissingExtra, match=r"needs protobuf: pip install 'milepost\[replay\]'"):
        Messages("milepost.none", {})


def test_what_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(BrokenMessage, match=r"^more than 4194304 values$"):
        read_event(b"\x2a" + varint(2 * 5_000_000) + 5_000_000 * b"\x0a\x00", None, {})
    with pytest.raises(BrokenMessage, match=r"^more than 4194304 values$"):
        wandb_record.read_record(b"\x12" + varint(3 * 5_000_000) + 5_000_000 * b"\x8a\x00\x00")


def test_a_large_message_of_few_values_is_read() -> None:
    image = b"\x22" + varint(9_000_000) + bytes(9_000_000)
    value = b"\x0a\x01a\x15\x00\x00\x80\x3f"
    values = b"\x0a" + varint(len(image)) + image + b"\x0a" + varint(len(value)) + value
    assert read_event(b"\x2a" + varint(len(values)) + values, None, {}).values == {"a": 1.0}


def varint(value: int) -> bytes:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
