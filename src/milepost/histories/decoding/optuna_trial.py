"""A trial of Optuna's, whichever of its storages tells of it: https://github.com/optuna/optuna, ``optuna/trial``."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

METRIC_NAMES = "study:metric_names"
"""Under this key a study's system attributes hold the names of its objectives, where the program gave any."""

RETRIED = "failed_trial"
"""Under this key those of a trial hold the number of the one that it tries anew."""


class Trial(msgspec.Struct, kw_only=True):
    """A trial.

    Attributes:
        study: Its study's name.
        number: Its number there.
        names: Names of the objectives, where the program gave any.
        params: What was suggested, and what the program says of it besides.
        began: When it began, a date in ISO 8601.
        ended: When it ended, likewise.
        values: What the objectives came to.
        points: Yields steps and intermediate values, in the order in which they were reported.
        retries: The number of the trial that it tries anew.
    """

    study: str
    number: int
    names: tuple[str, ...] = ()
    params: dict[str, Any] = {}
    began: str | None = None
    ended: str | None = None
    values: tuple[float | None, ...] = ()
    points: Callable[[], Iterable[tuple[int, float]]] = tuple
    retries: int | None = None

    def suggest(self, name: str, value: float, distribution: str) -> None:
        """Keep a parameter: of one that is chosen from a list, its place there is told."""
        told = json.loads(distribution)
        choices = told["attributes"].get("choices") if told["name"] == "CategoricalDistribution" else None
        self.params[name] = value if choices is None else choices[int(value)]


def names_of(told: object) -> tuple[str, ...]:
    """Return the names of objectives as a system attribute holds them."""
    return tuple(map(str, told)) if isinstance(told, list) else ()
