"""The settings that a run was trained with, as they are kept: flat, plain, and without secrets."""

import re
from collections.abc import Mapping

MOST_CHARACTERS = 500
"""Of the text of a setting."""

SECRET = re.compile(
    r"(?i)(^|[._-]|(?-i:(?<=[a-z])(?=[A-Z])))(key|token|secret|credential|auth|authorization|pwd|pat)s?$"
    r"|api_?key|access_?key|(password|passwd)s?$"
)
"""Names of settings whose text is kept nowhere."""

USER_OF_URL = re.compile(r"://[^/@\s]+@")


def flat_config(config: Mapping[str, object], prefix: str = "") -> dict[str, str | int | float | bool | None]:
    """Return settings as flat names and plain values (``{"optimizer.lr": 0.1}``); what may be a secret is left out."""
    flat: dict[str, str | int | float | bool | None] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if value is None or isinstance(value, int | float):
            flat[name] = value
        elif SECRET.search(str(key)):
            continue
        elif isinstance(value, Mapping):
            flat |= flat_config(value, f"{name}.")
        else:
            flat[name] = USER_OF_URL.sub("://", str(value))[:MOST_CHARACTERS]
    return flat
