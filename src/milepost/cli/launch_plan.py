"""Shows what a launch is about to start, and what it will cost."""

from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from milepost.cli.printing import print_json
from milepost.launch.launches import Launched
from milepost.launch.plan import Estimate, Plan
from milepost.launch.sky import launch_command
from milepost.money.quote import Quote
from milepost.report.amounts import usd


def show_tasks(plan: Plan, *, as_json: bool) -> None:
    """Print the task of each run, with the call that starts it."""
    for at, task in enumerate(plan.tasks):
        command = f"sky {' '.join(launch_command(Launched.of(task), detach=len(plan.tasks) > 1))}"
        if as_json:
            estimate = plan.estimate
            print_json(
                {"run": task.run, "group": task.group, "seed": task.seed, "managed": task.managed}
                | {"command": command, "task": task.task, "secrets": sorted(task.secrets)}
                | {"nodes": estimate.nodes, "max_runtime_seconds": estimate.max_runtime_seconds}
                | {"cheapest": _figures(estimate, estimate.cheapest)}
                | {"dearest": _figures(estimate, estimate.dearest)}
            )
            continue
        typer.echo(f"{'---' + chr(10) if at else ''}# {command}")
        typer.echo(task.as_yaml, nl=False)


def _figures(estimate: Estimate, quote: Quote | None) -> dict[str, Any] | None:
    """Return what a run costs at an offer."""
    if quote is None:
        return None
    names = ("provider", "instance_type", "region", "market", "usd_per_hour", "source", "as_of", "assumed")
    of_one = msgspec.structs.replace(estimate, copies=1)
    return {name: getattr(quote, name) for name in names} | {
        "run_usd_per_hour": of_one.usd_per_hour(quote),
        "run_usd_for_max_runtime": of_one.usd_for_max_runtime(quote),
    }


def say_cost(plan: Plan) -> None:
    """Say on standard error what the launch will cost."""
    estimate, console = plan.estimate, Console(stderr=True, soft_wrap=True)
    runs = f"{estimate.copies} runs, " if estimate.copies > 1 else ""
    nodes = f"{estimate.nodes} node{'s' * (estimate.nodes > 1)}"
    kind = "a managed job on spot machines" if plan.tasks[0].managed else "a cluster of on-demand machines"
    console.print(Text(f"{plan.name}: {runs}{nodes}{' each' if runs else ''}, {kind}"))
    if estimate.cheapest is None or estimate.dearest is None:
        console.print(Text(f"cost: not known: {estimate.unknown_because}", "yellow"))
    else:
        offers = {"cheapest": estimate.cheapest, "dearest": estimate.dearest}
        if estimate.cheapest == estimate.dearest:
            offers = {"cost": estimate.cheapest}
        for name, quote in offers.items():
            console.print(_price_line(name, estimate, quote))
    for note in plan.notes:
        console.print(Text(f"note: {note}", "cyan"))


def _price_line(name: str, estimate: Estimate, quote: Quote) -> Text:
    most = estimate.usd_for_max_runtime(quote)
    limit = "" if most is None else f", {usd(most, assumed=quote.assumed)} for --max-runtime"
    source = ", as of ".join(filter(None, (f"source: {quote.source}", quote.as_of)))
    what = " ".join(
        filter(None, (quote.provider, quote.instance_type, (quote.market or "").replace("_", "-"), quote.region))
    )
    times = " × ".join(str(each) for each in (estimate.nodes, estimate.copies) if each > 1)
    return Text(
        f"{name}: {usd(estimate.usd_per_hour(quote), assumed=quote.assumed)}/h{limit}  "
        f"({usd(quote.usd_per_hour)}/h{f' × {times}' if times else ''}, {what}; {source})"
    )
