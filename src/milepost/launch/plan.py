"""A plan: the tasks of a launch and what they will cost, before any money is spent."""

import getpass
import hashlib
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from milepost.config import Config, load_performance_thresholds
from milepost.errors import ConfigError
from milepost.launch.offers import KnownOffers
from milepost.launch.request import Request
from milepost.launch.requirements import Requirements
from milepost.launch.secrets import take_secrets
from milepost.launch.task import RunTask, config_of, filled_in, nodes_of, resources_of, workdir_of
from milepost.launch.template import find_template, read_template
from milepost.money.quote import Quote
from milepost.pricing import Terms
from milepost.runs.identity import new_run_id

MOST_NAME_CHARACTERS = 40
"""Of a run's name in its id: clouds cut the names of machines."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch will cost.

    Attributes:
        cheapest: The allowed offer that costs least; None where no price is known.
        dearest: The one that costs most.
        nodes: Nodes of one run.
        copies: Runs.
        max_runtime_seconds: The longest that a run may train; set-up comes on top.
        unknown_because: Why no price is known.
    """

    cheapest: Quote | None
    dearest: Quote | None
    nodes: int
    copies: int
    max_runtime_seconds: int | None
    unknown_because: str | None = None

    def usd_per_hour(self, quote: Quote) -> float:
        """Return what all nodes of all runs cost an hour at an offer, in USD."""
        return quote.usd_per_hour * self.nodes * self.copies

    def usd_for_max_runtime(self, quote: Quote) -> float | None:
        """Return what all runs cost if each trains as long as it may, in USD; None where there is no limit."""
        return None if self.max_runtime_seconds is None else self.usd_per_hour(quote) * self.max_runtime_seconds / 3600


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be launched.

    Attributes:
        name: What people call the run.
        requirements: Which machines are allowed for a node.
        tasks: A task for each run.
        estimate: What it will cost.
        settings: The configuration that the runs are tracked with; None where the template names none.
        notes: What to know before saying yes.
    """

    name: str
    requirements: Requirements
    tasks: tuple[RunTask, ...]
    estimate: Estimate
    settings: Config | None
    notes: tuple[str, ...] = ()


def make_plan(request: Request, *, known: KnownOffers | None = None, environ: Mapping[str, str] | None = None) -> Plan:
    """Plan a launch. Starts nothing and asks nobody.

    Args:
        request: What is to be launched.
        known: The offers that are known; those that lie on this machine where not given.
        environ: Variables of this process.

    Raises:
        ConfigError: Something in the request or its template is wrong, or costs too much.
    """
    environ = os.environ if environ is None else environ
    name = request.name
    template = read_template(find_template(request.task))
    settings = _settings(request, template)
    terms = Terms(settings or Config(thresholds=()))
    known = known or KnownOffers()
    node = known.checked(Requirements.of(request, template["resources"]))
    offers = sorted(terms.applied_to(known.allowed(node)), key=lambda offer: offer.usd_per_hour)
    left_out = known.left_out(node)
    nodes = nodes_of(request, template)
    if request.max_usd_per_hour is not None:
        offers = _affordable(offers, request.max_usd_per_hour, nodes)
    resources = resources_of(template["resources"], request, node, offers)
    if request.bucket is None and "BUCKET" in template["envs"]:
        request = msgspec.structs.replace(request, bucket=environ.get("MILEPOST_BUCKET") or own_bucket())
    group = request.group or (new_run_id(_plain(name)) if request.copies > 1 else None)
    secret_names = (*template["secrets"], *request.secrets)
    if missing := sorted(set(template["secrets"]) - set(request.secrets)):
        raise ConfigError(f"secrets.{missing[0]}: the template wants it, expected --secret {missing[0]}")
    tasks = []
    for seed, run in enumerate(_new_ids(name, request.copies), request.seed):
        task = filled_in(template, request, run=run, group=group, seed=seed, resources=resources)
        secrets = take_secrets(task["envs"], request.arguments, secret_names, environ)
        task["envs"] = {name: value for name, value in task["envs"].items() if name not in secrets}
        said = None if request.gives_seed else seed
        managed = node.market == "spot"
        tasks.append(RunTask(run=run, group=group, seed=said, task=task, secrets=secrets, managed=managed))
    estimate = Estimate(
        cheapest=offers[0] if offers else None,
        dearest=offers[-1] if offers else None,
        nodes=nodes,
        copies=request.copies,
        max_runtime_seconds=request.max_runtime_seconds,
        unknown_because=None if offers else "prices: off" if terms.book is None else _why_unknown(node, left_out),
    )
    return Plan(
        name=name,
        requirements=node,
        tasks=tuple(tasks),
        estimate=estimate,
        settings=settings,
        notes=(*_notes(request, node, offers), *(f"not in the estimate: {each}" for each in left_out if offers)),
    )


def own_bucket() -> str:
    """Return this user's bucket, in a name that nobody else has, from this machine."""
    user = re.sub(r"[^a-z0-9]+", "-", getpass.getuser().lower()).strip("-")[:20]
    mark = hashlib.sha256(f"{user}@{uuid.getnode():x}".encode()).hexdigest()[:10]
    return f"milepost-{user or 'user'}-{mark}"


def _affordable(offers: Sequence[Quote], most_usd: float, nodes: int) -> list[Quote]:
    """Return the offers within a cap; raises where there is none."""
    if within := [quote for quote in offers if quote.usd_per_hour * nodes <= most_usd]:
        return within
    if not offers:
        raise ConfigError("--max-usd-per-hour: found no price that could be held against it; give --instance-type")
    least = offers[0].usd_per_hour * nodes
    raise ConfigError(
        f"--max-usd-per-hour: found {most_usd:g}, expected {least:.4g} or more: that is what {nodes} × "
        f"{offers[0].instance_type} cost in {offers[0].region or 'any region'}, the cheapest that is allowed"
    )


def _new_ids(name: str, copies: int) -> list[str]:
    """Return ids that differ, also where chance gives one twice."""
    ids: dict[str, None] = {}
    while len(ids) < copies:
        ids[new_run_id(_plain(name))] = None
    return list(ids)


def _plain(name: str) -> str:
    """Return a name as SkyPilot and the clouds take it: a letter first, then letters, digits, single ``-`` or ``_``."""
    plain = re.sub(r"[-_]{2,}", "-", re.sub(r"[^A-Za-z0-9_]+", "-", name))[:MOST_NAME_CHARACTERS].strip("-_")
    return plain if plain[:1].isalpha() else f"run-{plain}".rstrip("-")


def _settings(request: Request, template: Mapping[str, Any]) -> Config | None:
    """Return the configuration of the runs, read from the file that the machines will get."""
    named = config_of(request, template)
    if not named:
        return None
    folder = workdir_of(request, template)
    return load_performance_thresholds(f"{folder}/{named}" if isinstance(folder, str) else named, strict=True)


def _why_unknown(node: Requirements, left_out: Sequence[str]) -> str:
    if left_out:
        return "; ".join(left_out)
    if not node.models and node.instance_type is None:
        return "SkyPilot chooses a CPU machine; give --instance-type for a price"
    return "no source on this machine knows it; `milepost price --refresh` fetches the catalogs of all clouds"


def _notes(request: Request, node: Requirements, offers: Sequence[Quote]) -> list[str]:
    options = {"nodes", "gpus", "gpu", "cloud", "region", "spot", "cpus", "copies", "image"}
    keys = [each.partition("=")[0] for each in request.arguments]
    notes = [f"{key}=… goes to the training script; the launcher's is --{key}" for key in keys if key in options]
    if node.cpus is not None and any(quote.vcpus is None for quote in offers):
        notes.append("how many CPUs some of these machines have is not known here: not all may be allowed")
    if request.max_runtime_seconds is None:
        notes.append("no --max-runtime: a run that never ends never stops costing")
    return notes
