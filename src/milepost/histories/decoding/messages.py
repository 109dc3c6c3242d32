"""Protobuf messages of the few fields that matter: what is not declared is passed over.

They are made at run time, in a pool of descriptors of their own, so that they never meet those that TensorBoard, W&B or
Torch register. Text is declared as bytes: it may be any. So is what is to be parsed only where it is needed.
"""

from collections.abc import Mapping
from typing import Any

from milepost.errors import MissingExtra

PLAIN_BYTES = 2**23
"""A message of no more than that is parsed without a further look."""

MAX_PARTS = 2**22
"""Of a larger one: each of its repeated parts takes two bytes of a file, if it is empty, and some 90 of memory."""

PART_KEYS = (b"\x0a", b"\x12", b"\x8a", b"\x92")
"""What repeated parts begin with, fields 1 and 2 in all that is read here: their keys, written in one byte or more."""


class BrokenMessage(ValueError):
    """Bytes that are no message, or one that would fill the memory; says what was found."""


class Messages:
    """Messages of one protocol.

    Args:
        package: What their package is called, which no other does.
        messages: Their fields by name: number and type, ``bytes`` or another of these messages, with ``*`` where it is
            repeated.

    Raises:
        MissingExtra: protobuf is not installed.
    """

    def __init__(self, package: str, messages: Mapping[str, Mapping[str, tuple[int, str]]]) -> None:
        try:
            from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
        except ImportError:
            raise MissingExtra("protobuf", "replay", "reading the files of TensorBoard and W&B") from None

        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
        for name, fields in messages.items():
            declared = file.message_type.add(name=name).field
            for field_name, (number, told) in fields.items():
                field = declared.add(name=field_name, number=number)
                kind = told.removesuffix("*")
                field.label = field.LABEL_OPTIONAL if kind == told else field.LABEL_REPEATED
                if kind in messages:
                    field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{kind}"
                else:
                    field.type = getattr(field, f"TYPE_{kind.upper()}")
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in messages}
        self._parsers = {name: message_factory.GetMessageClass(each).FromString for name, each in found.items()}
        self._no_message = message.DecodeError

    def parse(self, name: str, data: bytes) -> Any:
        """Return the message that bytes are.

        Raises:
            BrokenMessage: They are none, or it has more parts than it may.
        """
        if len(data) > PLAIN_BYTES and sum(map(data.count, PART_KEYS)) > MAX_PARTS:
            raise BrokenMessage(f"more than {MAX_PARTS} values")
        try:
            return self._parsers[name](data)
        except self._no_message:
            raise BrokenMessage("no message") from None
