"""Options of commands over logs: one struct, from which a further command takes them all."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

import milepost
from milepost.cli.log_options import LogOptions, Paths, ReplayOptions
from milepost.cli.signature import Before, with_options

LOG = "at,seconds,reward,seed\n" + "".join(
    f"{at * 100},{at * 60},{at / seed},{seed}\n" for seed in (1, 2) for at in range(9)
)


@with_options
def soonest(
    paths: Paths, *, logs: LogOptions, top: Annotated[int, typer.Option(help="So many."), Before("config")] = 1
) -> None:
    """Name the runs that got there first."""
    results = milepost.replay(paths, **logs.keywords())
    for each in sorted(results, key=lambda result: result.minutes_to_threshold or 1e9)[:top]:
        typer.echo(f"{each.run}: {each.minutes_to_threshold} min, {each.cost_to_threshold} USD")


def call(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(soonest)
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_further_command_takes_every_option(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    log = tmp_path / "log.csv"
    log.write_text(LOG)
    columns = ("--samples-column", "at", "--time-column", "seconds", "--time-unit", "min", "--run-column", "seed")
    options = ("--threshold", "reward >= 2", "--price-per-hour", "0.5", "--nodes", "2")
    # Seed 1 has a reward of 2 at its third row, 120 minutes in: 2 hours of 2 nodes at 0.5. Seed 2 has it at its fifth.
    first, second = call(str(log), *columns, *options, "--top", "2").splitlines()
    assert first.endswith("1: 120.0 min, 2.0 USD")
    assert second.endswith("2: 240.0 min, 4.0 USD")


def test_help_shows_them_in_order_and_a_commands_own_where_it_says() -> None:
    shown = call("--help")
    flags = [word for line in shown.splitlines() for word in line.split()[1:2] if word.startswith("--")]
    fields = ["--" + name.replace("_", "-") for name in LogOptions.__struct_fields__]
    assert flags[: len(fields) + 1] == [fields[0], "--top", *fields[1:]]
    assert "Such as 'top5Accuracy >= 93' or 'loss <= 0.4 @ 0.1'." in shown


ONE_OF_EACH: dict[str, Any] = {
    **dict.fromkeys(("config", "log_format", "match", "group_by", "samples_column", "time_column", "time_unit"), "x"),
    **dict.fromkeys(("run_column", "instance", "region", "provider", "source"), "x"),
    "threshold": ["m > 1"],
    "samples_per_step": 64,
    "gap": "10m",
    "pattern": [r"(?P<step>\d+) (?P<m>\S+)"],
    "join": True,
    "nodes": 2,
    "spot": False,
    "price_per_hour": 0.0,
    "strict": True,
    "final": False,
    "engine": "ray",
    "workers": 2,
    "memory": "512MB",
}


@pytest.mark.parametrize("name", ReplayOptions.__struct_fields__)
def test_every_option_is_handed_to_replay(name: str) -> None:
    options = ReplayOptions(**{name: ONE_OF_EACH[name]})
    assert options.given == {name: ONE_OF_EACH[name]}
    assert options.keywords() != ReplayOptions().keywords()
    assert options.keywords().keys() <= inspect.signature(milepost.replay).parameters.keys()


def test_what_a_node_was_is_told_as_the_configuration_tells_it() -> None:
    options = LogOptions(provider="aws", instance="g5.xlarge", nodes=2, region="us-east-1", spot=True)
    assert options.keywords()["instance"] == {
        "provider": "aws",
        "instance_type": "g5.xlarge",
        "num_nodes": 2,
        "region": "us-east-1",
        "market": "spot",
    }
    assert LogOptions(spot=False).keywords()["instance"] == {"market": "on_demand"}
    assert ReplayOptions(memory="1.5 GiB").keywords()["memory_bytes"] == 3 * 2**29
