"""SkyPilot's task files: which machines they ask for. Formats are those of SkyPilot 0.14."""

import re
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from milepost.errors import ConfigError
from milepost.money.instance import FIELDS, Instance
from milepost.yaml_dialect import place_of

HEADER = frozenset({"name", "execution", "primary_tasks", "termination_delay", "inter_connection"})
"""What the first document of a pipeline or of a job group holds (``sky/utils/dag_utils.py``)."""

MANAGED = re.compile(r"sky-managed-(?P<name>.*)-(?P<index>\d{1,6})", re.DOTALL)
"""``SKYPILOT_TASK_ID`` of a managed job, ``sky-managed-<time>_<name>_<job>-<task>``. Where a file has several tasks,
the name is the pipeline's or group's, ``_`` and the task's (``sky/jobs/controller.py``)."""

MEMORY = re.compile(r"\d+[GMT]B\+?", re.IGNORECASE)
"""Accelerators by their memory: ``80GB`` and ``80GB+``, also as ``80GB+:8``, ``nvidia:80GB+`` and ``nvidia:80GB+:8``
(``Resources._parse_accelerators_from_str`` of ``sky/resources.py``)."""


def from_task_file(file: Path, task_index: int = 0, task_id: str = "") -> Instance:
    """Return what a task of a file asks for, as far as all that it allows agree.

    Args:
        file: It may hold several tasks, one a document, after a document that names their pipeline or group.
        task_index: Which of them, where the id does not tell.
        task_id: ``SKYPILOT_TASK_ID``: that of a managed job names its task.

    Raises:
        ConfigError: It cannot be read, or is no task file.
    """
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
    group = None
    if len(tasks) > 1 and _is_header(tasks[0]):
        group, tasks = tasks[0].get("name"), tasks[1:]
    if managed := MANAGED.fullmatch(task_id):
        told = managed["name"].partition("_")[2].rpartition("_")[0]
        task_index = _named(told, tasks, group, int(managed["index"]))
    if not 0 <= task_index < len(tasks):
        raise ConfigError(f"{file}: expected a task number {task_index}, found {len(tasks)} tasks")
    return _from_task(tasks[task_index], str(file))


def _is_header(document: Any) -> bool:
    """Say whether the first of several documents is no task; of a group's, SkyPilot passes unknown keys over."""
    return isinstance(document, dict) and (document.keys() <= HEADER or document.get("execution") == "parallel")


def _named(told: str, tasks: Sequence[Any], group: Any, index: int) -> int:
    """Return which task a managed job's name tells of; the one of its number, where it names none.

    A group may have been launched under another name than its file's, so the task's own, at the end, is enough.
    """
    names = [str(task.get("name") or "") if isinstance(task, dict) else "" for task in tasks]
    fitting = [at for at, name in enumerate(names) if name and told.endswith(f"_{name}")]
    best = [at for at in fitting if told == f"{group}_{names[at]}"] or fitting
    return index if index in best or not best else max(best, key=lambda at: len(names[at]))


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
    # ``gpus`` is another name of it (``RESOURCE_CONFIG_ALIASES`` of ``sky/resources.py``).
    resources = {"accelerators" if key == "gpus" else key: value for key, value in resources.items()}
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


def _accelerators(asked: Any, file: str) -> list[tuple[str | None, float | None]]:
    """Return the accelerators that are allowed: model, None where it is any of a memory's, and how many a node."""
    if asked is None:
        return [(None, None)]
    if isinstance(asked, str):
        return [_accelerator(asked, None, file)]
    if asked and isinstance(asked, dict | list | set) and all(isinstance(model, str) for model in asked):
        # A set, ``{A100:8, H100:8}``, is to YAML a mapping from "A100:8" to nothing.
        numbers = asked if isinstance(asked, dict) else dict.fromkeys(asked)
        return [_accelerator(model, number, file) for model, number in numbers.items()]
    raise ConfigError(f"{file}: resources.accelerators: found {_shown(asked)}, expected such as A100:8")


def _accelerator(asked: str, number: Any, file: str) -> tuple[str | None, float]:
    """Return model and number of such as ``A100:8``; one where no number is given."""
    model, *rest = (part.strip() for part in asked.split(":"))
    is_by_memory = MEMORY.fullmatch(model) is not None
    if not is_by_memory and rest and MEMORY.fullmatch(rest[0]):
        is_by_memory, rest = True, rest[1:]  # what stood before is the manufacturer
    if number is None:
        number = ":".join(rest) if rest else 1
    return (None if is_by_memory else model), _number(number, file)


def _number(value: Any, file: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not 0 < number < 10_000 or isinstance(value, bool):
        raise ConfigError(f"{file}: resources.accelerators: found {_shown(value)}, expected a number above 0")
    return int(number) if number.is_integer() else number


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", "*") else None


def _shown(value: Any) -> str:
    """Return a value for a message, shortened: YAML's anchors can make it larger than memory."""
    try:
        return reprlib.repr(value)
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__}"
