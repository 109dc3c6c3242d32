"""Options of commands over logs: a struct that `signature.with_options` puts into a command's signature."""

import re
from typing import Annotated, Any, Literal

import msgspec
import typer

from milepost.cli.options import ConfigName, PricePerHour, Provider, Region
from milepost.errors import ConfigError
from milepost.replaying.workers.scheduling import Engine

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Logs: files, folders, globs, addresses.")]


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What every command over logs takes: targets, how the logs are to be read, and what their runs ran on.

    A further option is a further field. It is handed to `replay` as the keyword of its name, if `keywords` does not
    say otherwise.
    """

    threshold: Annotated[
        list[str] | None, typer.Option(metavar="EXPR", help="Such as 'top5Accuracy >= 93' or 'loss <= 0.4 @ 0.1'.")
    ] = None
    config: ConfigName = None
    log_format: Annotated[str | None, typer.Option(help="Format of the logs, where content does not tell.")] = None
    match: Annotated[str | None, typer.Option(metavar="GLOB", help="Only runs whose id matches.")] = None
    group_by: Annotated[
        str | None, typer.Option(metavar="KEY", help="Group by a piece of the path (0, 1 …) or a setting.")
    ] = None
    samples_column: Annotated[str | None, typer.Option(help="Column that counts samples.")] = None
    samples_per_step: Annotated[
        int | None, typer.Option(metavar="N", help="Samples of a step, where the logs count steps.", min=1)
    ] = None
    time_column: Annotated[str | None, typer.Option(help="Column that tells time.")] = None
    time_unit: Annotated[Literal["s", "min", "h"] | None, typer.Option(help="Its unit.")] = None
    run_column: Annotated[str | None, typer.Option(help="Column that tells runs in one file apart.")] = None
    gap: Annotated[
        str | None, typer.Option(metavar="TIME", help="Leave out holes between rows of so long, such as 10m.")
    ] = None
    join: Annotated[
        bool | None,
        typer.Option("--join/--no-join", help="Whether logs that belong together are one run; else they tell."),
    ] = None
    pattern: Annotated[
        list[str] | None,
        typer.Option(metavar="REGEX", help=r"Reads lines of text: 'step (?P<step>\d+) loss (?P<loss>\S+)'; several."),
    ] = None
    instance: Annotated[str | None, typer.Option(help="Type of each node that they ran on.")] = None
    nodes: Annotated[int | None, typer.Option(help="How many.", min=1)] = None
    spot: Annotated[bool | None, typer.Option("--spot/--on-demand", help="How they were paid for.")] = None
    region: Region = None
    provider: Provider = None
    source: Annotated[str | None, typer.Option(help="Ask this price source alone.")] = None
    price_per_hour: PricePerHour = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that were given, by their names."""
        every = {field.name: (getattr(self, field.name), field.default) for field in msgspec.structs.fields(self)}
        return {name: value for name, (value, default) in every.items() if value not in (default, [], ())}

    def keywords(self) -> dict[str, Any]:
        """Return them as keywords of `milepost.replay`."""
        keywords = msgspec.structs.asdict(self)
        keywords["thresholds"] = keywords.pop("threshold") or None
        keywords["format"] = keywords.pop("log_format")
        node = {
            "provider": keywords.pop("provider"),
            "instance_type": keywords.pop("instance"),
            "num_nodes": keywords.pop("nodes"),
            "region": keywords.pop("region"),
            "market": {None: None, True: "spot", False: "on_demand"}[keywords.pop("spot")],
        }
        keywords["instance"] = {name: value for name, value in node.items() if value is not None}
        return keywords


class ReplayOptions(LogOptions, frozen=True, kw_only=True):
    """What a command over very many logs takes besides: how much is read, where, and what one that is broken stops."""

    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first log that can't be read.")] = False
    final: Annotated[
        bool,
        typer.Option(
            "--final/--no-final",
            help="Whether it matters how runs ended. If not, final values and counts are left out, and less is read.",
        ),
    ] = True
    engine: Annotated[
        Engine, typer.Option(help="Where the logs are read; auto: in processes, where there is enough to read.")
    ] = "auto"
    workers: Annotated[int | None, typer.Option(help="How many processes; one a core if not given.", min=1)] = None
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What they may take together, such as 4GB: fewer, if need be.")
    ] = None

    def keywords(self) -> dict[str, Any]:
        """Return them as keywords of `milepost.replay`."""
        keywords = super().keywords()
        size = keywords.pop("memory")
        keywords["memory_bytes"] = None if size is None else _bytes_of(size)
        return keywords


def _bytes_of(size: str) -> int:
    """Return the bytes of a size such as ``512MB``, ``4GB`` or ``4GiB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", size.strip(), re.IGNORECASE)
    if found is None:
        raise ConfigError(f"--memory: found {size!r}, expected a size such as 512MB or 4GB")
    number, prefix, binary = found.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** " KMGT".index(prefix.upper() or " "))
