"""TensorFlow's tensors of one number: ``tensor.proto``, ``types.proto`` of https://github.com/tensorflow/tensorflow."""

import struct
from typing import Any

MAX_BYTES = 1024
"""Of a tensor of one number: with its type, its shape and whatever else it may tell."""

# Fields of TensorProto.
DTYPE, CONTENT, FLOATS, DOUBLES = 1, 4, 5, 6
VALUES = {
    "float_val": (FLOATS, "float*"),
    "double_val": (DOUBLES, "double*"),
    "int_val": (7, "int32*"),
    "int64_val": (10, "int64*"),
    "bool_val": (11, "bool*"),
    "uint32_val": (16, "uint32*"),
    "uint64_val": (17, "uint64*"),
}
FIELDS = {"dtype": (DTYPE, "int32"), "tensor_content": (CONTENT, "bytes"), "half_val": (13, "int32*"), **VALUES}

FORMATS = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 17: "H", 19: "e", 22: "I", 23: "Q"}
"""Types of tensors in `struct`'s letters: DT_FLOAT is 1, DT_DOUBLE 2, DT_INT32 3 and so on."""

FLOAT, BFLOAT16, HALF = 1, 14, 19


def number_of(tensor: Any) -> float | None:
    """Return the number that a message of these fields holds; None where it holds none, or several."""
    if tensor.tensor_content:
        return _of_bytes(tensor.tensor_content, tensor.dtype)
    if tensor.half_val:
        content = b"".join((bits & 0xFFFF).to_bytes(2, "little") for bits in tensor.half_val)
        return _of_bytes(content, BFLOAT16 if tensor.dtype == BFLOAT16 else HALF)
    numbers = [value for name in VALUES for value in getattr(tensor, name)]
    return float(numbers[0]) if len(numbers) == 1 else None


def _of_bytes(content: bytes, dtype: int) -> float | None:
    """Return the number of a type that bytes are; None where they are several, or no number."""
    if dtype == BFLOAT16 and len(content) == 2:
        content, dtype = b"\0\0" + content, FLOAT  # the upper half of a float
    form = "<" + FORMATS.get(dtype, "")
    return float(struct.unpack(form, content)[0]) if struct.calcsize(form) == len(content) else None
