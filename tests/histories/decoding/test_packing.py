"""Packed files: every packing, cut short or broken anywhere, and bombs."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from milepost.histories.decoding import packing
from milepost.histories.decoding.files import head_of, opened, stem, without_packing
from milepost.replaying.replay import replay
from tests.histories.helpers import column, one, skipped_of


def zstd(data: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    return bytes(pyarrow.compress(data, codec="zstd", asbytes=True))


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": lambda data: bz2.compress(data, 1),
    "zst": zstd,
}
TABLE = b"samples,loss\n" + b"".join(b"%d,%d\n" % (n, n * n * n % 7919) for n in range(1, 30_001))
LINES = b"".join(b'{"samples":%d,"loss":%d}\n' % (n, n) for n in range(1, 1001))
STATE = b'{"log_history":[{"loss":1.0,"step":10},{"loss":0.5,"step":20}],"global_step":20,"max_steps":20}'


@pytest.mark.parametrize("suffix", PACK)
def test_formats_of_text_are_read_packed(tmp_path: Path, suffix: str) -> None:
    for name, data in (("a.csv", TABLE[:9000]), ("b.jsonl", LINES), ("trainer_state.json", STATE)):
        (tmp_path / f"{name}.{suffix}").write_bytes(PACK[suffix](data))
    assert column(one(tmp_path / f"a.csv.{suffix}"), "samples")[:3] == [1, 2, 3]
    assert column(one(tmp_path / f"b.jsonl.{suffix}"), "loss") == list(map(float, range(1, 1001)))
    assert not skipped_of(tmp_path / f"a.csv.{suffix}")


@pytest.mark.parametrize("suffix", PACK)
def test_places_can_be_gone_back_to(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(PACK[suffix](TABLE) + PACK[suffix](b"again"))
    with opened(str(path)) as file:
        assert file.read() == TABLE + b"again"
        file.seek(100_000)
        assert file.read(10) == TABLE[100_000:100_010]
        file.seek(20)
        assert file.read(10) == TABLE[20:30]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("part", [0.7, 0.99])
def test_what_is_cut_short_is_read_as_far_as_it_goes(
    tmp_path: Path, suffix: str, part: float, caplog: pytest.LogCaptureFixture
) -> None:
    packed = PACK[suffix](TABLE)
    path = tmp_path / f"log.csv.{suffix}"
    path.write_bytes(packed[: int(part * len(packed))])
    found = column(one(path), "samples")
    assert found == list(range(1, len(found) + 1))
    assert 0.3 * part < len(found) / 30_000 < 1
    assert "its packed stream is cut short; read what there is" in caplog.text


@pytest.mark.parametrize("suffix", ["bz2", "xz", "zst"])
def test_what_holds_nothing_that_can_be_read_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.csv.{suffix}"
    path.write_bytes(PACK[suffix](TABLE)[:30])
    with pytest.raises(HistoryError, match=r"cut short|can't be read"):
        replay(path, thresholds=["loss <= 1"])


@pytest.mark.parametrize("suffix", PACK)
def test_any_broken_byte_is_said_or_harmless(tmp_path: Path, suffix: str) -> None:
    packed = bytearray(PACK[suffix](TABLE[:20_000]))
    for at in range(0, len(packed), max(1, len(packed) // 20)):
        path = tmp_path / f"{at}.csv.{suffix}"
        path.write_bytes(packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :])
        with suppress(HistoryError), opened(str(path)) as file:
            file.read()
        with suppress(HistoryError), path.open("rb") as raw:
            head_of(raw, str(path))


@pytest.mark.parametrize("suffix", PACK)
def test_bombs_are_refused(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "ALWAYS_BYTES", 2**20)
    monkeypatch.setattr(packing, "MOST_TIMES", 100)
    path = tmp_path / f"log.csv.{suffix}"
    path.write_bytes(PACK[suffix](b"samples,loss\n" + b"\n" * 2**25))
    with pytest.raises(HistoryError, match="more than 100 times as much"):
        one(path)


def test_an_xz_stream_may_not_ask_for_more_memory_than_a_log_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MOST_MEMORY", 2**20)
    path = tmp_path / "log.csv.xz"
    path.write_bytes(lzma.compress(TABLE, preset=9))
    with pytest.raises(HistoryError, match="can't be read"):
        one(path, format="csv")


def test_names_without_what_packed_them() -> None:
    names = ["a.csv.gz", "a.CSV.ZST", "a.b.jsonl.xz", "x.bz2", ".gz", "log"]
    assert [without_packing(name) for name in names] == ["a.csv", "a.CSV", "a.b.jsonl", "x", ".gz", "log"]
    assert [stem(name) for name in names] == ["a", "a", "a.b", "x", ".gz", "log"]
