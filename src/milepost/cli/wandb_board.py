"""``milepost wandb-board``: the pictures in W&B."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from milepost.analysis.units import units_of
from milepost.cli.options import ConfigName
from milepost.cli.stores import StoreOption, find_runs, has_store, open_store
from milepost.config import load_performance_thresholds
from milepost.errors import ConfigError
from milepost.report.terminal import open_console
from milepost.report.wandb_board import board
from milepost.tracking.counting import SamplesUnit
from milepost.tracking.thresholds import PerformanceThreshold


def wandb_board(
    project: Annotated[str, typer.Argument(metavar="ENTITY/PROJECT", help="Where the board is to be.")],
    config: ConfigName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")] = False,
    store: StoreOption = None,
) -> None:
    """Make a saved workspace and a report in W&B, over what runs logged there: no clicking."""
    entity, _, name = project.partition("/")
    if not entity or not name or "/" in name:
        raise ConfigError(f"ENTITY/PROJECT: found {project!r}, expected such as my-team/my-project")
    made = board(entity, name, *_thresholds(config, store))
    if dry_run:
        typer.echo(json.dumps(made.specification(), indent=2))
        return
    workspace, report = made.save()
    console = open_console()
    console.print(f"workspace: {workspace}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"report:    {report}", soft_wrap=True, markup=False, highlight=False)


def _thresholds(config: str | None, store: str | None) -> tuple[list[PerformanceThreshold], Sequence[SamplesUnit]]:
    """Return the thresholds of a configuration, else those of the runs that are kept, and what runs count in.

    Raises:
        ConfigError: There are none.
    """
    units: list[SamplesUnit] = []
    if config is not None:
        file = Path(config)
        found = list(load_performance_thresholds(file if file.exists() else config, strict=True).thresholds)
    elif has_store(store):
        with closing(open_store(store)) as opened:
            kept = find_runs(opened, ())
        found = [each for record in kept for each in record.thresholds]
        units = units_of(result for record in kept for result in record.results)
    else:
        found = []
    if not found:
        raise ConfigError("wandb-board: found no threshold, expected --config FILE, or runs in the store (--store)")
    return found, units or ("samples",)
