"""SkyPilot in its own environment, for tests: a process that answers about tasks, over catalogs in a private HOME."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sky" / "bin" / "python"
EXCERPTS = ROOT.parent / "shared" / "prices" / "skypilot"
"""Real rows of SkyPilot's public catalogs; read where they lie."""

HEADER = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone"
INFO = "\"{{'Gpus': [{{'Name': '{}', 'Count': {}, 'MemoryInfo': {{'SizeInMiB': 24576}}}}]}}\""
MACHINES = (
    # type, GPU, number, vCPUs, GiB, USD in us-east-1, USD in us-west-2, spot in both
    ("g5.xlarge", "A10G", 1, 4, 16, 1.006, 1.106, 0.402),
    ("g5.2xlarge", "A10G", 1, 8, 32, 1.212, 1.333, 0.485),
    ("g5.12xlarge", "A10G", 4, 48, 192, 5.672, 6.239, 2.269),
    ("g5.24xlarge", "A10G", 4, 96, 384, 8.144, 8.958, 3.258),
    ("g5.48xlarge", "A10G", 8, 192, 768, 16.288, 17.917, 6.515),
    ("g6.xlarge", "L4", 1, 4, 16, 0.8048, 0.8853, 0.322),
    ("m6i.2xlarge", "", 0, 8, 32, 0.384, 0.384, 0.154),
)
ZONES = {"us-east-1": "use1-az1", "us-west-2": "usw2-az1"}


def lay_catalogs(home: Path) -> None:
    """Lay out SkyPilot's catalogs below a home, as its user's own: no sums beside them."""
    folder = home / ".sky" / "catalogs" / "v8"
    (folder / "common").mkdir(parents=True)
    (folder / "aws").mkdir()
    rows = [HEADER]
    for kind, gpu, number, vcpus, gib, east, west, spot in MACHINES:
        for region, usd in (("us-east-1", east), ("us-west-2", west)):
            gpus = (gpu, f"{number}.0", vcpus, gib, INFO.format(gpu, number)) if gpu else ("", "", vcpus, gib, "")
            rows.append(",".join(map(str, (kind, *gpus, usd, spot, region, ZONES[region]))))
    (folder / "aws" / "vms.csv").write_text("\n".join(rows) + "\n")
    names = "AvailabilityZone,AvailabilityZoneName\n" + "".join(f"{z},{r}a\n" for r, z in ZONES.items())
    (folder / "aws" / "az_mappings-default.csv").write_text(names)
    (folder / "common" / "accelerators.csv").write_text("AcceleratorName,Clouds\nA10G,\"['AWS']\"\nL4,\"['AWS']\"\n")
    if (EXCERPTS / "lambda").is_dir():
        shutil.copytree(EXCERPTS / "lambda", folder / "lambda")
        with (folder / "common" / "accelerators.csv").open("a") as file:
            file.write("".join(f"{gpu},\"['Lambda']\"\n" for gpu in ("A10", "A100", "H100", "B200", "GH200")))


class SkyPilot:
    """The process; give it tasks.

    Args:
        home: A private HOME, with catalogs.
    """

    def __init__(self, home: Path) -> None:
        self.environ = environ_of(home)
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed below; a pipe that nobody reads may fill
        self._process = subprocess.Popen(
            [str(PYTHON), str(Path(__file__).with_name("in_skypilot.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=self.environ,
            cwd=ROOT,
            text=True,
        )
        clouds = ["aws", *(["lambda"] if (EXCERPTS / "lambda").is_dir() else [])]
        self.facts = self._ask({"enable": clouds})

    def read(self, task: str, *, secrets: Mapping[str, str] = {}, **asked: Any) -> dict[str, Any]:
        """Have it read a task, as YAML; what is wrong raises."""
        said = self._ask({"task": task, "secrets": dict(secrets), **asked})
        assert "error" not in said, said["error"]
        return said

    def load(self, text: str) -> list[dict[str, Any]]:
        """Have it read a task file of one or several tasks; what is wrong raises."""
        said = self._ask({"load": text})
        assert "error" not in said, said["error"]
        found: list[dict[str, Any]] = said["tasks"]
        return found

    def refusal(self, task: str) -> str:
        """Return why it refuses a task."""
        return str(self._ask({"task": task}).get("error"))

    def close(self) -> None:
        self._process.communicate(timeout=60)
        self._said.close()

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(timeout=60)
            self._said.seek(0)
            raise AssertionError(self._said.read())
        found: dict[str, Any] = json.loads(line)
        return found


def environ_of(home: Path) -> dict[str, str]:
    """Return the variables of a SkyPilot that is at home there, and talks to nobody."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SKY", "MILEPOST_", "AWS_"))}
    return own | {
        "HOME": str(home),
        "SKY_RUNTIME_DIR": str(home),
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        "SKYPILOT_DISABLE_LOCAL_API_SERVER": "1",
    }


needs_skypilot = pytest.mark.skipif(
    not PYTHON.exists(), reason="SkyPilot's environment is not made: make test makes it"
)
