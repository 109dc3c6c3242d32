"""Keras' progress bars: what each epoch came to.

Keras 3 (3.15, ``utils/progbar.py``): ``8/8 ━━━━ 1s 78ms/step - accuracy: 0.55 - val_loss: 0.69``, or with
``verbose=2`` ``8/8 - 1s - 78ms/step - accuracy: …``; Keras 2: ``8/8 [====] - 1s 78ms/step - loss: …``, or
``8/8 - 1s - loss: … - 1s/epoch - 78ms/step``. A bar is written over within
an epoch, with the time that is left, and once more at its end, with the seconds it took and the values of validation.
Bars of ``evaluate`` and ``predict`` look the same.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from milepost.histories.decoding.console_lines import NUMBER, Segment

EPOCH = re.compile(r"Epoch (\d{1,9})/(\d{1,9})", re.ASCII)
BAR = re.compile(
    r" *(\d{1,18})/(\d{1,18}|Unknown)( +[━╸╺ ]+| +\[[=>.]*\])?(?: -)? +(?:(\d{1,9})s|ETA: [\d:]+s?|\d+:\d\d(?::\d\d)?)"
    r"(?: -)?( +\d+(?:ms|us|ns|s)/(?:step|sample|epoch))?((?: - [^\r\n]+)?) *",
    re.ASCII,
)
LONE = re.compile(r" - (\d{1,9})s((?: - [^\r\n]+: [^\r\n]+))", re.ASCII)
"""What ``verbose=2`` wrote before Keras 2.3: no count."""

PER_EPOCH = re.compile(r"(\d+)(ms|s)/epoch", re.ASCII)
UNTOLD = "Unknown"


class Epoch(NamedTuple):
    """An epoch that came to its end.

    Attributes:
        number: Which it is, counting from 1.
        seconds: How long it took, as Keras rounds it.
        metrics: What it came to.
    """

    number: int
    seconds: float
    metrics: dict[str, float]


class Bar(NamedTuple):
    """A bar.

    Attributes:
        done: How many steps are done.
        steps: Of how many, as it is written; empty where it does not say.
        is_drawn: Whether it is drawn, and so told from its first step on.
        seconds: How long it took, or what is left; None where it is not at its end.
        metrics: What it tells.
    """

    done: int
    steps: str
    is_drawn: bool
    seconds: float | None
    metrics: dict[str, float]

    @property
    def is_full(self) -> bool:
        """Whether all steps are done."""
        return self.steps in (str(self.done), "")

    def follows(self, before: "Bar") -> bool:
        """Say whether it may be the same bar, later."""
        return self.done >= before.done and (self.steps == before.steps or UNTOLD in (self.steps, before.steps))

    def replaces(self, ended: "Bar") -> bool:
        """Say whether it is the end of an epoch that another was taken for, which was written before validation."""
        return self.metrics.keys() > ended.metrics.keys() or (self.is_drawn and ended.is_drawn and self.done > 1)


class Epochs:
    """Reads the epochs of a console.

    Attributes:
        beside: How many bars stand beside epochs, of evaluations and predictions.
        unfinished: How many epochs came to no end.
    """

    def __init__(self) -> None:
        self.beside = self.unfinished = 0

    def read(self, segments: Iterable[Segment]) -> Iterator[Epoch]:
        """Yield the epochs that came to their end, in their order."""
        number = 0
        last: Bar | None = None
        ended: Bar | None = None
        other: Bar | None = None
        for text, is_line in segments:
            if (epoch := EPOCH.fullmatch(text.strip())) is not None:
                yield from self._end(number, ended)
                number, last, ended, other = int(epoch[1]), None, None, None
                continue
            bar = bar_of(text)
            if bar is None:
                continue
            goes_on = other is not None and bar.follows(other)
            if not number or goes_on or (last is not None and not bar.follows(last)):
                self.beside += not goes_on
                other = None if bar.is_full and is_line else bar
            elif ended is not None and not (bar.is_full and bar.replaces(ended)):
                self.beside += 1
                other = None if bar.is_full and is_line else bar
            else:
                last = bar
                if bar.is_full and is_line and bar.seconds is not None and bar.metrics:
                    ended = bar
        yield from self._end(number, ended)

    def _end(self, number: int, ended: Bar | None) -> Iterator[Epoch]:
        """Yield an epoch that came to its end."""
        if ended is not None and ended.seconds is not None:
            yield Epoch(number, ended.seconds, ended.metrics)
        elif number:
            self.unfinished += 1


def bar_of(text: str) -> Bar | None:
    """Return the bar that a text is; None where it is none."""
    text = text.rstrip()
    if (bar := BAR.fullmatch(text)) is not None:
        done, steps, drawn, seconds, per_step, rest = bar.groups()
        if not per_step and not rest:
            return None
    elif (lone := LONE.fullmatch(text)) is not None:
        done, steps, drawn, seconds, rest = "0", "", None, lone[1], lone[2]
    else:
        return None
    told: float | None = None if seconds is None else float(seconds)
    metrics: dict[str, float] = {}
    for piece in rest.split(" - ")[1:]:
        name, colon, value = piece.rpartition(": ")
        if colon and NUMBER.fullmatch(value.strip()):
            metrics[name.strip()] = float(value)
        elif (whole := PER_EPOCH.fullmatch(piece.strip())) is not None:
            told = float(whole[1]) * (1e-3 if whole[2] == "ms" else 1.0)
    return Bar(int(done), steps, drawn is not None or steps == UNTOLD, told, metrics)
