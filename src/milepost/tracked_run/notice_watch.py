"""Asks, on a thread of its own, whether the provider is about to take a spot machine back."""

import threading
from collections.abc import Callable

from milepost.instances.detect import ProbeFailed, preemption_notice
from milepost.log import logger

POLL_SECONDS = 5.0
"""How often to ask: AWS gives two minutes' notice, GCP thirty seconds."""

TRIES = 12
"""After so many questions without any answer, nobody is there to be asked."""


class NoticeWatch:
    """Polls the machine's metadata service until there is a notice.

    Args:
        provider: Who is to be asked.
        noticed: Called once, on the thread, with what was announced.
    """

    def __init__(self, provider: str, noticed: Callable[[str], None]) -> None:
        self._provider = provider
        self._noticed = noticed
        self._over = threading.Event()
        threading.Thread(target=self._work, name="milepost-notices", daemon=True).start()

    def close(self) -> None:
        """Stop asking."""
        self._over.set()

    def _work(self) -> None:
        tries_left = TRIES
        while tries_left and not self._over.wait(POLL_SECONDS):
            try:
                notice = preemption_notice(self._provider)
            except ProbeFailed as error:
                logger("tracked_run").debug("no preemption notice can be asked for: %s", error)
                tries_left -= 1
                continue
            except Exception:
                logger("tracked_run").exception("asking for a preemption notice failed; training goes on")
                return
            tries_left = TRIES
            if notice is not None:
                self._noticed(notice)
                return
