"""What a replay gives: results, one a run and threshold, and what could not be read."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import msgspec

from milepost.errors import MissingExtra
from milepost.log import cause_of
from milepost.replaying.left_out import LeftOutFiles
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult

if TYPE_CHECKING:
    import pandas
    import polars


class Skipped(NamedTuple):
    """What was not read, or not to its end.

    Attributes:
        what: A path or the id of a run.
        reason: Why.
        wholly: Whether nothing of it was read.
    """

    what: str
    reason: str
    wholly: bool = True

    @property
    def shown(self) -> str:
        """What was not read and why, in one line."""
        return self.reason if self.what in self.reason else f"{self.what}: {self.reason}"

    @property
    def cause(self) -> str:
        """The reason as others have it too, without what it names."""
        return cause_of(self.reason, self.what)


class Results(Sequence[ThresholdResult]):
    """Results, one a run and threshold, in the order in which the logs were found.

    Attributes:
        runs: How many runs were read.
        skipped: What was not read, or not to its end.
        left_out: What else lies there and was not read, counted by kind and reason.
    """

    def __init__(
        self,
        results: Sequence[ThresholdResult],
        runs: int = 0,
        skipped: Sequence[Skipped] = (),
        load: Callable[[], list[RunRecord]] = list,
        left_out: Sequence[LeftOutFiles] = (),
    ) -> None:
        self._results = tuple(results)
        self.runs = runs
        self.skipped = tuple(skipped)
        self.left_out = tuple(left_out)
        self._load = load

    @overload
    def __getitem__(self, index: int) -> ThresholdResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ThresholdResult]: ...
    def __getitem__(self, index: int | slice) -> ThresholdResult | Sequence[ThresholdResult]:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"Results({len(self)} results of {self.runs} runs, {len(self.skipped)} skipped)"

    def load(self) -> list[RunRecord]:
        """Return all that is known of the runs, their curves included: their logs are read again for that."""
        return self._load()

    def to_polars(self) -> "polars.DataFrame":
        """Return a Polars frame, a row a result, a column a key.

        Raises:
            MissingExtra: Polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise MissingExtra("polars", "replay", "a Polars frame") from None
        types: dict[type, Any] = {str: polars.String, bool: polars.Boolean, int: polars.Int64, float: polars.Float64}
        schema = {name: types[kind] for name, kind in _types().items()}
        return polars.DataFrame([msgspec.structs.asdict(each) for each in self], schema=schema)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a pandas frame, a row a result, a column a key.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtra("pandas", "replay", "a pandas frame") from None
        types = {str: "string", bool: "boolean", int: "Int64", float: "Float64"}
        columns = {
            name: pandas.array([getattr(each, name) for each in self], dtype=types[kind])
            for name, kind in _types().items()
        }
        return pandas.DataFrame(columns)


def _types() -> dict[str, type]:
    """Return the plain type of each key of a result."""
    types: dict[str, type] = {}
    for field in msgspec.structs.fields(ThresholdResult):
        plain = [kind for kind in (bool, int, float) if kind in getattr(field.type, "__args__", (field.type,))]
        types[field.name] = plain[0] if plain else str
    return types
