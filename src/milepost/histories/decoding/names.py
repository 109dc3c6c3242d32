"""Names by number, such as tags, in the form in which compiled scanners look them up."""

from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]


class Names:
    """A hash table of names, numbered in the order in which they are added.

    Args:
        scanners: The compiled scanners.

    Attributes:
        table: Slots, with numbers from 1 on; the bytes of all names; where each ends there; a note on each.
        numbers: The names, with their numbers.
    """

    def __init__(self, scanners: Any) -> None:
        self._scanners = scanners
        self.numbers: dict[bytes, int] = {}
        zeros = numpy.zeros
        self.table: tuple[Array, Array, Array, Array] = (
            *(zeros(256, "i4"), zeros(4096, "u1")),
            *(zeros(65, "i8"), zeros(64, "u1")),
        )

    def add(self, name: bytes) -> None:
        """Add a name that is not there yet."""
        slots, text, ends, notes = self.table
        number = len(self.numbers)
        start = int(ends[number])
        end = start + len(name)
        if end > len(text):
            text = numpy.resize(text, 2 * end)
        if number == len(notes):
            slots, ends, notes = numpy.zeros(2 * len(slots), "i4"), _doubled(ends), _doubled(notes)
        text[start:end] = numpy.frombuffer(name, "u1")
        ends[number + 1] = end
        first = number if slots is self.table[0] else 0
        self.numbers[name] = number
        self.table = slots, text, ends, notes
        for each in range(first, number + 1):
            self._scanners.insert(self.table, each)


def _doubled(array: Array) -> Array:
    return numpy.concatenate([array, numpy.zeros(len(array), array.dtype)])
