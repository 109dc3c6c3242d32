"""Durations that are written as text: ``2 days, 9:23:39``, ``0:32:48``, ``05:12``, ``1h 2min 3s``.

Python's ``timedelta`` writes the first two (LLaMA-Factory's ``trainer_log.jsonl``), pandas ``0 days 00:32:48``, fastai
and tqdm the third, minutes and seconds, Ray's console the last.
"""

import re

CLOCK = re.compile(r"(?:(\d{1,6}) days?,?\s+)?(?:(\d{1,5}):)?(\d{1,3}):([0-5]?\d(?:\.\d+)?)", re.ASCII)
"""Days, hours, minutes, seconds: below an hour, the minutes come first."""

WORDS = re.compile(
    r"(?:(\d+) ?d(?:ays?)?)?,? ?(?:(\d+) ?h(?:r|rs|ours?)?)?,? ?(?:(\d+) ?m(?:in|ins|inutes?)?)?,? ?"
    r"(?:(\d+(?:\.\d+)?) ?s(?:ec|ecs|econds?)?)?",
    re.ASCII,
)
DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
LONGEST = 40
"""Of a text that may be a duration."""


def duration_seconds(text: str | None) -> float | None:
    """Return how many seconds a text says; None where it is no duration, or one below 0."""
    text = "" if text is None else text.strip()
    if not text or len(text) > LONGEST or not text[0].isdigit():
        return None
    found = CLOCK.fullmatch(text)
    if found is not None:
        days, hours, minutes, seconds = (float(piece or 0) for piece in found.groups())
        if (found[2] is not None and minutes >= MINUTE) or (found[1] is not None and hours >= DAY / HOUR):
            return None
    elif (found := WORDS.fullmatch(text)) is not None:
        days, hours, minutes, seconds = (float(piece or 0) for piece in found.groups())
    else:
        return None
    return days * DAY + hours * HOUR + minutes * MINUTE + seconds
