"""Asks, on a thread of its own, whether the provider is about to take a spot machine back."""

import threading

from milepost.instances.detect import ProbeFailed, preemption_notice
from milepost.log import logger
from milepost.runs.record import RunEvent
from milepost.tracked_run.part import Part

POLL_SECONDS = 5.0
"""How often to ask: AWS gives two minutes' notice, GCP thirty seconds."""

TRIES = 12
"""After so many questions without any answer, nobody is there to be asked."""

NOTICED_HEARTBEAT_SECONDS = 1.0
"""How often the ledger is marked once the provider has said that it takes the machine back."""


class NoticeWatch(Part):
    """Polls the metadata service of a spot machine until there is a notice."""

    name = "notice watch"

    def __init__(self) -> None:
        self._over = threading.Event()
        self._is_asking = False

    def close(self) -> None:
        """Stop asking."""
        self._over.set()

    def _open(self) -> None:
        self._ask_where_spot()

    def _event(self, event: RunEvent) -> None:
        if event.kind == "price":  # what the machine is may have been found out with it
            self._ask_where_spot()
        elif event.kind == "stop":
            self.close()

    def _ask_where_spot(self) -> None:
        segment = self.run.ledger.current
        if segment is None or self._is_asking or self._over.is_set():
            return
        instance = segment.instance
        if instance.market == "spot" and instance.provider is not None:
            self._is_asking = True
            threading.Thread(target=self._work, args=[instance.provider], name="milepost-notices", daemon=True).start()

    def _work(self, provider: str) -> None:
        tries_left = TRIES
        while tries_left and not self._over.wait(POLL_SECONDS):
            try:
                notice = preemption_notice(provider)
            except ProbeFailed as error:
                logger("tracked_run").debug("no preemption notice can be asked for: %s", error)
                tries_left -= 1
                continue
            except Exception:
                logger("tracked_run").exception("asking for a preemption notice failed; training goes on")
                return
            tries_left = TRIES
            if notice is not None:
                self._call("notice", self._take, notice)
                return

    def _take(self, notice: str) -> None:
        """Take note that the machine will be taken back."""
        logger("tracked_run").warning("the provider takes this machine back: %s", notice)
        run = self.run
        run.notice = notice
        run.beat_soon(NOTICED_HEARTBEAT_SECONDS)
        segment = run.ledger.current
        run.announce("preemption", {"notice": notice, "segment": segment and segment.id})
