"""``milepost detect``: what this machine is taken for, field by field, and why."""

import shlex
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from milepost.cli.printing import plain_table, print_json
from milepost.instances.detect import Detection, detect as find_out
from milepost.money.instance import FIELDS
from milepost.report.terminal import open_console


def detect(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Type and market as a shell's export lines; nothing where not known.")
    ] = False,
) -> None:
    """Say what this machine is taken for, field by field, where each is known from, and what each probe answered."""
    with Console(stderr=True).status("asking metadata services …"):
        found = find_out(probe=True)
    if export:
        typer.echo(_exports(found), nl=False)
        return
    fields: dict[str, Any] = {
        name: {"value": getattr(found.instance, name), "source": found.instance.sources.get(name)}
        for name in FIELDS
        if name != "assumed_because"  # said below the table, with what else is assumed
    }
    fields["rank"] = {"value": found.rank, "source": found.rank_source}
    probes = {each.name: each.reason or "answered" for each in found.probed}
    if as_json:
        print_json(fields | {"probes": probes})
        return
    console = open_console()
    console.print(
        plain_table(("field", "value", "source"), [[name, *field.values()] for name, field in fields.items()])
    )
    if probes:
        console.print(plain_table(("probe", "answer"), [list(probe) for probe in probes.items()]))
    metadata = [each for each in found.probed if each.name != "gpus"]
    if metadata and not any(each.instance for each in metadata):
        console.print("not on a known cloud")
    for warning in (found.misfit, found.assumed_because and f"assumed: {found.assumed_because}"):
        if warning:
            console.print(Text(warning, "yellow"))


def _exports(found: Detection) -> str:
    """Return lines for a shell, as SkyPilot's tasks are expected to have them."""
    variables = {}
    instance = found.instance
    if "instance_type" not in found.unknown and instance.instance_type is not None:
        variables["SKYPILOT_INSTANCE_TYPE"] = instance.instance_type
    if "market" not in found.unknown and instance.market is not None:
        use_spot = {"spot": "true", "on_demand": "false"}.get(instance.market)
        variables |= {"SKYPILOT_USE_SPOT": use_spot} if use_spot else {"MILEPOST_MARKET": instance.market}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
