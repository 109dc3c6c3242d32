"""``milepost launch``: a training task on the cloud, tracked."""

from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from milepost.cli.doctor import print_findings
from milepost.cli.launch_options import LaunchOptions
from milepost.cli.launch_plan import say_cost, show_tasks
from milepost.cli.launched import logs, status, stop
from milepost.cli.signature import with_options
from milepost.doctor.examine import examine_elsewhere
from milepost.doctor.finding import Finding
from milepost.errors import ConfigError
from milepost.launch.launches import keep
from milepost.launch.plan import Plan, make_plan
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
@with_options
def start_runs(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A template: devops/skypilot/TASK.yaml, or a path.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="key=value", help="Goes to the training script, untouched.")
    ] = None,
    *,
    options: LaunchOptions,
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
    plan = make_plan(options.request(task, arguments or ()))
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
    raise typer.Exit(_launch(plan, sky, detach=detach or options.copies > 1))


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
