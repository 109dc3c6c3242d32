"""Which run this is: the same one after a preemption, another one for another training."""

import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from milepost.log import logger

GIT_SECONDS = 2.0
"""How long git may take to name the commit."""


def find_run_id(environ: Mapping[str, str] | None = None, name: str | None = None) -> tuple[str, bool]:
    """Return the run's id, where the program has not given it, and whether that is its job's: else it is a new one.

    SkyPilot's managed job keeps its number over preemptions, while the rest of ``SKYPILOT_TASK_ID`` may change
    (``sky-managed-<time>_<name>_<job>-<task>``). Slurm's number is the same after a requeue. torchrun's
    ``TORCHELASTIC_RUN_ID`` is no identity: without ``--rdzv-id`` it is another at each start, or ``none``. What the
    run is called is part of it: a job that trains twice may name its runs.
    """
    variables = os.environ if environ is None else environ
    for variable in ("MILEPOST_RUN_ID", "WANDB_RUN_ID"):
        if given := variables.get(variable, "").strip():
            return given, False
    named = f"-{name}" if name else ""
    if job := variables.get("SKYPILOT_MANAGED_JOB_ID", "").strip():
        task = re.fullmatch(r".*-(\d+)", variables.get("SKYPILOT_TASK_ID", ""))
        return f"sky-{job}-{task[1] if task else 0}{named}", True
    if job := variables.get("SLURM_JOB_ID", "").strip():
        return f"slurm-{job}{named}", True
    return new_run_id(), False


def new_run_id(name: str | None = None) -> str:
    """Return an id that no other run has, after its name where it has one."""
    return f"{f'{name}-' if name else ''}{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"


def find_group(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the run's group, where the program has not named it: ``MILEPOST_GROUP``, else W&B's."""
    variables = os.environ if environ is None else environ
    return variables.get("MILEPOST_GROUP") or variables.get("WANDB_RUN_GROUP") or None


def find_git_commit(folder: Path | None = None) -> str | None:
    """Return the commit of the code in a folder, None where git does not tell; takes `GIT_SECONDS` at most."""
    try:
        said = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        logger("tracked_run").debug("git names no commit: %s", error)
        return None
    commit = said.stdout.strip()
    return commit if re.fullmatch(r"[0-9a-f]{40,64}", commit) else None
