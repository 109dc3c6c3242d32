"""The pictures in W&B: a saved workspace and a report over ``performance_threshold/*``, which W&B draws itself.

Both are built with W&B's own ``wandb-workspaces``, whose models check them:
https://docs.wandb.ai/models/reports/programmatic-workspaces
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from milepost.errors import ConfigError, MissingExtra
from milepost.sinks.wandb import SAMPLES
from milepost.tracking.thresholds import PerformanceThreshold

PREFIX = "performance_threshold"
COST = f"{PREFIX}/cost_so_far"
TITLE = "What it took"


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


def board(entity: str, project: str, thresholds: Sequence[PerformanceThreshold]) -> Board:
    """Return the four pictures for W&B: as sections of a workspace, and as a report.

    Args:
        entity: User or team.
        project: Its project.
        thresholds: What runs are to reach.

    Raises:
        MissingExtra: wandb-workspaces is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as reports
        import wandb_workspaces.workspaces as workspaces
    except ImportError:
        raise MissingExtra("wandb-workspaces", "wandb", "a W&B board") from None
    names = list(dict.fromkeys(threshold.name for threshold in thresholds))
    columns = [f"summary:{key}" for name in names for key in (_key(name, "achieved"), _key(name, "cost_to_threshold"))]
    pictures = _pictures(reports, names)
    workspace = workspaces.Workspace(
        entity=entity,
        project=project,
        name=TITLE,
        sections=[workspaces.Section(name=title, panels=panels, is_open=True) for title, _, panels in pictures],
        settings=workspaces.WorkspaceSettings(x_axis=SAMPLES, max_runs=100),
        runset_settings=workspaces.RunsetSettings(pinned_columns=[*columns, f"summary:{PREFIX}/price_source"]),
    )
    blocks: list[Any] = [reports.TableOfContents()]
    for title, says, panels in pictures:
        runset = reports.Runset(
            name="All runs"
        )  # of the report's own project: W&B would be asked for one that is named
        blocks += [reports.H2(title), reports.P(says), reports.PanelGrid(runsets=[runset], panels=panels)]
    report = reports.Report(
        entity=entity,
        project=project,
        title=TITLE,
        description="Samples, minutes and dollars to each threshold.",
        blocks=blocks,
        width="fluid",
    )
    return Board(workspace, report)


def _pictures(reports: Any, names: Sequence[str]) -> list[tuple[str, str, list[Any]]]:
    """Return title, text and panels of each picture."""
    layout = reports.Layout
    quantities = (
        ("samples_to_threshold", "samples"),
        ("minutes_to_threshold", "training time (minutes)"),
        ("cost_to_threshold", "cost of training time (USD)"),
    )
    reached = [
        reports.BarPlot(
            title=f"To each threshold: {unit}",
            metrics=[_key(name, key) for name in names],
            title_x=unit,
            max_runs_to_show=100,
            layout=layout(x=8 * at, y=0, w=8, h=10),
        )
        for at, (key, unit) in enumerate(quantities)
    ]
    performance = [
        reports.LinePlot(
            title=f"{name}: smoothed metric over dollars",
            x=COST,
            y=[_key(name, "final_smoothed_value"), _key(name, "target_value")],
            title_x="spent so far (USD)",
            title_y="smoothed value",
            max_runs_to_show=100,
            layout=layout(x=12 * (at % 2), y=10 * (at // 2), w=12, h=10),
        )
        for at, name in enumerate(names)
    ]
    efficiency = [
        *(
            reports.BarPlot(
                title=f"Mean of the runs that got there: {unit}",
                metrics=[_key(name, key) for name in names],
                title_x=unit,
                groupby="Group",
                groupby_aggfunc="mean",
                groupby_rangefunc="minmax",
                layout=layout(x=6 * at, y=0, w=6, h=10),
            )
            for at, (key, unit) in enumerate(quantities)
        ),
        reports.BarPlot(
            title="Part of the runs that got there",
            metrics=[_key(name, "achieved") for name in names],
            title_x="part of the runs (0 to 1)",
            groupby="Group",
            groupby_aggfunc="mean",
            layout=layout(x=18, y=0, w=6, h=10),
        ),
    ]
    utilisation = [
        reports.LinePlot(
            title="Price of a node",
            x=SAMPLES,
            y=[f"{PREFIX}/usd_per_hour"],
            title_x="samples",
            title_y="USD an hour",
            layout=layout(x=0, y=0, w=12, h=10),
        ),
        reports.BarPlot(
            title="Spent so far, by group",
            metrics=[COST],
            title_x="USD",
            groupby="Group",
            groupby_aggfunc="sum",
            layout=layout(x=12, y=0, w=12, h=10),
        ),
    ]
    return [
        (
            "When each threshold was reached",
            "Runs without a bar have not reached it: look at the column “achieved” beside it.",
            reached,
        ),
        ("Cost against performance", "The level line is the target.", performance),
        (
            "What each threshold took",
            "Bars count only the runs that got there; the last chart says which part that is.",
            efficiency,
        ),
        (
            "Instance utilisation",
            "Where the money went, and every price's source and date: `milepost report`.",
            utilisation,
        ),
    ]


def _key(name: str, what: str) -> str:
    return f"{PREFIX}/{name}/{what}"
