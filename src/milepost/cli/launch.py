"""``milepost launch``: a training task on the cloud, tracked."""

from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from milepost.cli.doctor import print_findings
from milepost.cli.launch_plan import say_cost, show_tasks
from milepost.cli.launched import logs, status, stop
from milepost.cli.options import ConfigName, Provider
from milepost.doctor.examine import examine_elsewhere
from milepost.doctor.finding import Finding
from milepost.errors import ConfigError, require
from milepost.launch.launches import keep
from milepost.launch.plan import Plan, make_plan
from milepost.launch.request import Request, parse_duration
from milepost.launch.sky import find_sky, launch_command, start
from milepost.launch.template import find_template
from milepost.money.instance import Instance


class _Group(TyperGroup):
    """A group whose first word may be a task: ``milepost launch train …`` is ``milepost launch start train …``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the word in where no command is named."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["start", *args]
        return super().parse_args(ctx, args)


launch = typer.Typer(
    name="launch",
    cls=_Group,
    no_args_is_help=True,
    help="Train on the cloud with tracking on, through SkyPilot: milepost launch TASK key=value … [OPTIONS]. "
    "The options: milepost launch start --help.",
)
for command in (status, logs, stop):
    launch.command()(command)


@launch.command("start")
def start_runs(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A template: devops/skypilot/TASK.yaml, or a path.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="key=value", help="Goes to the training script, untouched.")
    ] = None,
    nodes: Annotated[int | None, typer.Option(help="Nodes of a run.", min=1)] = None,
    gpus: Annotated[int | None, typer.Option(help="GPUs of a node; 0 is a CPU machine.", min=0)] = None,
    gpu: Annotated[str | None, typer.Option(help="Models, any of which will do: A10G,L4 or A100:8.")] = None,
    instance_type: Annotated[
        str | None, typer.Option(help="The provider's name of a machine, such as g5.12xlarge.")
    ] = None,
    cloud: Provider = None,
    region: Annotated[list[str] | None, typer.Option(help="Give several, or a,b: any of them will do.")] = None,
    spot: Annotated[
        bool | None, typer.Option("--spot/--no-spot", help="Spot machines, as a job that SkyPilot recovers.")
    ] = None,
    cpus: Annotated[str | None, typer.Option(help="Virtual CPUs of a node: 8, or 8+ for at least 8.")] = None,
    max_usd_per_hour: Annotated[
        float | None, typer.Option(help="The most that all nodes of a run may cost an hour.", min=0.0)
    ] = None,
    max_runtime: Annotated[str | None, typer.Option(help="The longest a run may take: 90m, 24h, 2d.")] = None,
    config: ConfigName = None,
    env: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A variable of the task.")] = None,
    secret: Annotated[
        list[str] | None, typer.Option(metavar="K", help="A variable that is set here, for the task alone to see.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="Image of the machines, or docker:NAME.")] = None,
    workdir: Annotated[str | None, typer.Option(help="Folder for the machines, or a git repository's URL.")] = None,
    git_ref: Annotated[str | None, typer.Option(help="Branch, tag or commit for them, in place of a copy.")] = None,
    copies: Annotated[int, typer.Option(help="Runs that differ by their seed.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first of them.", min=0)] = 1,
    group: Annotated[str | None, typer.Option(help="What the runs belong to.")] = None,
    bucket: Annotated[
        str | None, typer.Option(help="Bucket of the checkpoints; else MILEPOST_BUCKET, else one of your own.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Don't follow the logs; several runs never do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show task and cost; start nothing, ask nobody.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --dry-run: one JSON object a line: one run each.")
    ] = False,
) -> None:
    """Launch a training task. Exit status 1 if the doctor finds an error, or a launch fails."""
    if as_json and not dry_run:
        raise ConfigError("launch: expected --dry-run beside --json")
    find_template(task)  # a command that is misspelt is named before what follows it is looked at
    request = Request(
        task=task,
        arguments=tuple(arguments or ()),
        nodes=nodes,
        gpus=gpus,
        gpu=_several("--gpu", [gpu] if gpu is not None else []),
        instance_type=instance_type,
        cloud=cloud,
        regions=_several("--region", region or []),
        spot=spot,
        cpus=cpus,
        max_usd_per_hour=max_usd_per_hour,
        max_runtime_seconds=None if max_runtime is None else parse_duration(max_runtime),
        config=config,
        envs=tuple(env or ()),
        secrets=tuple(secret or ()),
        image=image,
        workdir=workdir,
        git_ref=git_ref,
        copies=copies,
        seed=seed,
        group=group,
        bucket=bucket,
    )
    plan = make_plan(request)
    findings = _doctor(plan)
    if dry_run:
        show_tasks(plan, as_json=as_json)
    say_cost(plan)
    print_findings(findings, Console(stderr=True, soft_wrap=True))
    if dry_run:
        return
    sky = find_sky()
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)
    if not yes:
        typer.confirm("Launch?", abort=True, err=True)
    raise typer.Exit(_launch(plan, sky, detach=detach or copies > 1))


def _several(option: str, given: list[str]) -> tuple[str, ...]:
    parts = tuple(part.strip() for each in given for part in each.split(","))
    require(all(parts), option, ",".join(given), "one name or more, with a comma between two")
    return parts


def _doctor(plan: Plan) -> list[Finding]:
    """Return what is wrong with the runs' setup, on the dearest machine that is allowed."""
    quote, task = plan.estimate.dearest, plan.tasks[0]
    node = plan.requirements
    instance = Instance.known(
        "launch",
        provider=node.provider,
        instance_type=node.instance_type,
        region=node.regions[0] if len(node.regions) == 1 else None,
        market=node.market,
        num_nodes=plan.estimate.nodes,
    )
    environ = {**task.task.get("envs", {}), **task.secrets}
    return examine_elsewhere(plan.settings, instance, quote, environ)


def _launch(plan: Plan, sky: str, *, detach: bool) -> int:
    """Launch each run, whatever becomes of the others; return the exit status. Ctrl-C leaves out what is to come."""
    launches = [(keep(task), task) for task in plan.tasks]
    is_interrupted, status = False, 0
    for launched, task in launches:
        is_launched = False
        try:
            is_launched = not is_interrupted and start(sky, launched, task.secrets, detach=detach)
        except KeyboardInterrupt:
            is_interrupted = True
        if is_launched:
            typer.echo(f"{launched.run}  milepost launch status {launched.run}", err=True)
            continue
        status = 1
        seed = "" if launched.seed is None else f" (seed {launched.seed})"
        retry = " ".join(["sky", *launch_command(launched, detach=detach)])
        retry += f" (with {', '.join(launched.secrets)} set)" if launched.secrets else ""
        typer.echo(
            f"{launched.run}{seed}: not launched, failed or interrupted. Again: {retry}\n"
            f"Machines that it left up cost money until: milepost launch stop {launched.run}",
            err=True,
        )
    return status
