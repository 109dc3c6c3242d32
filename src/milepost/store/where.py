"""Where runs are kept."""

import os
from collections.abc import Mapping
from pathlib import Path

DEFAULT_STORE = ".milepost/milepost.db"
"""Where runs are kept, below the working directory, unless told otherwise."""


def store_of(named: str | Path | None, configured: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return where a run is kept: a path, a URL or ``off``; the call's word before the environment's and the file's."""
    return str(named or environ.get("MILEPOST_STORE") or configured or DEFAULT_STORE)
