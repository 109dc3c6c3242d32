"""Evaluations that a log tells again with every row until there is a new one: each is one observation.

RLlib's results hold the last evaluation: ``evaluation.env_runners.episode_return_mean`` stands in each row, and
``evaluation.env_runners.num_env_steps_sampled_lifetime`` beside it tells when it was made.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import polars

from milepost.histories.tables import values
from milepost.histories.tables.first_rows import FirstRows
from milepost.histories.tables.names import ASIDE, PIECES, WORDS, rank_of_counter


class Stale:
    """Leaves the later ones out of evaluations that are told again, over all chunks.

    Args:
        counters: The counter of each metric that has one of its own, by metric.
    """

    def __init__(self, counters: Mapping[str, str]) -> None:
        self.counters = counters
        self.last: dict[str, float] = {}

    def without_repeats(self, metrics: polars.DataFrame, data: polars.DataFrame) -> polars.DataFrame:
        """Return a chunk's metrics with null where the counter of an evaluation stands still.

        Args:
            metrics: The metrics.
            data: The chunk's columns, with the counters among them.
        """
        for counter in dict.fromkeys(self.counters.values()):
            if counter not in data.columns:
                continue
            told = values.numbers(data[counter])[0]
            carried = told.fill_null(strategy="forward")
            before = carried.shift(1)
            if counter in self.last:
                before = before.fill_null(self.last[counter])
            repeats = (told == before).fill_null(False)
            if len(carried) and (last := carried[-1]) is not None:
                self.last[counter] = last
            if repeats.any():
                of_it = [name for name, each in self.counters.items() if each == counter and name in metrics.columns]
                metrics = metrics.with_columns(metrics[name].set(repeats, None) for name in of_it)
        return metrics


def counters_of(metrics: Iterable[str], columns: Sequence[str], first_rows: FirstRows | None) -> dict[str, str]:
    """Return the own counter of each metric that is an evaluation's, as far as there is one and it rises.

    Args:
        metrics: The metrics.
        columns: Names of the table's columns.
        first_rows: What tells that they rise.
    """
    if first_rows is None:
        return {}
    by_prefix = own_counters(columns)
    found = {}
    for metric in metrics:
        prefix = _prefix(metric)
        for counter in by_prefix.get(prefix or "", ()):
            if counter == metric or counter not in first_rows.data.columns:
                continue
            course = first_rows.course(counter)
            if len(course.told) > 1 and not course.all_falls:
                found[metric] = counter
                break
    return found


def own_counters(columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the counters that stand under the prefix of an evaluation, the likeliest first, by that prefix."""
    return {prefix: list(names) for prefix, names in _own_counters(tuple(columns))}


@lru_cache(maxsize=64)
def _own_counters(columns: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for column in columns:
        if rank_of_counter(column) is not None and (prefix := _prefix(column)) is not None:
            found.setdefault(prefix, []).append(column)
    for names in found.values():
        names.sort(key=lambda name: rank_of_counter(name) or 0)
    return tuple((prefix, tuple(names)) for prefix, names in found.items())


def _prefix(name: str) -> str | None:
    """Return the first piece of a name where it is one of an evaluation."""
    first, *rest = PIECES.split(name)
    return first if rest and not ASIDE.isdisjoint(WORDS.split(first.lower())) else None
