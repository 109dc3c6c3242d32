"""Which readers there are: Milepost's own, and those of other packages."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec

from milepost.errors import ConfigError, MissingExtra
from milepost.histories import GENERIC, OWN
from milepost.histories.finding.added import added_reader
from milepost.histories.reader import Reader
from milepost.log import Once
from milepost.plugins import Plugin, find_adapter, plugins

GROUP = "milepost.histories"
"""The entry-point group to which other packages add their readers."""

_said = Once("histories")


def load_readers(format: str | None = None, patterns: Sequence[str] = ()) -> list[Reader]:
    """Return all readers, the most specific first, or the one of this name; with patterns that of text alone.

    Raises:
        ConfigError: No reader has this name; names the nearest. Or it can't be loaded, and why. A pattern is none.
        MissingExtra: Polars is not installed.
    """
    if not find_spec("polars"):
        raise MissingExtra("polars", "replay", "reading logs")
    if patterns:
        if format not in (None, "text"):
            raise ConfigError(
                f"--pattern: found the format {format!r} beside it, expected text: patterns read lines of text"
            )
        from milepost.histories.decoding.text_pattern import checked
        from milepost.histories.formats.text import TextReader

        return [TextReader(checked(patterns))]
    if format is not None:
        adapter = find_adapter(GROUP, OWN, format)
        return [adapter() if format in OWN else added_reader(_plugins()[format])]
    specific, generic = (
        [find_adapter(GROUP, OWN, name) for name in OWN if (name in GENERIC) is is_generic]
        for is_generic in (False, True)
    )
    return [*(reader() for reader in specific), *_added(), *(reader() for reader in generic)]


def _added() -> Iterator[Reader]:
    """Yield other packages' readers; of one that can't be loaded that is said, and its logs are of no known format."""
    for name, plugin in _plugins().items():
        try:
            yield added_reader(plugin)
        except ConfigError as error:
            _said.warn(name, "%s; it is left out", error)


@cache
def _plugins() -> dict[str, Plugin]:
    return {name: plugin for name, plugin in plugins(GROUP).items() if name not in OWN}
