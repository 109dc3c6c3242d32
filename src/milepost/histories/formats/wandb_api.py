"""W&B's runs through its own client: https://docs.wandb.ai/ref/python/public-api.

An address is ``wandb://entity/project/run``, or ``wandb://entity/project`` for all of a project's runs. Each metric is
scanned by itself (``scan_history``), since a scan for several gives only the steps that logged all of them; the sampled
``history`` is never asked for.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number_in
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.names import positions
from milepost.histories.tables.row_table import RowTable, one_of_many, seed_of

PAGE = 10_000
"""Steps that are asked for at a time."""

CLIENT_SECONDS = 60
"""How long W&B may take over one answer."""


class WandbReader(Reader):
    """Reads runs by their path in W&B."""

    name: ClassVar[str] = "wandb-api"
    schemes: ClassVar[tuple[str, ...]] = ("wandb",)

    def claims(self, file: File) -> str | None:
        """Claim no file: W&B is asked by address."""
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs: their own ids, groups and settings.

        Raises:
            HistoryError: W&B does not answer, knows no such run, or a run does not tell what counts samples.
            MissingExtra: wandb is not installed.
        """
        try:
            import wandb
        except ImportError:
            raise MissingExtra("wandb", "wandb", "reading W&B's runs") from None
        for address in files:
            path = address.partition("://")[2].strip("/")
            parts = path.split("/")
            if len(parts) not in (2, 3) or not all(parts):
                raise HistoryError(f"{address}: expected wandb://entity/project or wandb://entity/project/run")
            try:
                api = wandb.Api(timeout=CLIENT_SECONDS)
                found = [api.run(path)] if len(parts) == 3 else api.runs(path, order="+created_at")
                for each in found:
                    config: dict[str, Any] = {}
                    flatten(dict(each.config), "", config, None, MAX_DEPTH)
                    told = {"config": config, "group": each.group or None, "seed": seed_of(config)}
                    told["started_at"] = _unix(getattr(each, "created_at", None))
                    yield from one_of_many(partial(WandbRun, each, wanted), each.id, wanted, **told)
            except (wandb.Error, ValueError) as error:
                if isinstance(error, HistoryError):
                    raise
                raise HistoryError(f"{address}: {_first_line(error)}") from None  # its cause may show the key


class WandbRun(RowTable):
    """What one run logged.

    Args:
        run: W&B's run.
        wanted: What is wanted of it: metrics that are not are never asked for.
    """

    def __init__(self, run: Any, wanted: Wanted) -> None:
        self.where = f"W&B run {'/'.join(run.path)}"
        self._run = run
        keys = tuple((run.historyKeys or {}).get("keys") or ())
        self.columns = tuple(dict.fromkeys((*keys, "_step")))
        flagged = (wanted.samples_column, wanted.time_column)
        self._clocks = [key for key in dict.fromkeys((*flagged, *positions(keys))) if key in keys and key != "_step"]
        self._metrics = [key for key in keys if wanted.wants(key)]

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what each step logged of what is wanted, in order."""
        needed = dict.fromkeys(key for key in (*self._clocks, *self._metrics) if wanted is None or key in wanted)
        rows: dict[int, dict[str, Any]] = {}
        metrics = set(self._metrics)
        for key in sorted(needed, key=lambda key: key not in metrics):
            for told in self._run.scan_history(keys=[key, "_step"], page_size=PAGE):
                value = told.get(key)
                step = int(told["_step"])
                # Clocks are wanted of the steps that logged a metric.
                if value is None or (key not in metrics and metrics and step not in rows):
                    continue
                row = rows.setdefault(step, {"_step": step})
                row[key] = number_in(value)
        for step in sorted(rows):
            yield rows[step]


def _unix(created_at: object) -> float | None:
    """Return the Unix seconds at which W&B says that a run was created: ISO 8601, in UTC where it says no zone."""
    try:
        date = datetime.fromisoformat(str(created_at).replace("Z", "+00:00"))
    except ValueError:
        return None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
