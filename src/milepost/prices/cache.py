"""Answers of live sources, kept on disk for every process of this user: one file a question.

A file is replaced as a whole, so that readers see the old answer or the new one; one that can't be read counts as
none, and the next answer takes its place.
"""

import math
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from platformdirs import user_cache_path

from milepost.files import write_whole
from milepost.log import logger
from milepost.money.instance import Commitment, Instance, Market
from milepost.money.quote import Quote

FRESH_SECONDS = 24 * 3600.0
FRESH_SPOT_SECONDS = 600.0
"""How long an answer is as good as a new one."""

LOCK_SECONDS = 10.0
"""How long to wait for another process that asks the same."""


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a live source is asked: what decides the price of an instance."""

    source: str
    provider: str | None
    instance_type: str | None
    region: str | None = None
    zone: str | None = None
    market: Market | None = None
    commitment: Commitment | None = None
    gpus: int | None = None
    gpu: str | None = None

    @classmethod
    def of(cls, source: str, instance: Instance) -> "Question":
        """Return what ``source`` is asked about an instance."""
        fields = {name: getattr(instance, name) for name in cls.__struct_fields__ if name != "source"}
        return cls(source=source, **fields)


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    question: Question
    since: datetime | None
    answered_at: float
    quote: Quote


class QuoteCache:
    """Finds and keeps answers.

    Args:
        folder: Where they lie; the user's cache folder where not given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def find(self, question: Question, since: datetime | None = None) -> tuple[Quote, bool] | None:
        """Return the answer there is, and whether it is fresh; None where there is none.

        Args:
            question: What was asked.
            since: From when on price steps are wanted: an answer that begins later is not fresh.
        """
        try:
            entry = msgspec.json.decode(self._file(question).read_bytes(), type=_Entry)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        prices = (entry.quote.usd_per_hour, *(step.usd_per_hour for step in entry.quote.steps))
        if entry.question != question or not all(0 < usd < math.inf for usd in prices):
            return None
        age = time.time() - entry.answered_at
        fresh = 0 <= age < (FRESH_SPOT_SECONDS if question.market == "spot" else FRESH_SECONDS)
        covered = since is None or question.market != "spot" or (entry.since is not None and entry.since <= since)
        quote = msgspec.structs.replace(entry.quote, cached=True)
        if since is None and quote.steps:
            quote = msgspec.structs.replace(quote, usd_per_hour=quote.steps[-1].usd_per_hour, steps=())
        return quote, fresh and covered

    def keep(self, question: Question, quote: Quote, since: datetime | None = None) -> None:
        """Keep an answer. A cache that can't be written is none: the next process asks again."""
        entry = _Entry(question=question, since=since, answered_at=time.time(), quote=quote)
        file = self._file(question)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, msgspec.json.encode(entry))
        except OSError as error:
            logger("prices.cache").debug("could not keep a price: %s", error.strerror)

    @contextmanager
    def asking(self, question: Question) -> Iterator[None]:
        """Hold off others of this user who ask the same, for a bounded time, so that they find the answer kept."""
        from filelock import FileLock  # not cheap, and wanted only where somebody is asked

        file = self._file(question).with_suffix(".lock")
        with ExitStack() as held:
            # Without the lock it is asked all the same: where there are none to be had, or it was waited for in vain.
            with suppress(OSError, NotImplementedError):
                file.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(FileLock(file, timeout=LOCK_SECONDS))
            yield

    def _file(self, question: Question) -> Path:
        if self._folder is None:
            self._folder = user_cache_path("milepost", appauthor=False) / "quotes"
        parts = (question.source, question.instance_type, question.region, question.zone, question.market)
        readable = "-".join(part for part in parts if part)[:80]
        readable = "".join(each if each.isascii() and (each.isalnum() or each == ".") else "-" for each in readable)
        return self._folder / f"{readable}-{zlib.crc32(msgspec.json.encode(question)):08x}.json"
