"""Everything that Milepost raises, in one tree.

MilepostError
├── ConfigError          a configuration, threshold or flag is wrong; says where, what was found and what was expected
├── PriceUnavailable     no source could price an instance; says which were asked and what each answered
│   └── UnknownName      (a ConfigError too) nobody knows a type, GPU or region that its user named; says the nearest
├── StoreError           a store can't be opened, or is of a newer release
├── HistoryError         a log can't be read, or does not tell what is needed; names the flag that helps
├── StateError           a saved state cannot be read
└── MissingExtra         an optional package is not installed; gives the ``pip install`` line
"""

from collections.abc import Callable, Iterable


class MilepostError(Exception):
    """The root: catch this to catch all that Milepost raises on purpose."""


class ConfigError(MilepostError, ValueError):
    """Something its user wrote is wrong. The message says what was found, where, and what was expected."""


class PriceUnavailable(MilepostError, LookupError):
    """No price is known. The message says which sources were asked and why each had no answer.

    Attributes:
        waiting: Whether a source is yet to be asked that may know.
        failed: Whether one that may know could not be asked, and so has not said no.
    """

    def __init__(self, message: str, *, waiting: bool = False, failed: bool = False) -> None:
        super().__init__(message)
        self.waiting = waiting
        self.failed = failed


class UnknownName(PriceUnavailable, ConfigError):
    """A type, GPU or region that its user named, and that nobody knows. The message names the nearest.

    Attributes:
        certain: Whether no source can know it, asked or not: it is a GPU's name alone, or a known name misspelt.
    """

    def __init__(self, message: str, *, waiting: bool = False, certain: bool = False) -> None:
        super().__init__(message, waiting=waiting)
        self.certain = certain


class StateError(MilepostError, ValueError):
    """A state (``state_dict``) is of another version or shape than this release can read."""


class StoreError(MilepostError):
    """A store can't be opened, read or written. The message names it, without a password."""


class HistoryError(MilepostError, ValueError):
    """A log can't be read, or does not tell what is needed. The message says which, where, and which flag helps."""


class MissingExtra(MilepostError, ImportError):
    """An optional package is needed and is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'milepost[{extra}]'")
        self._told = package, extra, purpose

    def __reduce__(self) -> tuple[type["MissingExtra"], tuple[str, str, str]]:  # other processes raise it too
        return MissingExtra, self._told


MOST_COMPARED = 200
"""Names that are compared letter by letter."""


def nearest(
    wanted: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6, shown: Callable[[str], str] = str
) -> str:
    """Return a hint at the known names that are most like the one that was found: ``; nearest: a, b``.

    Args:
        wanted: What was found.
        known: The names that there are.
        most: How many to name.
        cutoff: How like they have to be, from 0 (anything) to 1 (equal), as `difflib` measures it.
        shown: How each is written.

    Returns:
        The hint; empty where nothing is like it.
    """
    from difflib import get_close_matches

    names = list(known)
    if len(names) > MOST_COMPARED:  # a comparison takes 30 µs; what shares no three letters is not near
        pieces = {wanted[at : at + 3] for at in range(max(1, len(wanted) - 2))}
        names.sort(key=lambda name: -sum(piece in name for piece in pieces))
        del names[MOST_COMPARED:]
    found = get_close_matches(wanted, names, n=most, cutoff=cutoff)
    return f"; nearest: {', '.join(map(shown, found))}" if found else ""


def require(holds: bool, field: str, found: object, expected: str) -> None:
    """Raise `ConfigError` unless ``holds``: this field was found so, and expected otherwise."""
    if not holds:
        raise ConfigError(f"{field}: found {found!r}, expected {expected}")
