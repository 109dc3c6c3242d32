"""What must not be seen: it travels as a SkyPilot secret, whose value stands in no file and on no command line."""

import re
from collections.abc import Iterable, Mapping

from milepost.errors import ConfigError
from milepost.secrets import USER_OF_URL, holds_secret, is_secret_name

ARGUMENTS = "ARGUMENTS"
"""Variable of a task that holds the training script's ``key=value``, quoted as in a shell."""


def take_secrets(
    envs: Mapping[str, str], arguments: Iterable[str], named: Iterable[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return by name the values that are to be secrets: those that were named, and those that look like one.

    Args:
        envs: Variables of the task.
        arguments: The training script's ``key=value``.
        named: Variables of this process that its user calls secrets.
        environ: Variables of this process.

    Raises:
        ConfigError: One that was named is not set.
    """
    secrets = {name: value for name, value in envs.items() if value and _looks_secret(name, value)}
    if any(_looks_secret(*each.partition("=")[::2]) for each in arguments):
        secrets[ARGUMENTS] = envs[ARGUMENTS]
    for name in named:
        if not environ.get(name):
            raise ConfigError(f"--secret: found no variable {name} here, expected it to be set and not empty")
        secrets[name] = environ[name]
    return secrets


def _looks_secret(name: str, value: str) -> bool:
    counts_tokens = name.lower().endswith("tokens") and re.fullmatch(r"[\d_.e+]+", value) is not None
    named = is_secret_name(name) and not counts_tokens
    return named or USER_OF_URL.search(value) is not None or holds_secret(value)
