"""Logs of every format: damaged, they are read, refused or left out, and never in silence where the format could tell.

Whole, nothing of them is missed; what lies beside them is counted.

``MILEPOST_MUTATIONS=20000 pytest tests/histories/test_mutations.py`` tries more; ``make soak`` tries ten times as many.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("polars")

from milepost.errors import HistoryError
from milepost.histories import OWN
from milepost.replaying.replay import replay
from tests.histories.mutations import hunt, peak_bytes
from tests.histories.small_logs import BY_ADDRESS, SMALL

TRIALS = int(os.environ.get("MILEPOST_MUTATIONS") or (3000 if os.environ.get("MILEPOST_SOAK") == "1" else 300))

MOST_BYTES = 512 * 2**20
"""What reading small logs may add to the memory of this process, the libraries of all formats included."""


Written = Callable[[str], tuple[Path, Path | str]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what writes a format's log, once, and returns the folder and what is to be replayed of it."""
    known: dict[str, tuple[Path, Path | str]] = {}

    def write(format: str) -> tuple[Path, Path | str]:
        if format not in known:
            folder = tmp_path_factory.mktemp(format.replace(" ", "_")) / "log"
            folder.mkdir()
            known[format] = folder, SMALL[format].write(folder)
        return known[format]

    return write


def test_no_format_is_forgotten() -> None:
    formats = {name.partition(" ")[0] for name in SMALL}
    assert formats | BY_ADDRESS == OWN.keys()
    assert not formats & BY_ADDRESS


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", SMALL)
def test_damage_is_no_crash_no_hang_and_no_silence(format: str, written: Written) -> None:
    folder, where = written(format)
    before = peak_bytes()
    assert list(hunt(format, SMALL[format], range(TRIALS), folder, where)) == []
    assert peak_bytes() - before < MOST_BYTES


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", SMALL)
def test_nothing_of_a_log_is_missed_and_what_is_not_read_is_counted(
    format: str, written: Written, tmp_path: Path
) -> None:
    shutil.copytree(written(format)[0], tmp_path / "log")
    asked = [f"{SMALL[format].metric} >= 30"]
    (result,) = replay(tmp_path, thresholds=asked, price_per_hour=6.0, strict=True)
    assert result.status == "achieved"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "empty.csv").touch()
    (tmp_path / "other" / "train.kt").write_text("x = 1\n")
    left = replay(tmp_path, thresholds=asked, price_per_hour=6.0).left_out
    assert [(each.kind, each.files) for each in left if each.is_log] == [(".csv", 1)]
    assert [each.files for each in left if each.kind == ".kt"] == [1]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert sum(each.files for each in left) < len(files)
    with pytest.raises(HistoryError, match=r"empty\.csv: looks like a log"):
        replay(tmp_path, thresholds=asked, price_per_hour=6.0, strict=True)
