"""GPUs by NVML and by a real program in the place of nvidia-smi."""

import sys
import time
from pathlib import Path

import pytest

from milepost.instances.gpus import GPUProbe, misfit, named_as_at
from milepost.instances.probe import ProbeFailed
from milepost.money.instance import Instance


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a program in the place of nvidia-smi, and NVML out of reach."""
    file = folder / "nvidia-smi"
    file.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setitem(sys.modules, "pynvml", None)


def test_program_tells_count_and_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "print('Tesla T4, 15360\\nTesla T4, 15360')")
    told = GPUProbe().ask({}, time.monotonic() + 20)
    assert (told.gpus, told.gpu, told.sources) == (2, "T4", {"gpus": "nvidia-smi", "gpu": "nvidia-smi"})


def test_several_models_have_no_common_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "print('Tesla T4, 15360\\nNVIDIA L4, 23034')")
    told = GPUProbe().ask({}, time.monotonic() + 20)
    assert (told.gpus, told.gpu) == (2, None)


def test_virtual_gpu_counts_as_a_part_of_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "print('NVIDIA A10-4Q, 4096')")
    told = GPUProbe().ask({}, time.monotonic() + 20)
    assert (told.gpus, told.gpu) == (0.167, "A10")
    program(tmp_path, monkeypatch, "print('NVIDIA H100 PCIe, 81559')")
    told = GPUProbe().ask({}, time.monotonic() + 20)
    assert (told.gpus, told.gpu) == (1, "H100-PCIE")
    assert [getattr(named_as_at(each, told), "gpu", None) for each in ("aws", "runpod", None)] == ["H100"] * 3


@pytest.mark.parametrize(
    ("body", "seconds", "said"),
    [
        ("sys.exit(9)", 20.0, "CalledProcessError"),
        ("time.sleep(60)", 0.3, "TimeoutExpired"),
        ("print('<html>')", 20.0, "not of the expected form"),
        ("print('Tesla T4, many')", 20.0, "not of the expected form"),
        ("sys.stdout.buffer.write(b'\\x00\\xff, 3')", 20.0, "not of the expected form"),
        ("pass", 20.0, "nvidia-smi tells of none"),
    ],
)
def test_program_that_tells_nothing_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, seconds: float, said: str
) -> None:
    program(tmp_path, monkeypatch, body)
    with pytest.raises(ProbeFailed, match=said):
        GPUProbe().ask({}, time.monotonic() + seconds)


def test_machine_without_nvidia_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pynvml = pytest.importorskip("pynvml")
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        with pytest.raises(ProbeFailed, match=r"NVML: .*; there is no nvidia-smi"):
            GPUProbe().ask({}, time.monotonic() + 20)
    else:
        assert GPUProbe().ask({}, time.monotonic() + 20).sources["gpus"] == "NVML"


G5 = Instance(instance_type="g5.12xlarge")


@pytest.mark.parametrize(
    ("instance", "found", "environ", "said"),
    [
        (G5, Instance(gpus=4, gpu="A10G"), {}, None),
        (G5, Instance(gpus=1, gpu="A10G"), {}, "a g5.12xlarge has 4 × A10G, and 1 is visible here"),
        (G5, Instance(gpus=4, gpu="A10G"), {"CUDA_VISIBLE_DEVICES": "0"}, "and 1 is visible here"),
        (G5, None, {"CUDA_VISIBLE_DEVICES": "0,1"}, "and 2 are visible here"),
        (G5, None, {"CUDA_VISIBLE_DEVICES": ""}, "and 0 are visible here"),
        (G5, None, {}, None),
        (G5, Instance(gpus=4, gpu="L4"), {}, "and this machine has 4 × L4"),
        (G5, Instance(gpus=4, gpu="RTX 4090"), {}, None),  # which of the tables' it is, is not known
        (Instance(instance_type="a3-megagpu-8g"), Instance(gpus=8, gpu="H100"), {}, None),
        (Instance(instance_type="g5.12xlarge", share=0.25), Instance(gpus=1, gpu="A10G"), {}, None),
        (Instance(instance_type="m5.large"), Instance(gpus=1, gpu="A10G"), {}, None),
        (Instance(), Instance(gpus=1, gpu="A10G"), {}, None),
    ],
)
def test_gpus_that_do_not_fit_the_type_are_named(
    instance: Instance, found: Instance | None, environ: dict[str, str], said: str | None
) -> None:
    sentence = misfit(instance, found, environ)
    assert sentence is None if said is None else said in (sentence or "")
