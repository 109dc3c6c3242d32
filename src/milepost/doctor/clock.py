"""A clock that is off, where a server tells the time."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from milepost.doctor.finding import Case, Finding

SERVER = "https://prices.azure.com"
"""Asked for nothing but its time, where no other is named."""

URL_VARIABLES = ("MILEPOST_CATALOG_URL", "WANDB_BASE_URL")
"""Variables that name a server of the user's own, which is asked instead."""

MOST_SECONDS = 60.0
TIMEOUT_SECONDS = 2.0


def check(case: Case) -> Iterator[Finding]:
    """Compare this machine's clock with a server's."""
    url = next((url for name in URL_VARIABLES if (url := case.environ.get(name))), SERVER)
    off = seconds_off(url)
    if off is not None and abs(off) > MOST_SECONDS:
        ahead = "ahead of" if off > 0 else "behind"
        yield Finding(
            "error",
            "clock",
            f"this machine's clock is {abs(off):,.0f} s {ahead} that of {urlsplit(url).hostname}: spot prices will be "
            "charged to the wrong hours, and signed requests refused.",
            "Set the clock (timedatectl set-ntp true).",
        )


def seconds_off(url: str) -> float | None:
    """Return how far this clock is ahead of a server's, by the ``Date`` of its answer; None where none is told.

    The header has whole seconds; half of the time that the answer took is taken off.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)) as connection:
            asked = time.time()
            connection.request("HEAD", "/")
            date = connection.getresponse().getheader("Date")
            answered = time.time()
        return (asked + answered) / 2 - parsedate_to_datetime(date or "").timestamp()
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return None
