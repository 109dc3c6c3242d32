"""SkyPilot's task files: which machines they ask for. Formats are those of SkyPilot 0.14."""

import reprlib
from pathlib import Path
from typing import Any

import yaml

from milepost.errors import ConfigError
from milepost.money.instance import FIELDS, Instance
from milepost.yaml_dialect import place_of


def from_task_file(file: Path, task_index: int) -> Instance:
    """Return what a task of a file asks for, as far as all that it allows agree.

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
    if len(tasks) > 1 and isinstance(tasks[0], dict) and set(tasks[0]) <= {"name", "execution"}:
        tasks = tasks[1:]  # the first document only names the pipeline
    if not 0 <= task_index < len(tasks):
        raise ConfigError(f"{file}: expected a task number {task_index}, found {len(tasks)} tasks")
    return _from_task(tasks[task_index], str(file))


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


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", "*") else None


def _shown(value: Any) -> str:
    """Return a value for a message, shortened: YAML's anchors can make it larger than memory."""
    try:
        return reprlib.repr(value)
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__}"
