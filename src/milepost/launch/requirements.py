"""What a node is to be: the request's word before the template's ``resources``."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from milepost.errors import ConfigError, require
from milepost.launch.request import Request
from milepost.money.instance import Market

Model = tuple[str, float]
"""A GPU's model, and how many of it a node has: a fraction where it has a part of one."""

BY_MEMORY = re.compile(r"(\w+:)?\d+[GMT]B\+?", re.IGNORECASE)
"""A model's place taken by the memory that it has, and by who makes it, such as ``nvidia:80GB+``."""

NUMBER = re.compile(r"\d{1,4}(\.\d{1,4})?")


class Requirements(msgspec.Struct, frozen=True, kw_only=True):
    """Which machines are allowed for a node.

    Attributes:
        models: GPUs, any of which will do; empty where the type says which, or for a CPU machine.
        instance_type: The provider's name of it.
        provider: The provider, in lower case.
        regions: Regions, any of which will do; empty for all.
        market: How it is paid for.
        cpus: Virtual CPUs, such as ``8+``.
    """

    models: tuple[Model, ...] = ()
    instance_type: str | None = None
    provider: str | None = None
    regions: tuple[str, ...] = ()
    market: Market = "on_demand"
    cpus: str | None = None

    @classmethod
    def of(cls, request: Request, resources: Mapping[str, Any]) -> "Requirements":
        """Put a request over a template's resources.

        Raises:
            ConfigError: The template's resources are none that can be filled in.
        """
        if several := {"any_of", "ordered"} & resources.keys():
            raise ConfigError(
                f"resources.{min(several)}: found it in the template, expected plain resources: alternatives are "
                "given with --gpu A,B and --region"
            )
        provider, region = _place(resources)
        spot = bool(resources.get("use_spot")) if request.spot is None else request.spot
        has_gpus = bool(request.gpu) or request.gpus is not None
        template_type = None if has_gpus else resources.get("instance_type")
        kind = request.instance_type or template_type
        other_cloud = request.cloud is not None and request.cloud.lower() != provider
        return cls(
            models=()
            if kind or request.gpus == 0
            else _models(request, resources.get("accelerators", resources.get("gpus"))),
            instance_type=kind,
            provider=request.cloud.lower() if request.cloud else provider,
            regions=request.regions or ((region,) if region and not other_cloud else ()),
            market="spot" if spot else "on_demand",
            cpus=request.cpus or (str(resources["cpus"]) if resources.get("cpus") is not None else None),
        )


def _place(resources: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return provider and region, from ``infra: aws/us-east-1`` or from a key each."""
    parts = [part.strip() for part in str(resources.get("infra") or "").split("/")]
    if not any(parts):
        parts = [str(resources.get(key) or "") for key in ("cloud", "region", "zone")]
    provider, region, zone = [None if part in ("", "*") else part for part in (*parts, "", "")][:3]
    require(zone is None, "resources", zone, "a cloud and a region in the template, and no zone")
    return (provider.lower() if provider else None), region


def _models(request: Request, template: Any) -> tuple[Model, ...]:
    """Return the GPUs that are asked for; what the request leaves open is as in the template."""
    default_model, default_number = next(iter(_template_models(template)), (None, 1))
    if not request.gpu:
        if default_model is None:
            require(request.gpus is None, "--gpus", request.gpus, "--gpu MODEL beside it: the template has no GPUs")
            return ()
        return ((default_model, default_number if request.gpus is None else request.gpus),)
    wanted = []
    for each in request.gpu:
        model, number = _parsed(each)
        fits = model is not None
        require(fits, "--gpu", each, "a model such as A10G, or with its number such as A10G:4")
        require(number is None or request.gpus in (None, number), "--gpus", request.gpus, f"the number in --gpu {each}")
        wanted.append((str(model), number or request.gpus or default_number))
    return tuple(dict.fromkeys(wanted))


def is_by_memory(model: str) -> bool:
    """Say whether accelerators are asked for by their memory: which model they are is left to SkyPilot."""
    return BY_MEMORY.fullmatch(model) is not None


def _parsed(asked: str) -> tuple[str | None, float | None]:
    """Return model and number of such as ``A10G:4``; no model where it is not of that form."""
    if BY_MEMORY.fullmatch(asked):
        return asked, None
    model, colon, number = asked.rpartition(":") if ":" in asked else (asked, "", "")
    if not model or (":" in model and not BY_MEMORY.fullmatch(model)):
        return None, None
    if not colon:
        return model, None
    if not NUMBER.fullmatch(number) or not float(number):
        return None, None
    return model, int(float(number)) if float(number).is_integer() else float(number)


def _template_models(accelerators: Any) -> list[Model]:
    if accelerators is None:
        return []
    asked = [str(accelerators)]
    if isinstance(accelerators, dict):
        asked = [str(model) if number is None else f"{model}:{number}" for model, number in accelerators.items()]
    model, number = _parsed(asked[0]) if len(asked) == 1 else (None, None)
    require(model is not None, "resources.accelerators", accelerators, "one model, such as A10G:1")
    return [(str(model), number or 1)]
