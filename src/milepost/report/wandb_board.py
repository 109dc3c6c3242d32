"""The pictures in W&B: a saved workspace and a report over ``performance_threshold/*``, which W&B draws itself.

Both are built with W&B's own ``wandb-workspaces``, whose models check them:
https://docs.wandb.ai/models/reports/programmatic-workspaces
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from milepost.errors import ConfigError, MissingExtra
from milepost.tracking.counting import SamplesUnit
from milepost.tracking.keys import PREFIX
from milepost.tracking.thresholds import PerformanceThreshold

COST = f"{PREFIX}/cost_so_far"
TITLE = "What it took"

QUANTITIES = {"minutes": "training time (minutes)", "cost": "cost of training time (USD)"}
"""What there is of each threshold beside what is counted: by its key, the title of its axis."""


class Board(NamedTuple):
    """A workspace and a report, not saved as yet."""

    workspace: Any
    report: Any

    def specification(self) -> dict[str, Any]:
        """Return what is sent to W&B when they are saved."""
        # What the package itself sends: it has no public name for that.
        sent = {"workspace": self.workspace._to_model().spec, "report": self.report._to_model().spec}
        return {name: spec.model_dump(mode="json", by_alias=True, exclude_none=True) for name, spec in sent.items()}

    def save(self) -> tuple[str, str]:
        """Save both, and return their addresses: of the workspace, and of the report.

        Raises:
            ConfigError: W&B can't be reached, or refuses; says why.
        """
        import wandb

        try:
            wandb.Api()  # says why, where nobody is logged in
            self.report.save()  # first: it makes the project, where there is none
            self.workspace.save()
        except Exception as error:
            if not type(error).__module__.startswith("wandb") and type(error) is not Exception:
                raise
            raise ConfigError(
                f"W&B: expected to save a board to {self.report.entity}/{self.report.project}, found: {error}; "
                "log in with `wandb login` or WANDB_API_KEY, to a server other than wandb.ai with WANDB_BASE_URL"
            ) from error
        return self.workspace.url, self.report.url


def board(
    entity: str,
    project: str,
    thresholds: Sequence[PerformanceThreshold],
    units: Sequence[SamplesUnit] = ("samples",),
) -> Board:
    """Return the four pictures for W&B: as sections of a workspace, and as a report.

    Args:
        entity: User or team.
        project: Its project.
        thresholds: What runs are to reach.
        units: What the runs count in: each has bars of its own. Prices are drawn over the first.

    Raises:
        MissingExtra: wandb-workspaces is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as reports
        import wandb_workspaces.workspaces as workspaces
    except ImportError:
        raise MissingExtra("wandb-workspaces", "wandb", "a W&B board") from None
    names = list(dict.fromkeys(threshold.name for threshold in thresholds))
    columns = [
        f"summary:{key}"
        for name in names
        for key in (_key(name, "achieved"), _key(name, "cost_to_threshold"), _key(name, "bound"))
    ]
    pictures = _pictures(reports, names, units)
    workspace = workspaces.Workspace(
        entity=entity,
        project=project,
        name=TITLE,
        sections=[workspaces.Section(name=title, panels=panels, is_open=True) for title, _, panels in pictures],
        settings=workspaces.WorkspaceSettings(x_axis=f"{PREFIX}/{units[0]}", max_runs=100),
        runset_settings=workspaces.RunsetSettings(pinned_columns=[*columns, f"summary:{PREFIX}/price_source"]),
    )
    blocks: list[Any] = [reports.TableOfContents()]
    for title, says, panels in pictures:
        # Of the report's own project: W&B would be asked for one that is named.
        runset = reports.Runset(name="All runs")
        blocks += [reports.H2(title), reports.P(says), reports.PanelGrid(runsets=[runset], panels=panels)]
    report = reports.Report(
        entity=entity,
        project=project,
        title=TITLE,
        description=f"{', '.join(units).capitalize()}, minutes and dollars to each threshold.",
        blocks=blocks,
        width="fluid",
    )
    return Board(workspace, report)


def _pictures(reports: Any, names: Sequence[str], units: Sequence[SamplesUnit]) -> list[tuple[str, str, list[Any]]]:
    """Return title, text and panels of each picture."""

    def of(what: str) -> list[str]:
        return [_key(name, what) for name in names]

    def place(x: int, width: int, y: int = 0) -> Any:
        return reports.Layout(x=x, y=y, w=width, h=10)

    def bars(title: str, unit: str, metrics: list[str], layout: Any, **options: Any) -> Any:
        return reports.BarPlot(title=title, title_x=unit, metrics=metrics, layout=layout, **options)

    def lines(title: str, x: str, title_x: str, y: list[str], title_y: str, layout: Any, **options: Any) -> Any:
        return reports.LinePlot(title=title, x=x, y=y, title_x=title_x, title_y=title_y, layout=layout, **options)

    mean = {"groupby": "Group", "groupby_aggfunc": "mean"}
    reached, efficiency = [], []
    quantities = {unit: unit for unit in units} | QUANTITIES
    for at, (quantity, unit) in enumerate(quantities.items()):
        metrics = of(f"{quantity}_to_threshold")
        where = place(8 * (at % 3), 8, y=10 * (at // 3))
        reached.append(bars(f"To each threshold: {unit}", unit, metrics, where, max_runs_to_show=100))
        title, where = f"Mean of the runs that got there: {unit}", place(6 * (at % 4), 6, y=10 * (at // 4))
        efficiency.append(bars(title, unit, metrics, where, groupby_rangefunc="minmax", **mean))
    title, unit, at = "Part of the runs that got there", "part of the runs (0 to 1)", len(quantities)
    efficiency.append(bars(title, unit, of("achieved"), place(6 * (at % 4), 6, y=10 * (at // 4)), **mean))
    performance = [
        lines(
            *(f"{name}: smoothed metric over dollars", COST, "spent so far (USD)"),
            *([_key(name, "final_smoothed_value"), _key(name, "target_value")], "smoothed value"),
            place(12 * (at % 2), 12, y=10 * (at // 2)),
            max_runs_to_show=100,
        )
        for at, name in enumerate(names)
    ]
    utilisation = [
        lines(
            "Price of a node", f"{PREFIX}/{units[0]}", units[0], [f"{PREFIX}/usd_per_hour"], "USD an hour", place(0, 12)
        ),
        bars("Spent so far, by group", "USD", [COST], place(12, 12), groupby="Group", groupby_aggfunc="sum"),
    ]
    without = "Runs without a bar have not reached it: look at the column “achieved” beside it."
    counted = (
        "Bars count only the runs that got there; the last chart says which part that is. Where “bound” of a run is "
        "lower, its minutes and dollars are lower bounds, and so is their mean."
    )
    elsewhere = "Where the money went, and every price's source and date: `milepost report`."
    return [
        ("When each threshold was reached", without, reached),
        ("Cost against performance", "The level line is the target.", performance),
        ("What each threshold took", counted, efficiency),
        ("Instance utilisation", elsewhere, utilisation),
    ]


def _key(name: str, what: str) -> str:
    return f"{PREFIX}/{name}/{what}"
