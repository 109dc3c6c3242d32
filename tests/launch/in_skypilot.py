"""Runs in SkyPilot's environment: answers a task a line, as JSON, until its input ends. Contacts nobody.

What it imports is SkyPilot's own; what it is asked comes from `tests.launch.skypilot`.
"""

import json
import os
import sys
from typing import Any

# SkyPilot prints, from its import on: standard output is kept for answers.
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import sky  # noqa: E402
from sky import check, global_user_state, optimizer  # noqa: E402
from sky.catalog import instance_type_exists, list_accelerators  # noqa: E402
from sky.clouds.cloud import CloudCapability  # noqa: E402
from sky.skylet import constants, log_lib  # noqa: E402
from sky.utils import dag_utils, schemas  # noqa: E402
from sky.utils.registry import CLOUD_REGISTRY  # noqa: E402

enabled: list[str] = []


def enable(clouds: list[str]) -> None:
    """Have SkyPilot take these clouds for enabled, as after ``sky check``."""
    enabled[:] = clouds
    workspace = constants.SKYPILOT_DEFAULT_WORKSPACE
    global_user_state.set_allowed_clouds(check._get_workspace_allowed_clouds(workspace), workspace)
    for capability in CloudCapability:
        global_user_state.set_enabled_clouds(clouds, capability, workspace)
    found = check.get_cached_enabled_clouds_or_refresh(CloudCapability.COMPUTE)
    assert sorted(str(cloud).lower() for cloud in found) == sorted(clouds), found


def unknown_of(config: dict[str, Any]) -> list[str]:
    """Return what SkyPilot's own checks let pass: unknown keys, types and GPUs, and secrets without a value."""
    found = []
    resources = config.get("resources", {})
    single = schemas._get_single_resources_schema()["properties"]
    recovery = resources.get("job_recovery")
    if isinstance(recovery, dict):
        known = next(each for each in single["job_recovery"]["anyOf"] if each["type"] == "object")["properties"]
        found += [f"job_recovery.{key}" for key in recovery if key not in known]
    known_config = schemas._task_config_schema()["properties"]
    found += [f"config.{key}" for key in config.get("config", {}) if key not in known_config]
    secrets = config.get("secrets") or {}
    found += [f"secrets.{name}" for name, value in secrets.items() if value is None]
    for entry in resources.get("any_of") or [resources]:
        cloud = str(entry.get("infra") or "*").partition("/")[0]
        kind = entry.get("instance_type")
        if kind and not instance_type_exists(kind, None if cloud == "*" else cloud):
            found.append(f"instance_type {kind}")
        gpu = str(entry.get("accelerators") or "").partition(":")[0]
        if gpu and gpu not in list_accelerators(gpus_only=True, name_filter=f"^{gpu}$", clouds=enabled):
            found.append(f"accelerators {gpu}")
    return found


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Read a task as SkyPilot does; optimize it, or write the script that its nodes run."""
    import yaml

    config = yaml.safe_load(asked["task"])
    said: dict[str, Any] = {"unknown": unknown_of(config)}
    secrets = list(asked.get("secrets", {}).items())
    task = sky.Task.from_yaml_config(config, secrets_overrides=secrets)
    task.validate()
    said["num_nodes"] = task.num_nodes
    said["as_printed"] = task.to_yaml_config(use_user_specified_yaml=True)
    said["leaks"] = json.dumps(task.to_yaml_config())
    variables = {
        name: getattr(value, "get_secret_value", lambda v=value: v)() for name, value in task.envs_and_secrets.items()
    }
    said["envs"] = variables
    if asked.get("variables") is not None:
        said["script"] = log_lib.make_task_bash_script(task.run, {**variables, **asked["variables"]})
        said["setup"] = log_lib.make_task_bash_script(task.setup or "", variables)
    if asked.get("optimize"):
        with sky.Dag() as dag:
            dag.add(task)
        optimizer.Optimizer.optimize(dag, quiet=True)
        best = task.best_resources
        said["best"] = {
            "cloud": str(best.cloud).lower(),
            "instance_type": best.instance_type,
            "region": best.region,
            "use_spot": best.use_spot,
            "accelerators": best.accelerators,
            "run_usd_per_hour": best.get_cost(3600) * task.num_nodes,
        }
    return said


def load(text: str) -> dict[str, Any]:
    """Read a task file of one or several tasks as SkyPilot does, and say what each asks for."""
    tasks = [
        {
            "name": task.name,
            "num_nodes": task.num_nodes,
            "resources": [
                {
                    "provider": None if each.cloud is None else str(each.cloud).lower(),
                    "region": each.region,
                    "zone": each.zone,
                    "instance_type": each.instance_type,
                    "use_spot": each.use_spot if each.use_spot_specified else None,
                    "accelerators": each.accelerators,
                }
                for each in task.resources
            ],
        }
        for task in dag_utils.load_dag_from_yaml_str(text).tasks
    ]
    return {"tasks": tasks}


def facts() -> dict[str, Any]:
    """Return what the launcher repeats of SkyPilot's source."""
    recovery = schemas._get_single_resources_schema()["properties"]["job_recovery"]["anyOf"]
    config: dict[str, set[str]] = {}
    for path in constants.OVERRIDEABLE_CONFIG_KEYS_IN_TASK:
        config.setdefault(path[0], set()).update(path[1:])
    return {
        "clouds": sorted(constants.ALL_CLOUDS),
        "header": sorted(dag_utils._JOB_GROUP_HEADER_FIELDS),
        "recovery": sorted(next(each for each in recovery if each["type"] == "object")["properties"]),
        "task": sorted(schemas.get_task_schema()["properties"]),
        "config": {name: sorted(names) for name, names in config.items()} | {"hooks": []},
        "registered": sorted(str(cloud).lower() for cloud in CLOUD_REGISTRY.values()),
    }


def main() -> None:
    """Answer until the input ends; what goes wrong is an answer too."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if "enable" in asked:
                enable(asked["enable"])
                said: dict[str, Any] = facts()
            elif "load" in asked:
                said = load(asked["load"])
            else:
                said = answer(asked)
        except Exception as error:  # noqa: BLE001 - the test wants to see it
            said = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(said, default=str) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
