"""TensorFlow's tensors of one number: ``tensor.proto``, ``types.proto`` of https://github.com/tensorflow/tensorflow."""

import struct
from functools import cache

from milepost.histories.decoding.messages import Messages

MAX_BYTES = 1024
"""Of a tensor of one number: with its type, its shape and whatever else it may tell."""

DTYPE, CONTENT, FLOATS, DOUBLES = 1, 4, 5, 6

FORMATS = {
    1: "<f",  # DT_FLOAT
    2: "<d",  # DT_DOUBLE
    3: "<i",  # DT_INT32
    4: "<B",  # DT_UINT8
    5: "<h",  # DT_INT16
    6: "<b",  # DT_INT8
    9: "<q",  # DT_INT64
    10: "<?",  # DT_BOOL
    17: "<H",  # DT_UINT16
    19: "<e",  # DT_HALF
    22: "<I",  # DT_UINT32
    23: "<Q",  # DT_UINT64
}
BFLOAT16 = 14
HALF = 19


VALUES = {
    "float_val": (FLOATS, "float*"),
    "double_val": (DOUBLES, "double*"),
    "int_val": (7, "int32*"),
    "int64_val": (10, "int64*"),
    "bool_val": (11, "bool*"),
    "uint32_val": (16, "uint32*"),
    "uint64_val": (17, "uint64*"),
}
HALVES = {"half_val": (13, "int32*")}
"""The bits of numbers of 16 bits."""


@cache
def protocol() -> Messages:
    """Return the messages of tensors."""
    tensor = {"dtype": (DTYPE, "int32"), "tensor_content": (CONTENT, "bytes"), **VALUES, **HALVES}
    return Messages("milepost.tensors", {"TensorProto": tensor})


def number_of(data: bytes) -> float | None:
    """Return the number that a tensor holds; None where it holds none, or several.

    Raises:
        BrokenMessage: It is no tensor.
    """
    if len(data) > MAX_BYTES:
        return None
    tensor = protocol().parse("TensorProto", data)
    if tensor.tensor_content:
        return _of_content(tensor.tensor_content, tensor.dtype)
    numbers = [value for name in VALUES for value in getattr(tensor, name)]
    numbers += (_half(bits, tensor.dtype) for bits in tensor.half_val)
    return float(numbers[0]) if len(numbers) == 1 else None


def _half(bits: int, dtype: int) -> float | None:
    return _of_content((bits & 0xFFFF).to_bytes(2, "little"), BFLOAT16 if dtype == BFLOAT16 else HALF)


def _of_content(content: bytes, dtype: int) -> float | None:
    """Return the number that bytes of a type are; None where they are several, or of no number."""
    if dtype == BFLOAT16 and len(content) == 2:
        content, dtype = b"\0\0" + content, 1
    form = FORMATS.get(dtype)
    if form is None or struct.calcsize(form) != len(content):
        return None
    return float(struct.unpack(form, content)[0])
