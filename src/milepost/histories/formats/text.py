"""Text that a training printed: lines of ``key:value``, ``key=value``, ``key value``, with JSON or stamps in them.

What a line tells is found out from a sample of lines: those of one shape begin alike, up to their first number under a
key. Three of one shape that carry a counter and another number are a log; then all lines of that shape are read. With
patterns of the user's, those alone say what a line tells.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec
import polars

from milepost.histories.decoding.files import stem
from milepost.histories.decoding.packing import GZIP
from milepost.histories.decoding.text_lines import FIRST_BYTES, chunks, cleaned, lines_of
from milepost.histories.decoding.text_pattern import Pattern
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.text_log import TextLog, sample_of_log
from milepost.histories.tables.text_patterned import PatternLog, matching

NO_LOGS = frozenset(
    [
        "bash",
        "bat",
        "bib",
        "c",
        "cc",
        "cfg",
        "conf",
        "cpp",
        "css",
        "csv",
        "cu",
        "cuh",
        "cxx",
        "diff",
        "go",
        "h",
        "hpp",
        "htm",
        "html",
        "ics",
        "ini",
        "ipynb",
        "java",
        "jl",
        "js",
        "json",
        "jsx",
        "kt",
        "lock",
        "lua",
        "m",
        "md",
        "patch",
        "pl",
        "po",
        "proto",
        "ps1",
        "py",
        "pyi",
        "pyx",
        "r",
        "rb",
        "rs",
        "rst",
        "scala",
        "sh",
        "sql",
        "srt",
        "svg",
        "swift",
        "tex",
        "toml",
        "ts",
        "tsv",
        "tsx",
        "vtt",
        "xml",
        "yaml",
        "yml",
        "zsh",
    ]
)
"""Suffixes of text that is known to be something else."""

BINARY = bytes(range(9)) + b"\x0e\x0f" + bytes(range(16, 27)) + bytes(range(28, 32))
"""Bytes that text has none of, but for NULs where a disk was full."""


class TextReader(Reader):
    """Reads text that a training printed.

    Args:
        patterns: The user's, which alone say what a line tells; of a file that is named, whatever it looks like.
    """

    name: ClassVar[str] = "text"
    joins: ClassVar[bool] = False

    def __init__(self, patterns: Sequence[Pattern] = ()) -> None:
        self.patterns = tuple(patterns)

    def claims(self, file: File) -> str | None:
        """Say whether lines of a file are a log: three of one shape, with a counter and another number each."""
        suffix = file.name.lower().removesuffix(".gz").rpartition(".")[2]
        head = file.head.replace(b"\0", b"")
        if not head.strip() or head.startswith((GZIP, b"%PDF")) or len(head.translate(None, BINARY)) < len(head):
            return None
        if self.patterns:
            return (
                stem(file.name)
                if any(matching(lines, self.patterns).any() for lines in _first_lines(file.path))
                else None
            )
        start = cleaned(head).lstrip()
        if suffix in NO_LOGS or start[:2] in (b"{\n", b"[\n", b"#!", b"<?", b"<!"):
            return None
        return stem(file.name) if sample_of_log(file.path) is not None else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: No line of it is one of a log, or it does not tell what is needed.
        """
        for file in files:
            table = PatternLog(file, self.patterns) if self.patterns else TextLog(file, wanted)
            for history in histories_of(table, run, wanted, notes=table.notes):
                yield msgspec.structs.replace(history, counts_from_first=table.counts_from_first)


def _first_lines(path: str) -> Iterator[polars.Series]:
    for chunk in chunks(path, least=FIRST_BYTES):
        yield lines_of(chunk.data)
        return
