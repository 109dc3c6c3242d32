"""What all pictures have in common."""

from typing import Any

import msgspec

from milepost.errors import require
from milepost.report.pictures.data import Datum


class Table(msgspec.Struct, frozen=True):
    """What a picture shows, as text.

    Attributes:
        columns: Headings.
        rows: Cells, a row each.
        numbers: How many of the last columns hold numbers, and stand to the right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 0


class Switch(msgspec.Struct, frozen=True):
    """A choice between charts of one picture.

    Attributes:
        name: What is chosen.
        options: What there is to choose from, the first unless somebody chooses.
    """

    name: str
    options: tuple[str, ...]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture: charts of which one is shown at a time, and their data.

    Attributes:
        name: Its name in `figure` and on the command line.
        title: Its heading.
        says: How to read it; also its text for those who can't see it.
        charts: Altair charts by what is chosen of each switch; none where there is nothing to draw.
        switches: What there is to choose.
        data: The data sets that the charts name.
        table: The same as text.
        notes: What else there is to say, and why something is not drawn.
    """

    name: str
    title: str
    says: str
    charts: dict[tuple[str, ...], Any] = {}
    switches: tuple[Switch, ...] = ()
    data: dict[str, list[Datum]] = {}
    table: Table = Table((), ())
    notes: tuple[str, ...] = ()

    def choose(self, **choices: str | None) -> tuple[str, ...]:
        """Return what is chosen of each switch: of those that nobody chooses, the first that there is a chart of.

        Raises:
            ConfigError: There is no such switch or option; says which there are.
        """
        switches = {switch.name: switch.options for switch in self.switches}
        for name, choice in choices.items():
            if choice is None:
                continue
            options = switches.get(name)
            require(options is not None, f"{self.name}: {name}", choice, "no such choice in this picture")
            require(choice in (options or ()), f"{self.name}: {name}", choice, f"one of {', '.join(options or ())}")
        chosen = tuple(choices.get(name) for name, options in switches.items() if options)
        for key in self.charts:
            if all(choice in (None, part) for choice, part in zip(chosen, key, strict=True)):
                return key
        return tuple(choices.get(name) or options[0] for name, options in switches.items() if options)
