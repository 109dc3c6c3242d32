"""The GPUs of this machine, by NVML or `nvidia-smi`: to check the instance against its table, and for own machines."""

import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from milepost.data import machines
from milepost.instances.environment import visible_gpus
from milepost.instances.probe import Probe, ProbeFailed
from milepost.money.instance import Instance

MODELS = {
    "A10G": r"A10G",
    "A10": r"A10",
    "A6000": r"RTX A6000",
    "A100-80GB": r"A100.*80GB",
    "A100": r"A100.*40GB",
    "H100": r"H100(?!.*NVL)",
    "H200": r"H200",
    "B200": r"B200",
    "B300": r"B300",
    "GH200": r"GH200",
    "L4": r"L4",
    "L40S": r"L40S",
    "T4": r"T4",
    "V100-32GB": r"V100.*32GB",
    "V100": r"V100.*16GB",
    "P100": r"P100",
    "K80": r"K80",
    "RTX6000": r"(Quadro )?RTX 6000",
}
"""Models as the tables name them, and what NVIDIA's product names of them hold:
https://docs.nvidia.com/datacenter/tesla/drivers/supported-drivers-and-cuda-toolkit-versions.html"""


class GPUs(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has, whatever ``CUDA_VISIBLE_DEVICES`` hides of it.

    Attributes:
        count: How many.
        model: As the tables name it; NVIDIA's own name where they don't; None where there are several models.
        memory_gib: Of one of them.
        source: Who told.
    """

    count: int
    model: str | None
    memory_gib: float | None
    source: str


Rows = list[tuple[str, float | None]]
"""Product name and memory (GiB) of each GPU."""


class GPUProbe(Probe):
    """Asks NVML (extra ``gpu``), and `nvidia-smi` where only that is there."""

    name: ClassVar[str] = "gpus"

    def why_not(self, environ: Mapping[str, str]) -> str | None:
        """Nothing forbids it."""
        return None

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return count and model.

        Raises:
            ProbeFailed: There are no NVIDIA GPUs, or nobody tells.
        """
        found = find_gpus(deadline)
        return Instance.known(found.source, gpus=found.count, gpu=found.model)


def find_gpus(deadline: float) -> GPUs:
    """Return the GPUs of this machine.

    Args:
        deadline: When to give up, by `time.monotonic`.

    Raises:
        ProbeFailed: There are none, or nobody tells; says why.
    """
    try:
        source, rows = "NVML", _by_nvml()
    except ProbeFailed as no_nvml:
        try:
            source, rows = "nvidia-smi", _by_nvidia_smi(deadline)
        except ProbeFailed as no_program:
            raise ProbeFailed(f"{no_nvml}; {no_program}") from None
    if not rows:
        raise ProbeFailed(f"{source} tells of none")
    names = {name for name, _ in rows}
    memory = {memory for _, memory in rows}
    return GPUs(
        count=len(rows),
        model=model_of(names.pop()) if len(names) == 1 else None,
        memory_gib=memory.pop() if len(memory) == 1 else None,
        source=source,
    )


def model_of(product: str) -> str:
    """Return what the tables call a product, such as ``A100-80GB`` for ``NVIDIA A100-SXM4-80GB``."""
    name = re.sub(r"^(NVIDIA|Tesla|GeForce)\s+", "", re.sub(r"^NVIDIA\s+", "", product.strip()))
    for model, pattern in MODELS.items():
        if re.match(rf"{pattern}(?![A-Za-z0-9])", name):
            return model
    return name


def misfit(instance: Instance, found: Instance | None, environ: Mapping[str, str]) -> str | None:
    """Say in a sentence how the GPUs here don't fit what the instance's type has; None where they do.

    What the machine has is held against its type, and so is what ``CUDA_VISIBLE_DEVICES`` leaves of it: a type with
    four GPUs of which the run may use one is paid for whole, unless a ``share`` says otherwise.

    Args:
        instance: What the node is taken for.
        found: What `GPUProbe` told of it.
        environ: Environment variables.
    """
    machine = machines().get(instance.instance_type or "")
    if machine is None or machine.gpus == 0 or (instance.share or 1.0) < 1:
        return None
    what = f"a {machine.instance_type} has {machine.gpus} × {machine.gpu}"
    model = found.gpu if found is not None else None
    if model in MODELS and model != machine.gpu.removesuffix("-MEGA"):  # which NVIDIA calls by no name of its own
        return f"{what}, and this machine has {found.gpus if found else 'some'} × {model}"
    visible = visible_gpus(environ["CUDA_VISIBLE_DEVICES"]) if "CUDA_VISIBLE_DEVICES" in environ else None
    count = visible if visible is not None else found.gpus if found is not None else None
    if count is None or count == machine.gpus:
        return None
    return f"{what}, and {count} {'is' if count == 1 else 'are'} visible here"


def _by_nvml() -> Rows:
    try:
        import pynvml
    except ImportError:
        raise ProbeFailed("nvidia-ml-py is not installed (pip install 'milepost[gpu]')") from None
    try:
        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(at) for at in range(pynvml.nvmlDeviceGetCount())]
            return [(_text(pynvml.nvmlDeviceGetName(each)), _gib(pynvml, each)) for each in handles]
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError, OSError, AttributeError) as error:
        raise ProbeFailed(f"NVML: {error}") from None


def _gib(pynvml: Any, handle: Any) -> float:
    return round(float(pynvml.nvmlDeviceGetMemoryInfo(handle).total) / 2**30, 1)


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _by_nvidia_smi(deadline: float) -> Rows:
    import shutil
    import subprocess

    program = shutil.which("nvidia-smi")
    if program is None:
        raise ProbeFailed("there is no nvidia-smi")
    asked = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(asked, capture_output=True, timeout=max(0.0, deadline - time.monotonic()), check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ProbeFailed(f"nvidia-smi: {type(error).__name__}") from None
    rows: Rows = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, memory = line.rpartition(",")
        if not name.strip() or not name.isprintable() or not memory.strip().isdecimal():
            raise ProbeFailed("nvidia-smi: its answer is not of the expected form")
        rows.append((name, round(int(memory) / 1024, 1)))
    return rows
