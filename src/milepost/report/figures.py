"""Single pictures, as Altair charts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from milepost.errors import ConfigError
from milepost.replaying.results import Results
from milepost.report.vega import require_altair
from milepost.runs.record import RunRecord
from milepost.store.store import Store

if TYPE_CHECKING:
    import altair

    from milepost.report.pictures.picture import Picture
    from milepost.report.pictures.themes import Theme

NAMES = ("timeline", "cost_performance", "efficiency", "utilisation", "money", "curves", "ledger")
"""The pictures; the last two are of one run."""

WIDTH = 640
"""Of a single picture, pixels; PNG has two dots for each."""

Runs = Results | RunRecord | Iterable[RunRecord] | str | Path


def figure(
    name: str,
    runs: Runs,
    *,
    over: str | None = None,
    metric: str | None = None,
    theme: "Theme" = "light",
    width: int = WIDTH,
) -> "altair.LayerChart":
    """Return a picture as an Altair chart.

        results = milepost.replay("logs/", thresholds=["reward >= 200"], price_per_hour=1.2)
        milepost.report.figure("cost_performance", results)
        milepost.report.figure("timeline", ".milepost/milepost.db", over="dollars")

    Args:
        name: ``timeline``, ``cost_performance``, ``efficiency``, ``utilisation`` or ``money``; of one run ``curves`` or
            ``ledger``.
        runs: What `replay` gave, whose logs are then read again for their curves; or the path or URL of a store.
        over: ``samples`` (``steps``, ``epochs`` or ``updates`` where these are counted), ``minutes`` or ``dollars``,
            where the picture has that choice.
        metric: Which metric, where it has that choice.
        theme: ``light``, ``dark`` or ``paper``.
        width: Pixels.

    Raises:
        ConfigError: There is no such picture or choice, nothing to draw, or several runs for a picture of one.
        MissingExtra: Altair is not installed.
    """
    picture = draw(name, loaded(runs))
    return chart_of(picture, picture.choose(over=over, metric=metric), theme, width)


def loaded(runs: Runs) -> list[RunRecord]:
    """Return all that is known of runs, their curves included."""
    if isinstance(runs, Results):
        return runs.load()
    if isinstance(runs, RunRecord):
        return [runs]
    if isinstance(runs, str | Path):
        store = Store(runs)
        try:
            return [record for run in store.runs() if (record := store.load(run.id)) is not None]
        finally:
            store.close()
    return list(runs)


def draw(name: str, every: Sequence[RunRecord]) -> "Picture":
    """Return a picture of runs.

    Raises:
        ConfigError: There is no such picture, or several runs for a picture of one.
        MissingExtra: Altair is not installed.
    """
    require_altair()
    from milepost.report.pictures import OF_ONE_RUN, PICTURES

    if (of_many := PICTURES.get(name)) is not None:
        return of_many(every)
    if (of_one := OF_ONE_RUN.get(name)) is None:
        raise ConfigError(f"picture: found {name!r}, expected one of {', '.join(NAMES)}")
    if len(every) != 1:
        raise ConfigError(f"picture {name}: found {len(every):,} runs, expected one: it shows one run")
    return of_one(every[0])


def chart_of(picture: "Picture", chosen: tuple[str, ...], theme: "Theme", width: int = WIDTH) -> "altair.LayerChart":
    """Return one chart of a picture with its data, in a theme.

    Raises:
        ConfigError: There is nothing to draw; says why.
    """
    from milepost.report.pictures.themes import theme as configuration

    if (chart := picture.charts.get(chosen)) is None:
        why = " ".join(picture.notes) or "nothing is known of that"
        raise ConfigError(f"picture {picture.name}: found nothing to draw: {why}")
    titled = {} if theme == "paper" else {"title": picture.title}
    chart = chart.properties(width=width, datasets=picture.data, description=picture.says, **titled)
    themed: altair.LayerChart = chart.configure(**configuration(theme))
    return themed
