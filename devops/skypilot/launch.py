#!/usr/bin/env python3
"""``./devops/skypilot/launch.py TASK key=value … --nodes N``: the same program as ``milepost launch``."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"

if importlib.util.find_spec("milepost") is None:
    if not PYTHON.exists() or Path(sys.executable) == PYTHON:
        sys.exit("launch.py: found no milepost here, expected it: pip install --editable .")
    os.execv(PYTHON, [str(PYTHON), __file__, *sys.argv[1:]])

from milepost.cli import main  # noqa: E402 - what comes before finds it

sys.argv[1:1] = ["launch"]
main()
