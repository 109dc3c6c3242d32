"""What Guild AI tells of a run beside its event files: https://my.guild.ai/t/run-files-and-directories.

``.guild/attrs/`` has a file for each attribute, YAML. The scalars that Guild takes from a program's output lie in event
files in ``.guild``; their events bear no time, so that the run's own is all there is.
"""

from typing import Any

from milepost.errors import HistoryError
from milepost.histories.decoding.files import read_whole
from milepost.histories.decoding.folder_files import above, beside

FOLDER = ".guild"
MAX_BYTES = 2**16
MICROSECOND = 1e-6
ATTRIBUTES = ("flags", "random_seed", "started", "stopped")
PLAIN = (int, float, str, bool)


def guild_facts(event_file: str) -> dict[str, Any]:
    """Return what is told of the run whose scalars a file holds, as `History` has it; nothing of what is not Guild's.

    Args:
        event_file: The path of an event file.
    """
    if above(event_file).rpartition("/")[2] != FOLDER or not isinstance(run := _attribute(event_file, "id"), str):
        return {}
    flags, seed, started, stopped = (_attribute(event_file, name) for name in ATTRIBUTES)
    flags = flags if isinstance(flags, dict) else {}
    config = {str(name): value for name, value in flags.items() if isinstance(value, PLAIN)}
    found: dict[str, Any] = {"run": run, "config": config, "seed": config.get("seed")}
    if not isinstance(found["seed"], int):
        found["seed"] = seed if isinstance(seed, int) else None
    if isinstance(started, int):
        found["started_at"] = started * MICROSECOND
        if isinstance(stopped, int) and stopped > started:
            found["run_seconds"] = (stopped - started) * MICROSECOND
    return found


def _attribute(event_file: str, name: str) -> Any:
    """Return an attribute; None where it is not there, or no YAML."""
    import yaml

    try:
        return yaml.safe_load(read_whole(beside(event_file, f"attrs/{name}"), MAX_BYTES))
    except (HistoryError, yaml.YAMLError, ValueError, RecursionError):
        return None
