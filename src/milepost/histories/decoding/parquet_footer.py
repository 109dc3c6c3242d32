"""Whether a Parquet file's footer agrees with itself.

pyarrow ends the process where a column's chunk bears another type than the schema says (``ParquetException`` is thrown
where Python can't catch it; pyarrow 21 to 24), so that is looked at before. Thrift's compact protocol:
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md, and ``parquet.thrift`` of
https://github.com/apache/parquet-format.
"""

from collections.abc import Iterator
from typing import IO

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 256 * 2**20
MAX_DEPTH = 20

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
SCHEMA, ROW_GROUPS = 2, 4
TYPE, CHILDREN, COLUMNS, META_DATA = 1, 5, 1, 3
"""Numbers of types in the protocol, and of fields in the footer."""


def is_sound(file: IO[bytes]) -> bool:
    """Say whether each column's chunks are of the type that the schema says, one for each column."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != MAGIC or not 0 < length <= min(size - 8, MAX_FOOTER_BYTES):
        return False
    file.seek(size - 8 - length)
    try:
        return _agrees(_Footer(file.read(length)))
    except (IndexError, ValueError):
        return False


def _agrees(footer: "_Footer") -> bool:
    types: list[int | None] = []
    for field, kind in footer.fields():
        if field == SCHEMA and kind == LIST:
            for _ in footer.elements():
                told = dict[int, int]()
                for of_element, each in footer.fields():
                    if of_element in (TYPE, CHILDREN) and each not in (BINARY, STRUCT, LIST):
                        told[of_element] = footer.zigzag()
                    else:
                        footer.skip(each)
                if not told.get(CHILDREN):
                    types.append(told.get(TYPE))
        elif field == ROW_GROUPS and kind == LIST:
            for _ in footer.elements():
                if _types_of_row_group(footer) != types:
                    return False
        else:
            footer.skip(kind)
    return True


def _types_of_row_group(footer: "_Footer") -> list[int | None]:
    types: list[int | None] = []
    for field, kind in footer.fields():
        if field != COLUMNS or kind != LIST:
            footer.skip(kind)
            continue
        for _ in footer.elements():
            types.append(None)
            for of_chunk, each in footer.fields():
                if of_chunk != META_DATA or each != STRUCT:
                    footer.skip(each)
                    continue
                for of_data, told in footer.fields():
                    if of_data == TYPE and told not in (BINARY, STRUCT, LIST):
                        types[-1] = footer.zigzag()
                    else:
                        footer.skip(told)
    return types


class _Footer:
    """Bytes of the compact protocol, which are read from their beginning on.

    Raises:
        IndexError: They end too early.
        ValueError: They are no such bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield the fields of a struct, with their types; each is to be read or skipped before the next."""
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            yield field, head & 15

    def elements(self) -> Iterator[int]:
        """Yield the type of each element of a list, which is to be read or skipped before the next."""
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        for _ in range(count):
            yield head & 15

    def zigzag(self) -> int:
        """Read a whole number."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, depth: int = MAX_DEPTH, *, is_element: bool = False) -> None:
        """Pass over a value."""
        if not depth:
            raise ValueError("nested too deeply")
        if kind in (TRUE, FALSE):
            self._at += is_element
        elif kind == BYTE:
            self._at += 1
        elif kind < DOUBLE:
            self._varint()
        elif kind == DOUBLE:
            self._at += 8
        elif kind == BINARY:
            length = self._varint()
            self._at += length
        elif kind in (LIST, SET):
            for each in self.elements():
                self.skip(each, depth - 1, is_element=True)
        elif kind == MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self.skip(kinds >> 4, depth - 1, is_element=True)
                self.skip(kinds & 15, depth - 1, is_element=True)
        elif kind == STRUCT:
            for _, each in self.fields():
                self.skip(each, depth - 1)
        else:
            raise ValueError(f"no type {kind}")
        if self._at > len(self._data):
            raise IndexError("cut short")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than ten bytes")
