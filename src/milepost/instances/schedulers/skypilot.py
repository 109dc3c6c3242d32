"""SkyPilot: the variables that its tasks see, its cluster info, and its task files.

Formats are those of SkyPilot 0.14. SkyPilot itself tells a task neither its instance type nor its market: a launcher
sets ``SKYPILOT_INSTANCE_TYPE`` and ``SKYPILOT_USE_SPOT``.
"""

import json
import os
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from milepost.errors import ConfigError
from milepost.instances.environment import read, read_number, text, truth, warn, whole
from milepost.instances.probe import Placement
from milepost.log import logger
from milepost.money.instance import FIELDS, Instance
from milepost.yaml_dialect import place_of

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

        Nothing in it raises: what is malformed is warned about, by the variable's name, and passed over.

        Args:
            environ: Environment variables; this process's where not given.
        """
        variables = os.environ if environ is None else environ
        told = _from_variables(variables).completed_by(_from_cluster_info(variables))
        return told.completed_by(_from_task_variable(variables))

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
        file = Path(path)
        try:
            content = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{file}: expected a SkyPilot task file, found: {error.strerror}") from error
        except ValueError as error:  # no UTF-8 in it, or no name that a file can have
            raise ConfigError(f"{str(file)!r}: expected a SkyPilot task file, found: {type(error).__name__}") from None
        try:
            documents = list(yaml.safe_load_all(content))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # Where, and not what: such errors quote the line, and a task file's lines hold keys and tokens.
            raise ConfigError(f"{file}: expected YAML, found {type(error).__name__}{place_of(error)}") from None
        tasks = [document for document in documents if document is not None]
        if len(tasks) > 1 and isinstance(tasks[0], dict) and set(tasks[0]) <= {"name", "execution"}:
            tasks = tasks[1:]  # the first document only names the pipeline
        if not 0 <= task_index < len(tasks):
            raise ConfigError(f"{file}: expected a task number {task_index}, found {len(tasks)} tasks")
        return _from_task(tasks[task_index], str(file))


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
    # Managed jobs: sky-managed-<time>_<name>_<job id>-<task index>
    managed = re.fullmatch(r"sky-managed-.*-(\d{1,6})", environ.get("SKYPILOT_TASK_ID", ""))
    index = int(managed[1]) if managed else 0
    try:
        found = SkyPilotInstanceInfo.get_instance_info_from_task(path, task_index=index)
    except ConfigError as error:
        logger("instances").warning("%s: %s; it is passed over", TASK_FILE, error)
        return Instance()
    return Instance.known(f"{TASK_FILE} {path}", **{name: getattr(found, name) for name in FIELDS})


def _from_task(task: Any, file: str) -> Instance:
    if not isinstance(task, dict):
        raise ConfigError(f"{file}: found {type(task).__name__}, expected a SkyPilot task: a mapping with resources")
    nodes = task.get("num_nodes")
    if nodes is not None and (isinstance(nodes, bool) or not isinstance(nodes, int) or not 1 <= nodes < 10**9):
        raise ConfigError(f"{file}: num_nodes: found {_shown(nodes)}, expected a whole number, 1 or more")
    candidates = _candidates(task.get("resources") or {}, file)
    told = {name: {getattr(each, name) for each in candidates} for name in FIELDS}
    agreed = {name: values.pop() for name, values in told.items() if len(values) == 1}
    return Instance.known(file, **{**agreed, "num_nodes": nodes})


def _candidates(resources: Any, file: str) -> list[Instance]:
    """Return every machine that resources allow."""
    if not isinstance(resources, dict):
        raise ConfigError(f"{file}: resources: found {type(resources).__name__}, expected a mapping")
    for several in ("any_of", "ordered"):
        options = resources.get(several)
        if options is None:
            continue
        if not isinstance(options, list) or not options:
            raise ConfigError(f"{file}: resources.{several}: found {_shown(options)}, expected a list of resources")
        common = {key: value for key, value in resources.items() if key not in ("any_of", "ordered")}
        if not all(isinstance(option, dict) and not {"any_of", "ordered"} & option.keys() for option in options):
            raise ConfigError(f"{file}: resources.{several}: found {_shown(options)}, expected plain resources in it")
        return [each for option in options for each in _candidates({**common, **option}, file)]
    provider, region, zone = _place(resources, file)
    spot = resources.get("use_spot")
    if spot is not None and not isinstance(spot, bool):
        raise ConfigError(f"{file}: resources.use_spot: found {_shown(spot)}, expected true or false")
    return [
        Instance(
            provider=provider,
            instance_type=_name(resources.get("instance_type")),
            region=region,
            zone=zone,
            market=None if spot is None else "spot" if spot else "on_demand",
            gpus=gpus,
            gpu=gpu,
        )
        for gpu, gpus in _accelerators(resources.get("accelerators"), file)
    ]


def _place(resources: dict[str, Any], file: str) -> tuple[str | None, str | None, str | None]:
    """Return provider, region and zone, from ``infra: aws/us-east-1/us-east-1a`` or from a key each.

    A Kubernetes context stands where a region does, and may hold slashes (``sky/utils/infra_utils.py``).
    """
    infra = resources.get("infra")
    if infra is None:
        provider, region, zone = (_name(resources.get(key)) for key in ("cloud", "region", "zone"))
    elif isinstance(infra, str):
        parts = [None if part in ("", "*") else part for part in map(str.strip, infra.strip().strip("/").split("/"))]
        provider, region, zone = [*parts, None, None][:3]
        if provider and provider.lower() in ("k8s", "kubernetes"):
            return "kubernetes", "/".join(filter(None, parts[1:])) or None, None
    else:
        raise ConfigError(f"{file}: resources.infra: found {_shown(infra)}, expected such as aws/us-east-1")
    return (provider.lower() if provider else None), region, zone


def _accelerators(asked: Any, file: str) -> list[tuple[str | None, int | None]]:
    """Return the accelerators that are allowed: model and how many a node."""
    if asked is None:
        return [(None, None)]
    if isinstance(asked, str):
        return [_accelerator(asked, file)]
    if asked and isinstance(asked, dict | list | set) and all(isinstance(model, str) for model in asked):
        # A set, ``{A100:8, H100:8}``, is to YAML a mapping from "A100:8" to nothing.
        numbers = asked if isinstance(asked, dict) else dict.fromkeys(asked)
        return [
            _accelerator(model, file) if number is None else (model, _number(number, file))
            for model, number in numbers.items()
        ]
    raise ConfigError(f"{file}: resources.accelerators: found {_shown(asked)}, expected such as A100:8")


def _accelerator(asked: str, file: str) -> tuple[str, int]:
    """Return model and number of such as ``A100:8``; one where no number is given."""
    model, colon, number = asked.partition(":")
    return model.strip(), _number(number if colon else 1, file)


def _number(value: Any, file: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not 0 < number < 10_000 or isinstance(value, bool):
        raise ConfigError(f"{file}: resources.accelerators: found {_shown(value)}, expected a number above 0")
    return max(1, int(number))


def _json_object(value: str) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", "*") else None


def _shown(value: Any) -> str:
    """Return a value for a message, shortened: YAML's anchors can make it larger than memory."""
    try:
        return reprlib.repr(value)
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__}"
