"""One catalog file of SkyPilot's (``vms.csv``): the rows of an instance type or of an accelerator, found fast.

A file of megabytes is not parsed to find a dozen rows. It is searched, and only the lines that match are parsed; where
its records are not plainly its lines, all of it is parsed. Both ways give the same rows.

Columns: https://github.com/skypilot-org/skypilot-catalog#schema-v8
"""

import csv
import io
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from milepost.errors import PriceUnavailable
from milepost.money.instance import Market

NEEDED = ("InstanceType", "Region", "Price")
OTHERS = ("AvailabilityZone", "SpotPrice", "AcceleratorName", "AcceleratorCount", "vCPUs", "MemoryGiB")
MAX_BYTES = 256 * 2**20
"""The largest catalog has a few MiB."""


SAME_USD = 0.5e-4
"""AWS gives spot prices with four decimals: 27.4330 where on-demand is 27.43298."""


class Row(NamedTuple):
    """What one zone asks for a type; on GCP also for accelerators alone, or for a host and its accelerators together.

    Attributes:
        instance_type: The provider's name for it; empty for accelerators that are priced apart from their host.
        region: The provider's region.
        zone: The provider's zone, empty where it has none or its prices don't depend on it.
        usd_per_hour: On-demand, USD an hour; None where it is not offered.
        spot_usd_per_hour: Spot, USD an hour; None where it is not offered.
        gpu: Model of its accelerators; empty where it has none.
        gpus: How many of them.
        vcpus: Virtual CPUs.
        memory_gib: GiB of memory of the host.
        is_suspect: Whether a part of its on-demand price is too near to the same part's spot price to be one.
    """

    instance_type: str
    region: str
    zone: str
    usd_per_hour: float | None
    spot_usd_per_hour: float | None
    gpu: str
    gpus: float | None
    vcpus: float | None
    memory_gib: float | None = None
    is_suspect: bool = False

    def price(self, market: Market) -> float | None:
        """Return its price in a market. A spot price that is the on-demand price tells that there is no spot market."""
        if market != "spot" or self.spot_usd_per_hour is None or self.usd_per_hour is None:
            return self.spot_usd_per_hour if market == "spot" else self.usd_per_hour
        is_same = abs(self.spot_usd_per_hour - self.usd_per_hour) <= SAME_USD
        return None if is_same else self.spot_usd_per_hour


class Catalog:
    """The content of one file; ``name`` is what messages call it.

    Raises:
        PriceUnavailable: It is no catalog; says why.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._name = name
        try:
            self._text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self._broken("it is no text in UTF-8") from None
        if "\0" in self._text:
            raise self._broken("it is no text: there are NUL bytes in it")
        self._columns = self._header()
        self._kept: dict[tuple[str, bool, str], list[Row]] = {}
        self._alike: dict[re.Pattern[str], list[list[Row]]] = {}
        self._lines_are_records: bool | None = None

    def of_type(self, instance_type: str) -> list[Row]:
        """Return the rows of an instance type; upper and lower case are alike where none is written just so.

        Raises:
            PriceUnavailable: A row of its is broken.
        """
        exact = self._rows_with("InstanceType", instance_type)
        return exact or self._rows_with("InstanceType", instance_type, any_case=True)

    def of_accelerator(self, gpu: str) -> list[Row]:
        """Return the rows with these accelerators, whether in an instance or apart; upper and lower case are alike.

        Raises:
            PriceUnavailable: A row of theirs is broken.
        """
        return self._rows_with("AcceleratorName", gpu, any_case=True)

    def every_type(self) -> Iterator[list[Row]]:
        """Yield all rows, one instance type at a time, or one accelerator that has no type.

        What has a broken row is passed over.

        Raises:
            PriceUnavailable: The file is no CSV.
        """
        kind, gpu = self._columns["InstanceType"], self._columns.get("AcceleratorName", self._width)
        grouped: dict[tuple[str, ...], list[list[str]]] = {}
        for record in self._all_records():
            if len(record) > kind:
                is_apart = not record[kind] and len(record) > gpu
                grouped.setdefault(("", record[gpu]) if is_apart else (record[kind],), []).append(record)
        for records in grouped.values():
            try:
                rows = [self._row(record) for record in records]
            except PriceUnavailable:
                continue
            yield rows

    def types_like(self, pattern: re.Pattern[str]) -> list[list[Row]]:
        """Return the rows of the types whose names begin so, one instance type at a time.

        Raises:
            PriceUnavailable: The file is no CSV.
        """
        if pattern not in self._alike:
            self._alike[pattern] = [rows for rows in self.every_type() if pattern.match(rows[0].instance_type)]
        return self._alike[pattern]

    def _header(self) -> dict[str, int]:
        names = next(self._parsed(io.StringIO(self._text, newline="")), [])
        if lacking := [name for name in NEEDED if name not in names]:
            raise self._broken(f"its header has no column {' or '.join(lacking)}")
        columns = {name: place for place, name in enumerate(names) if name in (*NEEDED, *OTHERS)}
        if len(columns) < sum(name in columns for name in names):
            raise self._broken("its header names a column twice")
        self._width = len(names)
        return columns

    def _rows_with(self, column: str, wanted: str, any_case: bool = False) -> list[Row]:
        key = column, any_case, wanted.casefold() if any_case else wanted
        if key not in self._kept:
            records = self._matching(wanted, column, any_case) if wanted else []
            self._kept[key] = [self._row(record) for record in records]
        return self._kept[key]

    def _matching(self, wanted: str, column: str, any_case: bool) -> list[list[str]]:
        """Return the records whose ``column`` is ``wanted``."""
        if any(mark in wanted for mark in '",\r\n'):
            return []  # no provider names anything so, and it could not be searched for
        text = self._text
        if any_case and not text.isascii():
            records = self._all_records()  # lower case may be of another length
        else:
            lines = list(_lines_with(text.lower() if any_case else text, wanted.lower() if any_case else wanted, text))
            if not lines:
                return []
            if self._lines_are_records is None:
                self._lines_are_records = _lines_are_records(text)
            records = self._parsed(iter(lines)) if self._lines_are_records else self._all_records()
            if self._lines_are_records and not text.endswith("\n") and lines[-1] == text[text.rfind("\n") + 1 :]:
                raise self._broken("its last line, which is of it, has no end: it may be half written")
        place = self._columns.get(column, self._width)
        if any_case:
            folded = wanted.casefold()
            return [each for each in records if len(each) > place and each[place].casefold() == folded]
        return [each for each in records if len(each) > place and each[place] == wanted]

    def _all_records(self) -> Iterator[list[str]]:
        if not self._text.endswith(("\n", "\r")):
            raise self._broken("its last line has no end: it may be half written")
        records = self._parsed(io.StringIO(self._text, newline=""))
        next(records, None)
        return records

    def _parsed(self, lines: Iterator[str]) -> Iterator[list[str]]:
        try:
            for record in csv.reader(lines, strict=True):
                if record:
                    yield record
        except csv.Error as error:
            raise self._broken(f"it is no CSV ({error})") from None

    def _row(self, record: list[str]) -> Row:
        if len(record) != self._width:
            raise self._broken(f"a row has {len(record)} fields where the header has {self._width}: {record[:3]}")
        columns = self._columns
        fields = [record[columns[name]] if name in columns else "" for name in (*NEEDED, *OTHERS)]
        kind, region, usd, zone, spot, gpu, gpus, vcpus, memory = fields
        prices = self._number(usd), self._number(spot)
        numbers = self._number(gpus), self._number(vcpus)
        return Row(kind, region, zone, *prices, gpu, *numbers, _memory(memory))

    def _number(self, text: str) -> float | None:
        """Return a number above 0; None for what says that there is none: nothing, 0, NaN or less."""
        if not text:
            return None
        try:
            number = float("not a number" if "_" in text else text)  # Python alone takes 1_000 for a number
        except ValueError:
            raise self._broken(f"{text[:40]!r} stands where a number is expected") from None
        return number if 0 < number < math.inf else None

    def _broken(self, why: str) -> PriceUnavailable:
        return PriceUnavailable(f"{self._name} can't be read: {why}")


def _memory(text: str) -> float | None:
    """Return GiB of memory; no price depends on it, so what is no number is none."""
    with suppress(ValueError):
        return float(text)
    return None


def _lines_with(searched: str, wanted: str, text: str) -> Iterator[str]:
    """Yield the lines of ``text`` in which ``wanted`` occurs, each once; ``searched`` is that text in lower case."""
    at = searched.find(wanted)
    while at >= 0:
        start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        end = len(text) if end < 0 else end
        if start:  # the first line is the header
            yield text[start:end]
        at = searched.find(wanted, end)


def _lines_are_records(text: str) -> bool:
    """Say whether every line is one record: no line break stands between quotes, and quotes stand around fields only.

    Between the first quote and the second is a field, between the second and the third what parts it from the next,
    and so on; two quotes in a field, which stand for one, leave an empty piece.
    """
    if text.count("\r") != text.count("\r\n"):
        return False
    pieces = text.split('"')
    if len(pieces) == 1:
        return True
    if len(pieces) % 2 == 0 or "\n" in "".join(pieces[1::2]):
        return False
    first, last = pieces[0], pieces[-1]
    return (
        (not first or first[-1] in ",\n")
        and (not last or last[0] in ",\r\n")
        and all(not piece or (piece[0] in ",\r\n" and piece[-1] in ",\n") for piece in pieces[2:-1:2])
    )


_loaded: dict[Path, tuple[tuple[int, ...], Catalog | PriceUnavailable]] = {}
"""What was read last from a path, with what told it apart then."""


def load(path: Path) -> Catalog:
    """Return the catalog in a file: from memory where it has not changed.

    Raises:
        PriceUnavailable: It can't be read or is no catalog; says why.
    """
    try:
        status = path.stat()
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        kept = _loaded.get(path)
        if kept is None or kept[0] != mark:
            kept = _loaded[path] = (mark, _read(path, status))
    except OSError as error:
        raise PriceUnavailable(f"{shown(path)} can't be read: {error.strerror}") from None
    if isinstance(kept[1], Catalog):
        return kept[1]
    raise PriceUnavailable(str(kept[1]))


def _read(path: Path, status: os.stat_result) -> Catalog | PriceUnavailable:
    if not stat.S_ISREG(status.st_mode):
        return PriceUnavailable(f"{shown(path)} can't be read: it is no file")
    if status.st_size > MAX_BYTES:
        return PriceUnavailable(f"{shown(path)} can't be read: it has more than {MAX_BYTES >> 20} MiB")
    try:
        return Catalog(path.read_bytes(), shown(path))
    except PriceUnavailable as error:
        return error


def shown(path: Path) -> str:
    """Return a path for a message, without the name of whose home it lies in."""
    home = os.path.expanduser("~")
    return f"~{str(path)[len(home) :]}" if str(path).startswith(home + os.sep) else str(path)
