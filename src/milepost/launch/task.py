"""A SkyPilot task, filled in for one run."""

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import yaml

from milepost.config import FOLDER as CONFIG_FOLDER, names_a_file
from milepost.errors import ConfigError, require
from milepost.launch.request import Request
from milepost.launch.requirements import Model, Requirements
from milepost.launch.secrets import ARGUMENTS
from milepost.money.quote import Quote
from milepost.providers import find_slice
from milepost.secrets import USER_OF_URL

OWN_ENVS = frozenset(
    {ARGUMENTS, "MILEPOST_RUN_ID", "MILEPOST_GROUP", "MILEPOST_CONFIG", "SEED", "BUCKET", "MAX_RUNTIME_SECONDS"}
    | {"SKYPILOT_INSTANCE_TYPE", "SKYPILOT_USE_SPOT"}
)
"""Variables that a launch sets by its options."""

CONFIG = "MILEPOST_CONFIG"

REPOSITORY = re.compile(r"[a-z+]+://|[\w.-]+@[\w.-]+:")
"""How a git repository elsewhere is written: ``https://…``, ``ssh://…`` or ``git@host:…``."""


class RunTask(msgspec.Struct, frozen=True, kw_only=True):
    """One run's task.

    Attributes:
        run: Id of the run, which is also SkyPilot's name of its cluster or managed job.
        group: What it belongs to.
        seed: Its seed; None where a ``key=value`` of the training script says it.
        task: The SkyPilot task, without secrets.
        secrets: Their values, by name.
        managed: Whether it is a managed job, which SkyPilot recovers, or a cluster of its own.
    """

    run: str
    group: str | None
    seed: int | None
    task: dict[str, Any]
    secrets: dict[str, str]
    managed: bool

    @property
    def as_yaml(self) -> str:
        """The task as SkyPilot reads it; scripts as people do."""
        return yaml.dump(self.task, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def filled_in(
    template: Mapping[str, Any],
    request: Request,
    *,
    run: str,
    group: str | None,
    seed: int,
    resources: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a template's task, filled in; its ``envs`` may still hold what is to be secret.

    Raises:
        ConfigError: The template lacks what an option is to fill in, or a path is wrong.
    """
    envs = template["envs"]
    given = {
        ARGUMENTS: shlex.join(request.arguments) if request.arguments else None,
        "SEED": str(seed) if request.copies > 1 or request.seed != 1 else None,
        "BUCKET": request.bucket,
        "MAX_RUNTIME_SECONDS": None if request.max_runtime_seconds is None else str(request.max_runtime_seconds),
        CONFIG: config_of(request, template),
    }
    for name, value in given.items():
        if value is not None and name != CONFIG and name not in envs:
            raise ConfigError(f"{request.task}: envs: found no {name}, which the call is to set: see devops/skypilot")
    own = dict(each.split("=", 1) for each in request.envs)
    for option, names in (("--env", own), ("--secret", request.secrets)):
        for name in names:
            nearest = get_close_matches(name, OWN_ENVS, n=1, cutoff=0.85 if name.startswith("MILEPOST_") else 1.0)
            require(not nearest, option, name, f"an option in its place: the launcher sets {', '.join(nearest)}")
    filled = {
        **envs,
        **{name: value for name, value in given.items() if value is not None},
        **own,
        "MILEPOST_RUN_ID": run,
        **({"MILEPOST_GROUP": group} if group else {}),
        # As it was asked for; on the machine, `milepost detect --export` adds what only that knows.
        "SKYPILOT_USE_SPOT": "true" if resources["use_spot"] else "false",
        **({"SKYPILOT_INSTANCE_TYPE": resources["instance_type"]} if "instance_type" in resources else {}),
    }
    task = {
        **template,
        "name": run,
        "num_nodes": nodes_of(request, template),
        "workdir": workdir_of(request, template),
        "resources": dict(resources),
        "envs": filled,
    }
    return {name: value for name, value in task.items() if value not in ({}, None) and name != "secrets"}


def nodes_of(request: Request, template: Mapping[str, Any]) -> int:
    """Return how many nodes a run has."""
    nodes = template.get("num_nodes") if request.nodes is None else request.nodes
    require(nodes is None or (isinstance(nodes, int) and nodes >= 1), "num_nodes", nodes, "a whole number, 1 or more")
    return nodes or 1


def resources_of(
    template: Mapping[str, Any], request: Request, node: Requirements, offers: Sequence[Quote]
) -> dict[str, Any]:
    """Return the ``resources`` of a task.

    Args:
        template: The template's own.
        request: What is to be launched. Where it has a most that an hour may cost, no other than the offers are
            allowed: SkyPilot's own ``max_hourly_cost`` does not hold for an instance type, nor for the zone it chooses.
        node: Which machines are allowed for a node.
        offers: What they cost, where that is known.
    """
    filled = {"infra", "cloud", "region", "zone", "accelerators", "gpus", "instance_type", "use_spot", "cpus"}
    common = {name: value for name, value in template.items() if name not in filled}
    if request.image is not None:
        common["image_id"] = request.image
    if node.cpus is not None:
        common["cpus"] = node.cpus
    common["use_spot"] = node.market == "spot"
    if request.max_usd_per_hour is not None:
        entries = [
            _of_quote(quote, region, node)
            for quote in offers
            for region in ((quote.region,) if quote.region or not node.regions else node.regions)
        ]
    else:
        kind = {"instance_type": node.instance_type} if node.instance_type else {}
        entries = [
            {**infra, **kind, **({"accelerators": f"{model[0]}:{model[1]}"} if model else {})}
            for model in node.models or (None,)
            for infra in _places(node, offers, model)
        ]
    return {**entries[0], **common} if len(entries) == 1 else {**common, "any_of": entries}


def _places(node: Requirements, offers: Sequence[Quote], model: Model | None) -> list[dict[str, str]]:
    """Return where a node may be. SkyPilot refuses a region that several clouds have unless it is told which."""
    if node.provider is None and node.regions:
        fitting = [quote for quote in offers if model in (None, (quote.gpu, quote.gpus))]
        known = sorted({(quote.provider, quote.region) for quote in fitting if quote.provider and quote.region})
        if {region for _, region in known} == set(node.regions):
            return [_infra(provider, region) for provider, region in known]
    return [_infra(node.provider, region) for region in node.regions or (None,)]


def _of_quote(quote: Quote, region: str | None, node: Requirements) -> dict[str, str]:
    gpus = {"accelerators": f"{quote.gpu}:{quote.gpus}"} if node.models else {}
    kind = {} if find_slice(quote.instance_type) else {"instance_type": str(quote.instance_type)}
    return {**_infra(quote.provider, region), **kind, **gpus}


def _infra(provider: str | None, region: str | None) -> dict[str, str]:
    if region is not None:
        return {"infra": f"{provider or '*'}/{region}"}
    return {"infra": provider} if provider else {}


def config_of(request: Request, template: Mapping[str, Any]) -> str | None:
    """Return the thresholds' file, as the task finds it: relative to its working directory.

    Raises:
        ConfigError: It lies outside, so that the machines would not have it.
    """
    if request.config is None:
        named: str | None = template["envs"].get(CONFIG)
        return named
    file = Path(request.config) if names_a_file(request.config) else CONFIG_FOLDER / f"{request.config}.yaml"
    folder = request.workdir or template.get("workdir") or "."
    is_remote = isinstance(folder, dict) or REPOSITORY.match(folder) is not None
    root = Path.cwd() if is_remote else Path(folder).expanduser().resolve()
    require(file.is_file(), "--config", request.config, f"a file, or the name of an environment: there is no {file}")
    is_below = file.resolve().is_relative_to(root)
    require(is_below, "--config", request.config, f"a file below {folder}, which the machines get")
    return file.resolve().relative_to(root).as_posix()


def workdir_of(request: Request, template: Mapping[str, Any]) -> Any:
    """Return what the machines get: a folder's copy, or a commit that they check out."""
    given = request.workdir or template.get("workdir")
    if request.git_ref is None:
        if request.workdir is not None and REPOSITORY.match(request.workdir):
            return {"url": _plain_url(request.workdir)}
        require(
            given is None or isinstance(given, dict) or Path(str(given)).expanduser().is_dir(),
            "--workdir",
            given,
            "a folder, or a git repository's URL",
        )
        return given
    url = given["url"] if isinstance(given, dict) else str(given or ".")
    if not REPOSITORY.match(url):
        url = _origin_of(Path(url).expanduser())
    return {"url": _plain_url(url), "ref": request.git_ref}


def _plain_url(url: str) -> str:
    """Return a repository's URL without what may be a password; a user of ssh's is none."""
    return re.sub(r"^(ssh://[^:/@]+):[^/@]*@", r"\1@", url) if url.startswith("ssh://") else USER_OF_URL.sub("://", url)


def _origin_of(folder: Path) -> str:
    """Return where a folder's repository came from."""
    asked = ["git", "-C", str(folder), "remote", "get-url", "origin"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise ConfigError(
            f"--git-ref: {folder} has no git remote named origin, expected one, or --workdir URL beside it"
        ) from None


class _Dumper(yaml.SafeDumper):
    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.represent_str)
