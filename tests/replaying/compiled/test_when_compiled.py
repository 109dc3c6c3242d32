"""Compiled code takes over where it is worth it, and nobody can tell from the answers."""

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

polars = pytest.importorskip("polars")
pytest.importorskip("numba")

from milepost.replaying.compiled import bulk, when_compiled  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from milepost.tracking.thresholds import PerformanceThreshold  # noqa: E402

THRESHOLDS = [
    PerformanceThreshold("high", "m", 1.2, smoothing_factor=0.1),
    PerformanceThreshold("low", "m", -1.2, "<", smoothing_factor=0.3, confirm=3),
    PerformanceThreshold("raw", "n", 3.5, smoothing_factor=1.0),
]
CHANNELS = 3


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each chunk had that compiled code took; nothing has been replayed as yet."""
    monkeypatch.setattr(when_compiled._Seen, "points", 0)
    chunks: list[int] = []
    take_all = bulk.take_all

    def counted(feed: object, updates: object) -> None:
        chunks.append(len(updates))  # type: ignore[arg-type]
        take_all(feed, updates)  # type: ignore[arg-type]

    monkeypatch.setattr(bulk, "take_all", counted)
    return chunks


def write(path: Path, rows: int) -> Path:
    chance = random.Random(rows)
    columns = {
        "samples": [16 * at for at in range(rows)],
        "elapsed_seconds": [0.5 * at for at in range(rows)],
        "m": [chance.gauss(2 * math.sin(at / 900), 1) if at % 50 else math.nan for at in range(rows)],
        "n": [chance.gauss(0, 1) for _ in range(rows)],
    }
    polars.DataFrame(columns).write_parquet(path)
    return path


def told(path: Path) -> list[str]:
    return [repr(result) for result in replay(path, thresholds=THRESHOLDS)]


@pytest.mark.parametrize("points", [when_compiled.WORTH_POINTS - CHANNELS, when_compiled.WORTH_POINTS + CHANNELS])
def test_a_long_run_is_compiled_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: list[int], points: int
) -> None:
    path = write(tmp_path / "log.parquet", points // CHANNELS)
    found = told(path)
    assert bool(taken) is (points >= when_compiled.WORTH_POINTS)
    monkeypatch.setattr(when_compiled, "WORTH_AT_ONCE", math.inf)
    assert found == told(path)


def test_short_runs_are_compiled_codes_once_there_were_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: list[int]
) -> None:
    rows = [when_compiled.WORTH_AT_ONCE // CHANNELS + more for more in (-1, 0, 1, 2)]
    paths = [write(tmp_path / f"{count}.parquet", count) for count in rows]
    before = [told(path) for path in paths]
    assert not taken
    monkeypatch.setattr(when_compiled._Seen, "points", when_compiled.WORTH_POINTS)
    assert [told(path) for path in paths] == before
    assert taken == [count for count in rows if count * CHANNELS >= when_compiled.WORTH_AT_ONCE]


def test_small_work_loads_no_compiler(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("samples,elapsed_seconds,m\n" + "".join(f"{at},{at},{at}\n" for at in range(500)))
    code = (
        "import sys; from milepost.replaying.replay import replay; "
        f"replay({str(log)!r}, thresholds=['m >= 3']); "
        "assert 'polars' in sys.modules; print(sorted({'numba', 'pyarrow', 'ray', 'sqlalchemy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
