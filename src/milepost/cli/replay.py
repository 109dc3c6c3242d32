"""``milepost replay``: results from the logs of runs that are over."""

from typing import Annotated, Any

import msgspec
import typer

from milepost.cli.log_options import Paths, ReplayOptions
from milepost.cli.logs import replay_shown, summarise
from milepost.cli.signature import Before, with_options
from milepost.errors import ConfigError
from milepost.replaying.replayed import Replayed
from milepost.report.exports import FORMATS, Format, as_json, as_text
from milepost.tracking.result import ThresholdResult


@with_options
def replay(
    paths: Paths,
    *,
    logs: ReplayOptions,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="csv, markdown or latex of the results; any other name is the logs' format."),
        Before("log_format"),
    ] = None,
    group: Annotated[str | None, typer.Option(help="Group of the runs."), Before("group_by")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the runs in the store."), Before("strict")] = False,
    store: Annotated[str | None, typer.Option(help="Path or URL of the store, for --save."), Before("strict")] = None,
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line: one result each.")] = False,
) -> None:
    """Say of runs that are over what it took to reach thresholds chosen today, from logs of any known format."""
    shown_as, log_format = _formats(formats or [], logs.log_format)
    if as_json_lines and shown_as is not None:
        raise ConfigError("replay: expected either --json or --format csv, markdown or latex")
    if logs.config is None and not logs.threshold:
        raise ConfigError("replay: found no threshold, expected --threshold 'METRIC >= VALUE' or --config FILE")
    lines = _JsonLines()
    try:
        results = replay_shown(
            paths,
            msgspec.structs.replace(logs, log_format=log_format),
            group=group,
            save=save,
            store=store,
            on_result=lines.take if as_json_lines else None,
        )
    except BaseException:
        lines.print()
        raise
    lines.print(left_out=[each._asdict() for each in results.left_out])
    if shown_as is not None:
        typer.echo(as_text(results, shown_as), nl=False)
    elif not as_json_lines:
        from milepost.report.terminal import open_console, runs_results_table

        open_console().print(runs_results_table(results))
    summarise(results, saved=save)


def _formats(named: list[str], log_format: str | None) -> tuple[Format | None, str | None]:
    """Tell the format of the results from that of the logs: a table for a paper is no log."""
    of_results = [each for each in named if each in FORMATS]
    of_logs = [each for each in (*named, log_format) if each is not None and each not in of_results]
    if len(of_results) > 1 or len(of_logs) > 1:
        raise ConfigError(f"--format: found {', '.join(named)}, expected one of the results, one of the logs, or both")
    return next(iter(of_results), None), of_logs[0] if of_logs else None


class _JsonLines:
    """Prints results as they come, a line each; the last one waits for what is known at the end alone."""

    def __init__(self) -> None:
        self._last: ThresholdResult | None = None

    def take(self, done: Replayed) -> None:
        """Print the results of a run, but for the last."""
        for result in done.results:
            self.print()
            self._last = result

    def print(self, **more: Any) -> None:
        """Print the last result, with what else is to be told."""
        if self._last is not None:
            typer.echo(as_json(self._last, **more))
        self._last = None
