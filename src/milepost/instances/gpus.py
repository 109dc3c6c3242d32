"""The GPUs of this machine, by NVML or `nvidia-smi`: to check the instance against its table, and for own machines."""

import time
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from milepost.data import gpu_memory_gb, machines
from milepost.instances.environment import visible_gpus
from milepost.instances.probe import Probe, ProbeFailed
from milepost.money.instance import Instance
from milepost.providers.gpu_names import card_of, name_at


class GPUProbe(Probe):
    """Asks NVML (extra ``gpu``), and `nvidia-smi` where only that is there."""

    name: ClassVar[str] = "gpus"

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return how many this machine has, whatever ``CUDA_VISIBLE_DEVICES`` hides of them, and their one model.

        Virtual GPUs are parts of a card, so that their number is a fraction.

        Raises:
            ProbeFailed: There are no NVIDIA GPUs, or nobody tells.
        """
        try:
            source, products = "NVML", _by_nvml()
        except ProbeFailed as no_nvml:
            try:
                source, products = "nvidia-smi", _by_nvidia_smi(deadline)
            except ProbeFailed as no_program:
                raise ProbeFailed(f"{no_nvml}; {no_program}") from None
        if not products:
            raise ProbeFailed(f"{source} tells of none")
        cards = [card_of(product) for product in products]
        count = round(sum(card.part for card in cards), 3)
        model = cards[0].model if len({card.model for card in cards}) == 1 else None
        return Instance.known(source, gpus=int(count) if count.is_integer() else count, gpu=model)


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
    model = name_at(machine.provider, found.gpu) if found is not None and found.gpu else None
    # -MEGA is a network, of which NVIDIA's name of the card says nothing.
    if model in gpu_memory_gb() and model.casefold() != machine.gpu.removesuffix("-MEGA").casefold():
        return f"{what}, and this machine has {found.gpus if found else 'some'} × {model}"
    if machine.gpus < 1:
        return None
    visible = visible_gpus(environ["CUDA_VISIBLE_DEVICES"]) if "CUDA_VISIBLE_DEVICES" in environ else None
    count = visible if visible is not None else found.gpus if found is not None else None
    if count is None or count == machine.gpus:
        return None
    return f"{what}, and {count} {'is' if count == 1 else 'are'} visible here"


def named_as_at(provider: str | None, found: Instance | None) -> Instance | None:
    """Return what `GPUProbe` told, with the model as the machine's provider calls it."""
    if found is None or found.gpu is None:
        return found
    return msgspec.structs.replace(found, gpu=name_at(provider, found.gpu))


def _by_nvml() -> list[str]:
    """Return the product name of each GPU."""
    try:
        import pynvml
    except ImportError:
        raise ProbeFailed("nvidia-ml-py is not installed (pip install 'milepost[gpu]')") from None
    try:
        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(at) for at in range(pynvml.nvmlDeviceGetCount())]
            return [_text(pynvml.nvmlDeviceGetName(each)) for each in handles]
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError, OSError, AttributeError) as error:
        raise ProbeFailed(f"NVML: {error}") from None


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _by_nvidia_smi(deadline: float) -> list[str]:
    """Return the product name of each GPU; the memory beside it shows that the answer is what was asked for."""
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
    products: list[str] = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, memory = line.rpartition(",")
        if not name.strip() or not name.isprintable() or not memory.strip().isdecimal():
            raise ProbeFailed("nvidia-smi: its answer is not of the expected form")
        products.append(name)
    return products
