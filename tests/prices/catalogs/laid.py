"""Catalogs of SkyPilot's, laid out below the home of a test."""

import os
import shutil
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared"
SAMPLE = SHARED / "prices" / "skypilot"
FAULTS = SHARED / "samples" / "faults" / "catalogs"
needs_shared = pytest.mark.skipif(not SAMPLE.is_dir(), reason="the real prices are not beside the project")

HEADER = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone"


def folder() -> Path:
    """Where they lie; `SKY_RUNTIME_DIR` is each test's own."""
    return Path(os.environ["SKY_RUNTIME_DIR"]) / ".sky" / "catalogs" / "v8"


def lay_sample() -> None:
    """Lay the excerpts of the public catalog."""
    shutil.copytree(SAMPLE, folder())


def lay(cloud: str, *rows: str, header: str = HEADER) -> None:
    """Lay one cloud's catalog of these rows."""
    (folder() / cloud).mkdir(parents=True)
    (folder() / cloud / "vms.csv").write_text("\n".join((header, *rows)) + "\n")
