"""SkyPilot: the variables that its tasks see, its cluster info, and its task files.

Formats are those of SkyPilot 0.14. SkyPilot itself tells a task neither its instance type nor its market: a launcher
sets ``SKYPILOT_INSTANCE_TYPE`` and ``SKYPILOT_USE_SPOT``.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from milepost.errors import ConfigError
from milepost.instances.environment import read, read_number, text, truth, warn, whole
from milepost.instances.probe import Placement
from milepost.log import logger
from milepost.money.instance import FIELDS, Instance

TASK_FILE = "MILEPOST_TASK_YAML"
"""Variable that names the task file of this run, where a launcher left one."""


def from_skypilot(environ: Mapping[str, str]) -> Placement:
    """Return the node's rank."""
    rank, rank_source = read_number(environ, "SKYPILOT_NODE_RANK", least=0)
    return Placement(rank=rank, rank_source=rank_source)


class SkyPilotInstanceInfo:
    """What SkyPilot knows of the machine of a task."""

    @staticmethod
    def get_instance_info(environ: Mapping[str, str] | None = None) -> Instance:
        """Return what the environment tells: variables first, then cluster info, then the task file.

        ``SKYPILOT_NUM_GPUS_PER_NODE`` is rounded up, and 0 where accelerators are no GPUs, as TPUs, Trainium and
        Inferentia are (``sky/backends/task_codegen.py``): there the task's number stands.

        Nothing in it raises: what is malformed is warned about, by the variable's name, and passed over.

        Args:
            environ: Environment variables; this process's where not given.
        """
        variables = os.environ if environ is None else environ
        told = _from_variables(variables).completed_by(_from_cluster_info(variables))
        task = _from_task_variable(variables)
        if task.gpus is not None and told.gpus in (0, math.ceil(task.gpus)):
            told = msgspec.structs.replace(told, gpus=None)
        return told.completed_by(task)

    @staticmethod
    def get_instance_info_from_task(path: str | Path, *, task_index: int = 0) -> Instance:
        """Return what a task file asks for.

        Where it allows several resources (``any_of``, ``ordered``, several accelerators), only what they agree on is
        known.

        Args:
            path: A SkyPilot task YAML; it may hold several tasks, one a document.
            task_index: Which of them.

        Raises:
            ConfigError: It cannot be read, or is no task file.
        """
        from milepost.instances.schedulers.skypilot_task import from_task_file  # which needs YAML

        return from_task_file(Path(path), task_index)


def _from_variables(environ: Mapping[str, str]) -> Instance:
    spot = read(environ, "SKYPILOT_USE_SPOT", truth, "true or false")
    nodes, told_by = read_number(environ, "SKYPILOT_NUM_NODES", least=1)
    if nodes is None:
        nodes = read(environ, "SKYPILOT_NODE_IPS", lambda ips: len(ips.split()) or None, "an address a line")
    return Instance.known(
        {
            "instance_type": "SKYPILOT_INSTANCE_TYPE",
            "market": "SKYPILOT_USE_SPOT",
            "num_nodes": told_by or "SKYPILOT_NODE_IPS",
            "gpus": "SKYPILOT_NUM_GPUS_PER_NODE",
        },
        instance_type=read(environ, "SKYPILOT_INSTANCE_TYPE", text, "an instance type"),
        market=None if spot is None else "spot" if spot else "on_demand",
        num_nodes=nodes,
        gpus=read(environ, "SKYPILOT_NUM_GPUS_PER_NODE", whole, "a whole number, 0 or more"),
    )


def _from_cluster_info(environ: Mapping[str, str]) -> Instance:
    name = "SKYPILOT_CLUSTER_INFO"
    info = read(environ, name, _json_object, "a JSON object with cloud, region and zone") or {}
    fields = {}
    for field, key in (("provider", "cloud"), ("region", "region"), ("zone", "zone")):
        value = info.get(key)
        if isinstance(value, str) and text(value):
            fields[field] = value.lower() if field == "provider" else value
        elif value is not None:
            warn(f"{name}.{key}", str(value), "text or null")
    return Instance.known(name, **fields)


def _from_task_variable(environ: Mapping[str, str]) -> Instance:
    path = environ.get(TASK_FILE)
    if not path:
        return Instance()
    from milepost.instances.schedulers.skypilot_task import from_task_file

    try:
        found = from_task_file(Path(path), task_id=environ.get("SKYPILOT_TASK_ID", ""))
    except ConfigError as error:
        logger("instances").warning("%s: %s; it is passed over", TASK_FILE, error)
        return Instance()
    return Instance.known(f"{TASK_FILE} {path}", **{name: getattr(found, name) for name in FIELDS})


def _json_object(value: str) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
