"""Archives as folders: what is read of them, and what never is."""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from milepost.histories.decoding import archives
from milepost.histories.decoding.files import opened
from milepost.replaying.replay import replay
from tests.histories.helpers import logs_of, skipped_of


def table(reach: int = 40) -> bytes:
    rows = (f"{n * 1000},{n},{n * 60}\n" for n in range(1, reach + 1))
    return ("samples,reward,elapsed_seconds\n" + "".join(rows)).encode()


RUNS = {
    "runs/seed_1/log.csv": table(),
    "runs/seed_2/log.csv.gz": gzip.compress(table()),
    "top.jsonl": b"".join(b'{"samples":%d,"reward":%d}\n' % (n * 1000, n) for n in range(1, 41)),
    "README.md": b"# Runs\n",
}
KINDS = ["zip", "tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "tar.zst"]


def packed(folder: Path, kind: str, members: Mapping[str, bytes], name: str = "all") -> Path:
    path = folder / f"{name}.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for member, data in members.items():
                file.writestr(member, data)
        return path
    how = {"tar": "w", "tgz": "w:gz", "tar.zst": "w"}.get(kind, f"w:{kind.rpartition('.')[2]}")
    with tarfile.open(path, how) as tar:  # type: ignore[call-overload]
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    if kind == "tar.zst":
        pyarrow = pytest.importorskip("pyarrow")
        path.write_bytes(pyarrow.compress(path.read_bytes(), codec="zstd", asbytes=True))
    return path


def reached(*paths: Path | str) -> dict[str, int | None]:
    results = replay([str(path) for path in paths], thresholds=["reward >= 30"])
    return {str(result.run): result.samples_to_threshold for result in results}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [archives.KEPT_BYTES, 10])
def test_members_are_read_as_if_the_archive_were_a_folder(
    tmp_path: Path, kind: str, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "KEPT_BYTES", kept)
    archives._kept.cache_clear()
    path = packed(tmp_path, kind, RUNS)
    expected = {"runs/seed_1/log": 30_000, "runs/seed_2/log": 30_000, "top": 30_000}
    before = sorted(tmp_path.rglob("*"))
    assert reached(path) == expected
    assert reached(tmp_path) == {f"{path.name}/{run}": samples for run, samples in expected.items()}
    assert reached(f"{path}/runs") == {"seed_1/log": 30_000, "seed_2/log": 30_000}
    assert reached(f"{path}/runs/seed_1/log.csv") == {"log": 30_000}
    assert reached(f"{tmp_path}/*.{kind}").keys() == {f"{path.name}/{run}" for run in expected}
    assert sorted(tmp_path.rglob("*")) == before
    assert [each.path for each in skipped_of(path)] == [f"{path}/README.md"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_lead_out_are_no_members(tmp_path: Path, kind: str) -> None:
    (tmp_path / "evil.csv").write_bytes(table())
    inside = tmp_path / "in"
    inside.mkdir()
    names = ["../evil.csv", "/evil.csv", "a/../../evil.csv", "a/./b.csv", "..\\evil.csv", "a//b.csv"]
    path = packed(inside, kind, {**dict.fromkeys(names, table()), "good.csv": table()})
    assert reached(path) == {"good": 30_000}
    with pytest.raises(HistoryError), opened(f"{path}/../../evil.csv") as file:
        file.read()


def test_links_and_devices_are_no_members(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_bytes(table())
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        for at, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)):
            info = tarfile.TarInfo(f"{at}.csv")
            info.type, info.linkname = kind, str(tmp_path / "secret.csv")
            tar.addfile(info)
    with pytest.raises(HistoryError, match="found no log of a known format, but nothing"):
        reached(tmp_path / "all.tar")
    assert logs_of(tmp_path)[0].files == (str(tmp_path / "secret.csv"),)


def test_a_model_is_one_thing_that_is_not_read(tmp_path: Path) -> None:
    packed(tmp_path, "zip", {"data": b"{}", "policy.pth": b"PK\x03\x04", "version": b"2.0"}, "model")
    (tmp_path / "log.csv").write_bytes(table())
    assert [os.path.basename(each.path) for each in skipped_of(tmp_path)] == ["model.zip"]


def test_archives_within_archives_are_not_looked_into(tmp_path: Path) -> None:
    inner = packed(tmp_path, "zip", RUNS, "inner").read_bytes()
    path = packed(tmp_path, "zip", {"inner.zip": inner, "log.csv": table()}, "outer")
    assert reached(path) == {"log": 30_000}


def test_archives_that_are_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_BYTES", 2**20)
    path = packed(tmp_path, "zip", {"log.csv": table() + b"\n" * 2**24}, "bomb")
    monkeypatch.setattr(archives, "MOST_TIMES", 100)
    with pytest.raises(HistoryError, match="expected logs"):
        reached(path)


def test_archives_of_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    for kind in ("zip", "tar.gz"):
        with pytest.raises(HistoryError, match="more than 2 members"):
            reached(packed(tmp_path, kind, RUNS, "many"))


def test_long_headers_of_a_tar_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.tar.gz"
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2**30
    path.write_bytes(gzip.compress(info.tobuf() + b"\0" * 2**22))
    with pytest.raises(HistoryError):
        reached(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.zst"])
def test_broken_archives_are_said(tmp_path: Path, kind: str) -> None:
    whole = packed(tmp_path, kind, RUNS).read_bytes()
    for at in range(6, len(whole), max(1, len(whole) // 8)):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            path = tmp_path / f"{at}-{len(data)}.{kind}"
            path.write_bytes(data)
            try:
                found = reached(path)
            except HistoryError:
                continue
            if kind not in ("tar", "tar.zst"):  # these have no checksum of what they hold
                assert set(found.values()) <= {30_000, None}


def test_parquet_in_an_archive_says_what_to_do(tmp_path: Path) -> None:
    import polars

    polars.DataFrame({"samples": [1], "reward": [1.0]}).write_parquet(tmp_path / "log.parquet")
    path = packed(tmp_path, "zip", {"log.parquet": (tmp_path / "log.parquet").read_bytes()})
    with pytest.raises(HistoryError, match="in an archive, from which Parquet is not read; unpack it"):
        reached(path)
