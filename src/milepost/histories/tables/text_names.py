"""What keys of text logs are called as columns."""

import re
from functools import lru_cache

from milepost.histories.decoding.text_shapes import Naming
from milepost.histories.tables.names import counters, elapsed_clocks, is_aside

FEW = re.compile(
    r"(?i)^(?:per|of|max|maximum|total|num|number|every|last|best|warmup|remaining|save|seconds|time|fps|sps|loss|losses|"
    r"acc|accuracy|reward|rewards|return|score|error|lr|rate|speed|avg|mean)$"
)
"""Words that say that a step which follows is no place in a training: ``steps per epoch``, ``fps step``."""

JOINED = frozenset(
    (
        *("global", "policy", "env", "environment", "agent", "train", "training", "current", "trainer", "optimizer"),
        *("optim", "gradient", "grad", "learner", "learning", "update", "model", "actor", "outer", "inner", "meta"),
        *("log", "at"),
    )
)
"""Words that may stand before a step in one with it: ``global_step``; not so Lightning's ``train_loss_step``."""

PLURAL = {"steps": "step", "updates": "num_updates", "iters": "iter"}


@lru_cache(maxsize=4096)
def naming(key: str) -> Naming:
    """Say what a key is called as a column, and whether that counts: then it has the name that tables know.

    ``Iter(train)`` is ``iter``, ``validation loss at iteration`` is ``iteration``, ``consumed samples`` is
    ``consumed_samples``; what bears a metric is called as the log calls it.
    """
    text = re.sub(r"\(train\)$", "", key)
    name = "_".join(re.split(r"[\s_-]+", text.lower())).strip("_")
    *before, last = name.split("_")
    is_place = before[-1:] == ["at"]
    if is_aside(f"{key.replace(' ', '/')}/x".replace("(", "/").replace(")", "")) and not is_place:
        return Naming(key, False)
    short = re.sub(r"^(?:train|training|current|trainer)_", "", name)
    ways = [text, name, *([] if elapsed_clocks([short]) else [short]), PLURAL.get(name, name)]
    if last in ("step", "iter", "iteration", "epoch", "update") and "/" not in name:
        joined = re.split(r"[_-]+", text.lower().split()[-1])[:-1]
        if is_place or (JOINED.issuperset(joined) and not any(map(FEW.match, before))):
            ways.append(last)
    if last == "it":
        ways.append("iter")
    for way in ways:
        if next(counters([way]), None) is not None:
            return Naming(way, "frame" not in way and "time/" not in way, True)
        if elapsed_clocks([way]):
            return Naming(way, False, True)
    return Naming(key, last in ("episode", "episodes", "round"))
