"""Damaged logs of every format: read, refused or left out, and never in silence where the format could tell.

``MILEPOST_MUTATIONS=20000 pytest tests/histories/test_mutations.py`` tries more; ``make soak`` tries ten times as many.
"""

import os
from pathlib import Path

import pytest

pytest.importorskip("polars")

from milepost.histories import OWN
from tests.histories.mutations import hunt, peak_bytes
from tests.histories.small_logs import BY_ADDRESS, SMALL

TRIALS = int(os.environ.get("MILEPOST_MUTATIONS") or (3000 if os.environ.get("MILEPOST_SOAK") == "1" else 300))

MOST_BYTES = 512 * 2**20
"""What reading small logs may add to the memory of this process, the libraries of all formats included."""


def test_no_format_is_forgotten() -> None:
    formats = {name.partition(" ")[0] for name in SMALL}
    assert formats | BY_ADDRESS == OWN.keys()
    assert not formats & BY_ADDRESS


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", SMALL)
def test_damage_is_no_crash_no_hang_and_no_silence(format: str, tmp_path: Path) -> None:
    (folder := tmp_path / "log").mkdir()
    before = peak_bytes()
    assert list(hunt(format, SMALL[format], range(TRIALS), folder)) == []
    assert peak_bytes() - before < MOST_BYTES
