"""What must not be seen: names whose values are secrets, and what of a text looks like one."""

import re

_WORDS = (
    "key|token|secret|credential|cred|auth|authorization|pass|passphrase|password|passwd|passcode|pw|pwd|pat|bearer|"
    "cookie|private|dsn|webhook|signature|sig|sas|jwt|netrc"
)

NAME = re.compile(
    rf"(?i)(^|[^a-z]|(?-i:(?<=[a-z])(?=[A-Z])))({_WORDS})s?$"
    r"|api_?key|access_?key|private_?key|secret_?key|(password|passwd|passphrase|credential|secret)s?$"
    r"|(^|[^a-z])(webhook|dsn|cookie|secret|password|credential)s?[^a-z]"
    r"|connection_?str(ing)?$|webhook_?ur[li]$"
)
"""Names of what is secret: the last word decides, and some words anywhere."""

_TEXTS = (
    r"-----BEGIN [A-Z0-9 ]+-----",
    # NAME=… and NAME: … within a text: of a query, of a connection string, of a shell's command
    r"(?i:(?<![a-z])(password|passwd|passphrase|pwd|pass|secret|token|sig|signature|sas|api[-_]?key|access[-_]?key"
    r"|account[-_]?key|sharedaccess(key|signature)|client[-_]?secret|access[-_]?token|auth[-_]?token|sslpassword"
    r"|x-amz-(signature|credential|security-token)|x-goog-signature)[\"']?\s*[=:]\s*[\"']?[^\s\"'&;,])",
    r"(?i:--?[a-z-]*(api-?key|token|password|passwd|secret)[ =]\S)",
    r"(?i:\b(bearer\s+[a-z0-9._~+/-]{8,}|basic\s+[a-z0-9+/]{16,}))",
    # Prefixes that their makers give to tokens, so that they are found:
    # https://docs.github.com/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
    r"\b(gh[opusr]_|github_pat_|glpat-|hf_|npm_|pypi-|dop_v1_|xox[abeoprs]-|xapp-|rpa_|tskey-"
    r"|local-[0-9a-f]{12})[\w-]{8,}",
    r"\b(sk|pk|rk)[-_](live|test|proj|ant|or|svcacct|admin)?[-_]?[\w-]{16,}",
    r"\b(AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,}",
    r"\bAIza[\w-]{20,}",
    r"\bya29\.[\w-]{8,}",
    r"\bSG\.[\w-]{8,}\.[\w-]{8,}",
    r"\beyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]*)?",
    r"hooks\.slack\.com/\S|discord(app)?\.com/api/webhooks/\S|\.webhook\.office\.com/\S",
)

TEXT = re.compile("|".join(f"(?:{each})" for each in _TEXTS))
"""Texts that hold a secret."""

USER_OF_URL = re.compile(r"://(?:[^\s:/@]*:(?!\d+(?:/|\s|$))\S*|[^/@\s]+)@")
"""Whoever a URL names, with the password: up to the last ``@``, since people forget to quote one."""


def is_secret_name(name: str) -> bool:
    """Say whether what is named so is secret."""
    return NAME.search(name) is not None


def holds_secret(text: str) -> bool:
    """Say whether a text holds what looks like a secret, beside the user of a URL."""
    return TEXT.search(text) is not None


def without_users(text: str) -> str:
    """Return a text without the users, and their passwords, that URLs in it name."""
    return USER_OF_URL.sub("://", text)
