"""Several histories as one run: each goes on with it where the one before had come to."""

from collections.abc import Iterator, Sequence

import msgspec

from milepost.histories.history import Boundary, History, Rows


def continued(parts: Sequence[History]) -> History:
    """Return histories as one, in the order in which their processes ran, with a boundary before each further one.

    Args:
        parts: The histories: what the run is called and began at is the first one's.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    metrics = None
    if all(part.metrics is not None for part in parts):
        metrics = tuple(dict.fromkeys(name for part in parts for name in part.metrics or ()))
    return msgspec.structs.replace(
        first,
        rows=lambda: _rows(parts),
        metrics=metrics,
        config={name: value for part in parts for name, value in part.config.items()},
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        run_seconds=None,
        outline=None,
    )


def _rows(parts: Sequence[History]) -> Iterator[Rows]:
    for number, part in enumerate(parts):
        is_first = number > 0
        for rows in part.rows():
            if is_first:
                boundary = Boundary(0, part.started_at)
                rows = msgspec.structs.replace(rows, boundaries=(boundary, *rows.boundaries))
                is_first = False
            yield rows
