"""A run whose processes each wrote a log of their own, of a format that knows nothing of that."""

from collections.abc import Iterator, Sequence

from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.continued import continued


class Processes(Reader):
    """Reads logs of one format, one after the other, as one run.

    Args:
        reader: What reads each of them.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.name = reader.name  # type: ignore[misc]

    def claims(self, file: File) -> str | None:
        """Claim what the reader claims."""
        return self.reader.claims(file)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the one run; where a log holds several, each of them.

        Raises:
            HistoryError: One can't be read.
        """
        found = [list(self.reader.histories((file,), run, wanted)) for file in files]
        if all(len(each) == 1 for each in found):
            yield continued([history for each in found for history in each])
        else:
            for each in found:
                yield from each
