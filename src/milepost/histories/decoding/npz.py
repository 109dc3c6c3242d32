"""Arrays of an ``.npz`` file, without pickle and in bounded memory: no length that it tells is believed.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: a ZIP archive of ``.npy`` files, each a header
that says type and shape, then that many bytes.
"""

import io
import zipfile
import zlib
from typing import IO, Any

import numpy
from numpy.lib import format

from milepost.errors import HistoryError
from milepost.histories.decoding.files import opened

Array = numpy.ndarray[Any, Any]

MAX_ARRAY_BYTES = 256 * 2**20
"""Of all arrays of a file, unpacked: a million evaluations of ten episodes take 160 MB."""

MAX_MEMBERS = 100
HEADER_BYTES = 10_000


def read_arrays(path: str, names: tuple[str, ...]) -> dict[str, Array]:
    """Return those arrays of a file that are there, of numbers or truth values.

    Raises:
        HistoryError: It is no ``.npz`` file, is cut short, needs pickle, or says that it holds more than
            `MAX_ARRAY_BYTES`.
    """
    with opened(path) as file:
        if not file.seekable():
            file = io.BytesIO(file.read(MAX_ARRAY_BYTES))
        try:
            return _arrays(file, path, names)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
            if isinstance(error, HistoryError):
                raise
            raise HistoryError(f"{path}: is no whole .npz file: {error}") from error


def _arrays(file: IO[bytes], path: str, names: tuple[str, ...]) -> dict[str, Array]:
    """Read the arrays of an archive."""
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        if len(members) > MAX_MEMBERS:
            raise HistoryError(f"{path}: found {len(members)} arrays, expected {MAX_MEMBERS} at most")
        found = {name: members[f"{name}.npy"] for name in names if f"{name}.npy" in members}
        if (size := sum(member.file_size for member in found.values())) > MAX_ARRAY_BYTES:
            raise HistoryError(f"{path}: found arrays of {size} bytes, expected {MAX_ARRAY_BYTES} at most")
        arrays = {}
        for name, member in found.items():
            with archive.open(member) as stream:
                arrays[name] = _array(stream, member.file_size, f"{path}: {name}")
    return arrays


def _array(stream: IO[bytes], size: int, where: str) -> Array:
    """Read an array whose file says it has this many bytes: it allocates no more than these."""
    version = format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise HistoryError(f"{where}: found version {version} of the .npy format, expected 1.0 or 2.0")
    read_header = format.read_array_header_1_0 if version == (1, 0) else format.read_array_header_2_0
    shape, by_column, kind = read_header(stream, max_header_size=HEADER_BYTES)
    if kind.hasobject:
        raise HistoryError(
            f"{where}: holds Python objects, which only pickle can read, and that would run what the file says; "
            "expected numbers"
        )
    if kind.kind not in "biuf":
        raise HistoryError(f"{where}: found values of type {kind}, expected numbers")
    expected = kind.itemsize
    for length in shape:
        expected *= length
    if expected > size:
        raise HistoryError(f"{where}: found a shape of {shape}, and no more than {size} bytes of it")
    data = stream.read(expected)
    if len(data) < expected:
        raise HistoryError(f"{where}: is cut short: found {len(data)} bytes, expected {expected}")
    return numpy.frombuffer(data, kind).reshape(shape, order="F" if by_column else "C")
