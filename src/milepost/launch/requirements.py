"""What a node is to be: the request's word before the template's ``resources``."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from milepost.errors import ConfigError, require
from milepost.launch.request import Request
from milepost.money.instance import Market

Model = tuple[str, int]
"""A GPU's model, and how many of it a node has."""


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
            models=() if kind or request.gpus == 0 else _models(request, resources.get("accelerators")),
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
        model, colon, number = each.partition(":")
        fits = bool(model) and (not colon or re.fullmatch(r"[1-9]\d{0,3}", number) is not None)
        require(fits, "--gpu", each, "a model such as A10G, or with its number such as A10G:4")
        require(not colon or request.gpus in (None, int(number)), "--gpus", request.gpus, f"the number in --gpu {each}")
        wanted.append((model, int(number) if colon else request.gpus or default_number))
    return tuple(dict.fromkeys(wanted))


def _template_models(accelerators: Any) -> list[Model]:
    if accelerators is None:
        return []
    model, _, number = str(accelerators).partition(":")
    pairs: list[tuple[Any, Any]] = list(accelerators.items()) if isinstance(accelerators, dict) else [(model, number)]
    fits = len(pairs) == 1 and re.fullmatch(r"[1-9]\d{0,3}", str(pairs[0][1] or 1)) is not None
    require(fits, "resources.accelerators", accelerators, "one model, such as A10G:1")
    return [(str(pairs[0][0]), int(pairs[0][1] or 1))]
