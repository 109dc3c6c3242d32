"""``milepost launch status``, ``logs`` and ``stop``: what became of what was launched."""

from contextlib import closing
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from milepost.cli.printing import plain_table, print_json
from milepost.cli.stores import StoreOption, open_store
from milepost.errors import MilepostError
from milepost.launch.launches import find_launched
from milepost.launch.sky import find_sky, follow_logs, statuses_of, stop as stop_run
from milepost.money.costs import billed_cost
from milepost.report.amounts import usd
from milepost.report.terminal import open_console

DIFFERENCE = (
    "They differ: the ledger counts from the trainer's start (or the machine's boot, with billed_from: instance), at "
    "the prices of each moment, under the provider's billing rule; SkyPilot counts whole clusters, from launch to "
    "teardown, at its catalog's price."
)

COLUMNS = ("run", "group", "seed", "status", "where", "recoveries", "USD billed (ledger)", "USD (SkyPilot)")

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the beginning of it; or a group.")]


def status(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Id, its beginning, or a group; else all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line: one run each.")] = False,
    store: StoreOption = None,
) -> None:
    """Say how launched runs do, and what they cost so far: by the ledger, and by SkyPilot."""
    launches = find_launched(run)
    if not launches:
        typer.echo("nothing was launched from this folder", err=True)
        return
    sky = find_sky()
    with Console(stderr=True).status("asking SkyPilot …"):
        answers = list(zip(launches, statuses_of(sky, launches), strict=True))
    rows, reasons = [], []
    for launched, answer in answers:
        by_ledger, because = _ledger_usd(launched.run, store)
        if as_json:
            row: dict[str, Any] = {name: getattr(launched, name) for name in ("run", "group", "seed", "managed")}
            row |= {name: getattr(answer, name) for name in ("status", "where", "recoveries")}
            row |= {"ledger_usd": by_ledger, "ledger_usd_because": because}
            row |= {"skypilot_usd": answer.usd, "skypilot_usd_because": answer.usd_because}
            print_json(row)
            continue
        reasons.append(f"{launched.run}: ledger: {because}; SkyPilot: {answer.usd_because}")
        of_run = (launched.run, launched.group, launched.seed, answer.status or "unknown", answer.where)
        rows.append((*of_run, answer.recoveries, usd(by_ledger), usd(answer.usd)))
    if as_json:
        return
    console = open_console()
    console.print(plain_table(COLUMNS, rows, "Launched"))
    for reason in reasons:
        console.print(Text(reason), soft_wrap=True)
    console.print(Text(DIFFERENCE))


def _ledger_usd(run: str, store: str | None) -> tuple[float | None, str]:
    """Return what a run has cost so far by its ledger, and what that figure is or why there is none."""
    try:
        opened = open_store(store)
    except MilepostError as error:
        return None, str(error)
    with closing(opened):
        record = opened.load(run, curves=False)
    here = None if record is None else record.ledger.here
    if record is None or here is None:
        return None, "this store does not know the run: give it one that both can reach (--secret MILEPOST_STORE)"
    return billed_cost(record.ledger, here), "billed wall-clock time until its last mark"


def logs(
    run: RunArgument,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on as more comes.")] = True,
) -> None:
    """Show what a launched run prints, through SkyPilot."""
    launches = find_launched(run)
    sky = find_sky()
    statuses = [follow_logs(sky, launched, follow=follow and len(launches) == 1) for launched in launches]
    raise typer.Exit(int(any(statuses)))


def stop(
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """End launched runs and their machines. What lies on the bucket stays."""
    launches = find_launched(run)
    sky = find_sky()
    if not yes:
        typer.confirm(f"Stop {', '.join(each.run for each in launches)}?", abort=True, err=True)
    stopped = [stop_run(sky, launched) for launched in launches]
    if not all(stopped):
        typer.echo("not all could be stopped: see above", err=True)
    raise typer.Exit(int(not all(stopped)))
