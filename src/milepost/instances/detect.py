"""Finding out what a node is, field by field, each from the first source that knows. The only way into this folder."""

import math
import os
from collections.abc import Mapping
from typing import Literal

import msgspec

from milepost.data import machines
from milepost.instances.environment import read, read_number, visible_gpus, warn
from milepost.instances.gpus import GPUProbe, misfit, named_as_at
from milepost.instances.probe import ProbeFailed
from milepost.instances.probing import ProbeAnswer, preemption_notice, probe_gpus, probe_machine
from milepost.instances.ranks import LAUNCHERS, SCHEDULERS, clouds, rank_of
from milepost.instances.schedulers.ray import is_in_ray
from milepost.instances.schedulers.skypilot import TASK_FILE, SkyPilotInstanceInfo
from milepost.instances.variables import from_variables
from milepost.log import Once
from milepost.money.instance import DEFAULT_INSTANCE, Instance
from milepost.providers import find_slice

__all__ = ["Detection", "ProbeFailed", "detect", "find_rank", "preemption_notice"]

_said = Once("instances")


class Detection(msgspec.Struct, frozen=True):
    """What was found out.

    Attributes:
        instance: What a node is, how many there are, and where each field is known from.
        rank: Which process of the run this is; 0 tracks.
        rank_source: Where that is known from.
        unknown: Which of type, market and region no source told.
        assumed_because: What that makes an assumption of its price, and what stands in.
        probed: What metadata services answered, where they were asked.
        wants_gpus: Whether the share is that of visible GPUs, and nobody has told how many are.
        misfit: How the GPUs of this machine don't fit its type, in a sentence.
    """

    instance: Instance
    rank: int
    rank_source: str
    unknown: tuple[str, ...] = ()
    assumed_because: str | None = None
    probed: tuple[ProbeAnswer, ...] = ()
    wants_gpus: bool = False
    misfit: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether probes could tell more: what decides the price is not known, a spot machine's zone, or its GPUs."""
        spot_somewhere = self.instance.market == "spot" and self.instance.zone is None
        return bool(self.unknown) or spot_somewhere or self.wants_gpus


def detect(
    configured: Instance | None = None,
    *,
    share: float | Literal["gpus"] | None = None,
    defaults: Instance | None = None,
    environ: Mapping[str, str] | None = None,
    probe: bool = False,
) -> Detection:
    """Find out what a node is. Never raises: what is malformed is warned about and passed over.

    Args:
        configured: What the configuration says; stands behind ``MILEPOST_*`` variables only.
        share: The part of a node that is charged for, where ``configured`` does not say; ``gpus`` takes the visible
            GPUs over the instance's.
        defaults: What the configuration takes where nothing else tells (``aws:``).
        environ: Environment variables; this process's where not given.
        probe: Ask for the GPUs, and metadata services for what is still open: takes 2 s at most, once in a process.
    """
    known = _detect(configured, share, defaults, environ, ())
    if not probe:
        return known
    return _detect(configured, share, defaults, environ, probe_machine() if known.is_open else probe_gpus())


def _detect(
    configured: Instance | None,
    share: float | Literal["gpus"] | None,
    defaults: Instance | None,
    environ: Mapping[str, str] | None,
    probed: tuple[ProbeAnswer, ...],
) -> Detection:
    variables = os.environ if environ is None else environ
    said = configured or Instance()
    said = msgspec.structs.replace(said, provider=said.provider and said.provider.lower())  # people write AWS
    users = from_variables(variables).completed_by(said)
    found = users.completed_by(SkyPilotInstanceInfo.get_instance_info(variables))
    for read_cloud in clouds():
        found = found.completed_by(read_cloud(variables).instance)
    told = {answer.name: answer.instance for answer in probed if answer.instance is not None}
    gpus = told.pop(GPUProbe.name, None)
    for instance in told.values():
        found = found.completed_by(instance)
    for read_scheduler in (*LAUNCHERS, *SCHEDULERS):
        found = found.completed_by(read_scheduler(variables).instance)
    found = _as_slices(found, users)
    found = found.completed_by(machine_of(found))
    gpus = named_as_at(found.provider, gpus)
    found = found.completed_by(gpus or Instance())
    if not found.gpus and (machine := machine_of(found)).gpus:
        found = machine.completed_by(found)  # SkyPilot counts no Trainium, and Inferentia neither
    stand_ins = (defaults or Instance()).completed_by(DEFAULT_INSTANCE)
    unknown = unknown_of(found)
    because = _assumption("this machine's", unknown, stand_ins)
    if found.instance_type is None and found.provider in (None, stand_ins.provider) and not _fits(found, stand_ins):
        because = f"{because}, though it has other GPUs"
    found = with_stand_ins(found, msgspec.structs.replace(stand_ins, share=None))
    found = found.completed_by(machine_of(found))
    if share == "gpus":
        found = found.completed_by(_share_of_gpus(found, variables, gpus))
    elif share is not None and 0 < share <= 1:
        found = found.completed_by(Instance.known("instance:", share=share))
    elif share is not None:
        warn("share", str(share), "a number above 0 and up to 1, or gpus")
    found = found.completed_by(Instance.known("default", share=1.0))
    if found.assumed_because:
        _said.warn(found.assumed_because, "assumed: %s", found.assumed_because)
        because = "; ".join(filter(None, (because, found.assumed_because)))
    rank, rank_source = rank_of(variables)
    return Detection(
        found,
        rank,
        rank_source,
        unknown,
        because,
        probed,
        wants_gpus=share == "gpus" and not probed and found.sources["share"] == "default",
        misfit=misfit(found, gpus, variables),
    )


def _as_slices(found: Instance, users: Instance) -> Instance:
    """Return a node that is a slice of accelerators under its type, and their number where their hosts were counted.

    SkyPilot's ``SKYPILOT_NUM_NODES`` and ``SKYPILOT_NODE_IPS``, and every launcher's count, are of hosts
    (``num_ips_per_node`` of ``sky/backends/cloud_vm_ray_backend.py``); what a user or a task file says is of slices.
    """
    told = find_slice(found.instance_type or found.gpu, found.provider)
    if users.num_nodes is not None:
        found = msgspec.structs.replace(found, assumed_because=users.assumed_because)
    if told is None:
        return found
    by = found.sources.get("instance_type" if found.instance_type else "gpu", "")
    named = Instance.known(by, provider=told.provider, instance_type=told.name, gpu=told.name, gpus=1)
    found = named.completed_by(found)
    source = found.sources.get("num_nodes", "")
    if users.num_nodes is not None or found.num_nodes in (None, 1) or source.startswith(TASK_FILE):
        return found
    if told.hosts is None:
        because = f"how many hosts a {told.name} has is not known: each of {found.num_nodes} nodes is taken for a slice"
        return found.completed_by(Instance.known(source, assumed_because=because))
    slices = Instance.known(
        f"{source} over the {told.hosts} hosts of a slice", num_nodes=math.ceil((found.num_nodes or 1) / told.hosts)
    )
    return slices.completed_by(found)


STAND_IN_SOURCES = ("aws:", "default")
"""Sources of a field that nobody told, as an instance's ``sources`` name them."""


def unknown_of(instance: Instance) -> tuple[str, ...]:
    """Return which of type, market and region no source told, of an instance of whatever process."""
    return tuple(
        name
        for name in ("instance_type", "market", "region")
        if getattr(instance, name) is None or instance.sources.get(name) in STAND_IN_SOURCES
    )


def assumption_of(instance: Instance) -> str | None:
    """Say in a sentence what was not known of a machine, this or another, and what it was taken for."""
    return _assumption("the machine's", unknown_of(instance), instance)


def with_stand_ins(found: Instance, stand_ins: Instance) -> Instance:
    """Return a node with what stands in where nothing tells, as far as that can be: not another provider's type."""
    if found.instance_type is not None:
        stand_ins = msgspec.structs.replace(stand_ins, provider=None)
    elif found.provider not in (None, stand_ins.provider):
        stand_ins = msgspec.structs.replace(stand_ins, instance_type=None)
    elif not _fits(found, stand_ins):
        stand_ins = msgspec.structs.replace(stand_ins, instance_type=None, provider=None)
    return found.completed_by(stand_ins)


def machine_of(found: Instance) -> Instance:
    """Return what a node's type alone tells: provider and GPUs."""
    if told := find_slice(found.instance_type, found.provider):
        return Instance.known("the slice's name", provider=told.provider, gpu=told.name, gpus=1)
    machine = machines().get(found.instance_type or "")
    if machine is None or found.provider not in (None, machine.provider):
        return Instance()
    return Instance.known("machines table", provider=machine.provider, gpu=machine.gpu, gpus=machine.gpus)


def find_rank(environ: Mapping[str, str] | None = None) -> int:
    """Return which process of the run this is, by its launcher, SkyPilot or a scheduler; 0 where nobody tells."""
    return rank_of(os.environ if environ is None else environ)[0]


def _fits(found: Instance, stand_ins: Instance) -> bool:
    """Say whether a node with these GPUs can be of the type that stands in: eight A100 are in no g5.4xlarge."""
    machine = machines().get(stand_ins.instance_type or "")
    return machine is None or ((found.gpus or 0) <= machine.gpus and found.gpu in (None, machine.gpu))


def _assumption(whose: str, unknown: tuple[str, ...], stand_ins: Instance) -> str | None:
    """Say in a sentence what is not known of a node that decides its price, and what it is taken for."""
    if not unknown:
        return None
    words = [name.replace("_", " ") for name in unknown]
    listed = " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
    sentence = f"{whose} {listed} {'are' if len(words) > 1 else 'is'} not known"
    values = [getattr(stand_ins, name) for name in unknown if name != "region"]
    taken = " ".join(value.replace("_", "-") for value in values if value is not None)
    return f"{sentence}: taken for {taken}" if taken else sentence


def _share_of_gpus(found: Instance, environ: Mapping[str, str], gpus: Instance | None) -> Instance:
    """Return the share of an instance that the GPUs visible to this process are."""
    if "CUDA_VISIBLE_DEVICES" not in environ and is_in_ray(environ):
        # Ray sets it for those that it gave GPUs: https://docs.ray.io/en/latest/ray-core/scheduling/accelerators.html
        because = (
            "share: gpus: Ray gave this process no GPUs (CUDA_VISIBLE_DEVICES is not set), so its share of the node is "
            "not known: the whole is charged for"
        )
        return Instance.known("Ray", assumed_because=because)
    source: str | None = "CUDA_VISIBLE_DEVICES"
    number = read(environ, "CUDA_VISIBLE_DEVICES", visible_gpus, "indices or UUIDs of whole GPUs")
    if number is None:
        number, source = read_number(environ, "SKYPILOT_NUM_GPUS_PER_NODE", least=0)
    if number is None and gpus is not None:
        source, number = gpus.sources["gpus"], int(gpus.gpus or 0)
    machine = machines().get(found.instance_type or "")
    whole_machine = math.ceil((machine.gpus if machine else found.gpus) or 0)  # a part of a GPU is visible as one
    if not number or not whole_machine or number > whole_machine:
        because = (
            f"share: gpus: found {number} visible GPUs on an instance with {whole_machine or None}, expected 1 or more "
            "of them; the whole instance is charged for"
        )
        return Instance.known("share: gpus", assumed_because=because)
    return Instance.known(f"{source} over the instance's {whole_machine}", share=number / whole_machine)
