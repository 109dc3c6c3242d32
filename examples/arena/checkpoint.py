"""A checkpoint: the file from which a run goes on as if it had never stopped."""

import os
import pickle
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

VERSION = 2


class CheckpointError(Exception):
    """A checkpoint can't be read, or belongs to another run; the message says which file and why."""


class Checkpoint(TypedDict):
    """What a checkpoint holds.

    Attributes:
        version: Of this layout.
        seed: The run's; the maps still to come are drawn from it.
        num_envs: The run's; samples and episodes are counted in it.
        agent_steps: Samples so far, a whole number of episodes.
        model: The policy's parameters.
        optimizer: The optimizer's state.
        generators: States of the generators that actions and the order of samples are drawn from, by rank.
        tracked_run: The tracked run's ``state_dict()``, as JSON: torch loads no other types safely.
        run_id: Id of the tracked run.
        wandb_run_id: Id of the run in W&B; None where that is off.
    """

    version: int
    seed: int
    num_envs: int
    agent_steps: int
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    generators: Tensor
    tracked_run: str
    run_id: str | None
    wandb_run_id: str | None


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in place of the one before: whole or, if the process dies on the way, not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, without running any code that a file may hold (``weights_only``).

    Raises:
        CheckpointError: There is no such file, or it is no checkpoint of this layout.
    """
    try:
        checkpoint: Checkpoint = torch.load(path, weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found: {error.strerror}") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: expected a checkpoint, found a file that torch can't read") from error
    found = checkpoint.get("version") if isinstance(checkpoint, dict) else None
    if found != VERSION:
        raise CheckpointError(f"{path}: expected a checkpoint of version {VERSION}, found version {found}")
    return checkpoint
