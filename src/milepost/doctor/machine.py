"""Machines that may vanish, that are not what they seem, or on which every rank would track."""

import os
from collections.abc import Iterator

from milepost.doctor.finding import Case, Finding

PROCESS_COUNTS = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Variables that say how many processes the run has: torchrun's, Slurm's, Open MPI's, MPICH's."""


def check(case: Case) -> Iterator[Finding]:
    """Look at the market, the ranks and the GPUs."""
    yield from _spot(case)
    yield from _ranks(case)
    if case.detection.misfit is not None:
        do = "Correct the instance type, or say what part of it the run is charged for (instance: {share: gpus})."
        yield Finding("warning", "gpus", f"{case.detection.misfit}.", do)


def _spot(case: Case) -> Iterator[Finding]:
    if case.detection.instance.market != "spot":
        return
    folder = case.checkpoints
    if folder is None:
        what = "this is a spot machine, and no checkpoint folder is named: what is not saved elsewhere is lost with it."
        do = "Name the folder (milepost doctor --checkpoints FOLDER), on a disk that outlives the machine."
        yield Finding("warning", "checkpoints", what, do)
    elif not folder.is_dir():
        what = f"this is a spot machine, and its checkpoint folder {folder} is not there: all work may be lost with it."
        yield Finding("error", "checkpoints", what, "Make the folder, or mount the disk that it is on.")
    elif not os.access(folder, os.W_OK | os.X_OK):
        what = f"this is a spot machine, and its checkpoint folder {folder} can't be written: all work may be lost."
        yield Finding("error", "checkpoints", what, "Make the folder writable.")


def _ranks(case: Case) -> Iterator[Finding]:
    if case.detection.rank_source != "default":
        return
    for name in PROCESS_COUNTS:
        processes = case.environ.get(name, "")
        if processes.isdecimal() and int(processes) > 1:
            yield Finding(
                "error",
                "ranks",
                f"{name} says {processes} processes, and none says which one this is: each would track, and the run "
                f"would be reckoned {processes} times.",
                "Set RANK in each process to its number from 0, or call milepost.track() in one of them only.",
            )
            return
