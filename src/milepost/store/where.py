"""Where runs are kept."""

from collections.abc import Mapping
from pathlib import Path

from milepost.config import Config

DEFAULT_STORE = ".milepost/milepost.db"
"""Where runs are kept, below the working directory, unless told otherwise."""


def store_of(named: str | Path | None, settings: Config, environ: Mapping[str, str]) -> str:
    """Return where a run is kept: a path, a URL or ``off``; the call's word before the environment's and the file's."""
    return str(named or environ.get("MILEPOST_STORE") or settings.store or DEFAULT_STORE)
