"""Trackers in an environment of their own, for tests of what they write."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-trackers" / "offline" / "bin" / "python"
SCRIPT = Path(__file__).parent / "environments" / "in_offline.py"

needs_trackers = pytest.mark.skipif(not PYTHON.is_file(), reason="make .venv-trackers/offline/.made")

Row = tuple[float, int, dict[str, float]]
"""When it was logged (Unix seconds), at which step, and what."""


def log(tracker: str, runs: Mapping[Path, Sequence[tuple[float, Sequence[Row]]]], **options: Any) -> None:
    """Have a tracker log runs, each into a folder: when each of its processes started, and its rows."""
    home = next(iter(runs)).parent / f"home-of-{tracker}"
    home.mkdir(parents=True, exist_ok=True)
    told = {
        "tracker": tracker,
        "options": options,
        "runs": {
            str(folder): [{"started_at": started_at, "rows": rows} for started_at, rows in processes]
            for folder, processes in runs.items()
        },
    }
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")} | {
        "HOME": str(home),
        "CLEARML_CACHE_DIR": str(home / "clearml"),
        "CLEARML_OFFLINE_MODE": "1",
        "COMET_LOGGING_CONSOLE": "ERROR",
        "DO_NOT_TRACK": "1",
        "DVC_NO_ANALYTICS": "1",
        "TZ": "UTC",
    }
    done = subprocess.run(
        [PYTHON, "-W", "ignore", SCRIPT],
        input=json.dumps(told),
        text=True,
        env=environ,
        cwd=home,
        capture_output=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr[-4000:]
