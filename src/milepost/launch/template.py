"""A template: the SkyPilot task that a launch fills in. Formats are those of SkyPilot 0.14."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from milepost.errors import ConfigError, nearest, require

FOLDER = Path("devops") / "skypilot"
"""Where templates are looked for by their name, below the working directory."""

TASK_KEYS = frozenset(
    {"name", "workdir", "num_nodes", "resources", "file_mounts", "setup", "run", "envs", "secrets", "config", "volumes"}
)
"""What a task to train may have; SkyPilot's services and pools are none."""

RECOVERY_KEYS = frozenset({"strategy", "max_restarts_on_errors", "recover_on_exit_codes"})
CONFIG_KEYS: Mapping[str, frozenset[str]] = {
    "active_workspace": frozenset(),
    "azure": frozenset({"remote_identity", "vpc_name"}),
    "docker": frozenset({"run_options"}),
    "gcp": frozenset(
        {"vpc_name", "subnet_names", "managed_instance_group", "enable_gvnic", "enable_gpu_direct", "placement_policy"}
    ),
    "hooks": frozenset(),
    "kubernetes": frozenset(
        {"custom_metadata", "pod_config", "provision_timeout", "dws", "kueue", "quota", "remote_identity"}
        | {"enable_docker", "set_pod_resource_limits"}
    ),
    "nvidia_gpus": frozenset({"disable_ecc"}),
    "slurm": frozenset({"sbatch_options", "quota", "cpu_partition"}),
    "ssh": frozenset({"custom_metadata", "pod_config", "provision_timeout"}),
    "vast": frozenset({"datacenter_only", "create_instance_kwargs"}),
}
"""SkyPilot's client lets unknown keys of these two pass, for a server with plugins (``sky/utils/schemas.py``)."""


def find_template(task: str) -> Path:
    """Return the file of a template, by its name or its path.

    Raises:
        ConfigError: There is none; names the nearest.
    """
    if Path(task).suffix in (".yaml", ".yml"):
        require(Path(task).is_file(), "TASK", task, "a SkyPilot task file: there is none")
        return Path(task)
    path = FOLDER / f"{task}.yaml"
    if path.is_file():
        return path
    names = sorted(each.stem for each in FOLDER.glob("*.yaml"))
    hint = nearest(task, [*names, "status", "logs", "stop"], cutoff=0.5) or (
        f"; nearest: {', '.join(names[:3])}" if names else ": go to the folder that holds devops/skypilot"
    )
    raise ConfigError(f"TASK: found {task!r}, expected a path, or the name of a template in {FOLDER}{hint}")


def read_template(path: Path) -> dict[str, Any]:
    """Return the task in a file.

    Raises:
        ConfigError: It can't be read, or is no task that can be filled in; says what was found where.
    """
    try:
        task: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: expected a SkyPilot task file, found: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}: expected one YAML document, found {type(error).__name__}{where}") from None
    require(isinstance(task, dict), str(path), type(task).__name__, "a SkyPilot task: a mapping")
    for name in ("resources", "envs", "secrets", "file_mounts", "config"):
        task[name] = task.get(name) or {}
        require(isinstance(task[name], dict), f"{path}: {name}", type(task[name]).__name__, "a mapping")
    require(isinstance(task.get("run"), str), f"{path}: run", task.get("run"), "the script to run")
    _known_keys(task, TASK_KEYS, f"{path}")
    _known_keys(task["config"], CONFIG_KEYS, f"{path}: config")
    for section, settings in task["config"].items():
        if CONFIG_KEYS[section] and isinstance(settings, dict):
            _known_keys(settings, CONFIG_KEYS[section], f"{path}: config.{section}")
    recovery = task["resources"].get("job_recovery")
    if isinstance(recovery, dict):
        _known_keys(recovery, RECOVERY_KEYS, f"{path}: resources.job_recovery")
    if values := [name for name, value in task["secrets"].items() if value is not None]:
        raise ConfigError(
            f"{path}: secrets.{values[0]}: found a value, expected none in a file: set the variable {values[0]} here, "
            f"and give --secret {values[0]}"
        )
    task["envs"] = {str(name): "" if value is None else str(value) for name, value in task["envs"].items()}
    return task


def _known_keys(found: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = sorted(known)
    for key in found:
        if key not in names:
            hint = nearest(str(key), names, cutoff=0.5) or f"; expected one of {', '.join(names)}"
            raise ConfigError(f"{where}: found the key {key!r}, which is unknown{hint}")
