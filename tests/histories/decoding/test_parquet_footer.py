"""Footers that contradict themselves: pyarrow would end the process over them."""

import io
from pathlib import Path

import pytest

pyarrow = pytest.importorskip("pyarrow")

from pyarrow import parquet  # noqa: E402

from milepost.errors import HistoryError  # noqa: E402
from milepost.histories.decoding.parquet_footer import is_sound  # noqa: E402
from tests.histories.helpers import read  # noqa: E402

NESTED = {
    "samples": [1, 2, 3],
    "loss": [0.5, None, 0.25],
    "config": [{"lr": 0.1, "sizes": [1, 2]}] * 3,
    "name": ["a", "b", "c"],
    "raw": [b"123"] * 3,
}


def _written(**options: object) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(NESTED), file, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"row_group_size": 1}, {"write_page_index": True}, {"version": "1.0"}])
def test_whole_ones_agree(options: dict[str, object]) -> None:
    assert is_sound(io.BytesIO(_written(**options)))


def test_a_type_that_is_not_the_schema_s_is_no_file(tmp_path: Path) -> None:
    """Of the compact protocol, ``0x15 0x04`` is a struct's first field, an i32, 2: INT64; ``0x15 0x0a``: DOUBLE."""
    data = _written(use_dictionary=False)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    places = [at for at in range(footer, len(data) - 8) if data[at : at + 2] == b"\x15\x04"]
    assert len(places) > 1
    refused = 0
    for at in places:
        changed = data[: at + 1] + b"\x0a" + data[at + 2 :]
        if is_sound(io.BytesIO(changed)):
            continue  # was no type of a column
        refused += 1
        (tmp_path / "log.parquet").write_bytes(changed)
        with pytest.raises(HistoryError, match=r"its footer contradicts itself|is no whole Parquet file"):
            read(tmp_path / "log.parquet")
    assert refused >= 2  # in the schema, and in the chunk


@pytest.mark.parametrize("at", [0, 1, 9, 40, 200])
def test_what_is_cut_short_is_none(at: int) -> None:
    assert not is_sound(io.BytesIO(_written()[:at]))
