"""Text logs: a million lines, the whole command, against counting the lines that bear the metric."""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import Ratio, peak_bytes, side_by_side

LINES = 1_000_000


def of_a_long_log() -> Iterator[Ratio]:
    """`milepost replay` of a log as modded-nanoGPT writes it, against `grep -c val_loss` by a pipe."""
    with tempfile.TemporaryDirectory() as folder:
        log = _write(Path(folder) / "train.log", LINES)
        yield side_by_side(
            f"`milepost replay` of a text log of {LINES:,} lines, the process, against `grep -c val_loss` by a pipe",
            lambda: subprocess.run(_replay(log), check=True, capture_output=True),
            lambda: subprocess.run(["grep", "-c", "val_loss", str(log)], check=True, capture_output=True, env=_plain()),
            bound=15,
            rounds=7,
        )


def of_a_long_log_s_memory() -> Iterator[Ratio]:
    """Peak memory of replaying it, against a log of a fifth of its lines."""
    with tempfile.TemporaryDirectory() as folder:
        long, short = (_write(Path(folder) / f"{lines}.log", lines) for lines in (LINES, LINES // 5))
        name = f"peak memory of a replay of a text log of {LINES:,} lines against one of {LINES // 5:,}"
        yield Ratio(name, peak_bytes(_replay(long)), peak_bytes(_replay(short)), bound=1.2, of_memory=True)


def _write(path: Path, lines: int) -> Path:
    chance = random.Random(0)
    with path.open("w") as file:
        for step in range(lines):
            loss = 11 - 8 * step / lines + chance.gauss(0, 0.01)
            average = 147 + chance.random()
            file.write(f"step:{step}/{lines} val_loss:{loss:.4f} train_time:{step * 147}ms step_avg:{average:.2f}ms\n")
    return path


def _replay(log: Path) -> list[str]:
    return [sys.executable, "-m", "milepost", "replay", str(log), "--threshold", "val_loss <= 3.28", "--json"]


def _plain() -> dict[str, str]:
    return os.environ | {"LC_ALL": "C"}
