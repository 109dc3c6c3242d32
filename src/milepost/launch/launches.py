"""What was launched from here: a task file and a note a run, in ``.milepost/launches``. No secret stands in either."""

from pathlib import Path

import msgspec

from milepost.errors import ConfigError, nearest
from milepost.files import write_whole
from milepost.launch.task import RunTask

FOLDER = Path(".milepost") / "launches"


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was launched.

    Attributes:
        run: Id of the run, and SkyPilot's name of its cluster or managed job.
        group: What it belongs to.
        seed: Its seed, where the launcher gave it.
        managed: Whether it is a managed job.
        secrets: Names of the secrets that it was given.
    """

    run: str
    group: str | None
    seed: int | None
    managed: bool
    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: RunTask) -> "Launched":
        """Return what is written down of a run's task."""
        secrets = tuple(sorted(task.secrets))
        return cls(run=task.run, group=task.group, seed=task.seed, managed=task.managed, secrets=secrets)

    @property
    def task_file(self) -> Path:
        """The SkyPilot task that it was launched with."""
        return FOLDER / f"{self.run}.yaml"


def keep(task: RunTask) -> Launched:
    """Write down a run that is about to be launched."""
    launched = Launched.of(task)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_whole(launched.task_file, task.as_yaml.encode())
    write_whole(FOLDER / f"{task.run}.json", msgspec.json.encode(launched))
    return launched


def find_launched(wanted: str | None = None) -> list[Launched]:
    """Return what was launched from here, the oldest first; one run, or the runs of a group, where one is wanted.

    Args:
        wanted: A run's id, the beginning of one that no two runs share, or a group.

    Raises:
        ConfigError: There is no such run; names the nearest.
    """
    paths = sorted(FOLDER.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    known = [_read(path) for path in paths]
    if wanted is None:
        return known
    for found in (
        [each for each in known if each.run == wanted],
        [each for each in known if each.group == wanted],
        [each for each in known if each.run.startswith(wanted)],
    ):
        if len(found) > 1 and found[0].group != wanted:
            raise ConfigError(
                f"RUN: found {len(found)} runs that begin with {wanted!r}: {', '.join(each.run for each in found[:5])}"
            )
        if found:
            return found
    runs = [each.run for each in known]
    hint = nearest(wanted, runs, most=3, cutoff=0.3) or f"; nearest: {', '.join(runs[-3:])}"
    hint = hint if runs else f"; none was launched from this folder ({FOLDER})"
    raise ConfigError(f"RUN: found no launch {wanted!r}{hint}")


def _read(path: Path) -> Launched:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Launched)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: expected the note of a launch, found: {error}; move it away") from None
