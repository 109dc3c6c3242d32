"""Options of ``milepost launch TASK``, and the request that they make."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from milepost.cli.options import ConfigName, Provider
from milepost.config_checks import parse_duration
from milepost.errors import require
from milepost.launch.request import Request


class LaunchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be launched; what is not given is as the task's template has it."""

    nodes: Annotated[int | None, typer.Option(help="Nodes of a run.", min=1)] = None
    gpus: Annotated[int | None, typer.Option(help="GPUs of a node; 0 is a CPU machine.", min=0)] = None
    gpu: Annotated[str | None, typer.Option(help="Models, any of which will do: A10G,L4 or A100:8.")] = None
    instance_type: Annotated[
        str | None, typer.Option(help="The provider's name of a machine, such as g5.12xlarge.")
    ] = None
    cloud: Provider = None
    region: Annotated[list[str] | None, typer.Option(help="Give several, or a,b: any of them will do.")] = None
    spot: Annotated[
        bool | None, typer.Option("--spot/--no-spot", help="Spot machines, as a job that SkyPilot recovers.")
    ] = None
    cpus: Annotated[str | None, typer.Option(help="Virtual CPUs of a node: 8, or 8+ for at least 8.")] = None
    max_usd_per_hour: Annotated[
        float | None, typer.Option(help="The most that all nodes of a run may cost an hour.", min=0.0)
    ] = None
    max_runtime: Annotated[str | None, typer.Option(help="The longest a run may take: 90m, 24h, 2d.")] = None
    config: ConfigName = None
    env: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A variable of the task.")] = None
    secret: Annotated[
        list[str] | None, typer.Option(metavar="K", help="A variable that is set here, for the task alone to see.")
    ] = None
    image: Annotated[str | None, typer.Option(help="Image of the machines, or docker:NAME.")] = None
    workdir: Annotated[str | None, typer.Option(help="Folder for the machines, or a git repository's URL.")] = None
    git_ref: Annotated[str | None, typer.Option(help="Branch, tag or commit for them, in place of a copy.")] = None
    copies: Annotated[int, typer.Option(help="Runs that differ by their seed.", min=1)] = 1
    seed: Annotated[int, typer.Option(help="Seed of the first of them.", min=0)] = 1
    group: Annotated[str | None, typer.Option(help="What the runs belong to.")] = None
    bucket: Annotated[
        str | None, typer.Option(help="Bucket of the checkpoints; else MILEPOST_BUCKET, else one of your own.")
    ] = None

    def request(self, task: str, arguments: Sequence[str]) -> Request:
        """Return the request for a task, with the training script's own ``key=value``."""
        given = msgspec.structs.asdict(self)
        given["gpu"] = _several("--gpu", [] if self.gpu is None else [self.gpu])
        given["regions"] = _several("--region", given.pop("region") or [])
        max_runtime = given.pop("max_runtime")
        given["max_runtime_seconds"] = (
            None if max_runtime is None else round(parse_duration(max_runtime, "--max-runtime"))
        )
        given["envs"], given["secrets"] = tuple(given.pop("env") or ()), tuple(given.pop("secret") or ())
        return Request(task=task, arguments=tuple(arguments), **given)


def _several(option: str, given: list[str]) -> tuple[str, ...]:
    parts = tuple(part.strip() for each in given for part in each.split(","))
    require(all(parts), option, ",".join(given), "one name or more, with a comma between two")
    return parts
