"""Hugging Face: ``trainer_state.json``, as ``Trainer`` writes it into every checkpoint.

https://github.com/huggingface/transformers, ``trainer_callback.py``, ``TrainerState``: ``log_history`` is a list of
what was logged, each with ``step`` (of the optimizer, not samples) and ``epoch``. With
``include_num_input_tokens_seen`` each tells ``num_input_tokens_seen`` too, and TRL's trainers tell ``num_tokens``. How
many examples a step had is not in it: ``train_batch_size`` is one device's, and neither the devices nor gradient
accumulation are told.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, is_url, read_whole, stem
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.logged_rows import LoggedRows
from milepost.log import logger

NAME = "trainer_state.json"
MAX_BYTES = 256 * 2**20
"""A million logged steps take some 150 MB."""

STATE_KEYS = (b'"log_history"', b'"global_step"', b'"max_steps"', b'"best_metric"', b'"is_world_process_zero"')
CHECKPOINT = re.compile(r"^checkpoint-(\d+)$")
UNTIMED = "trainer_state.json tells no time but the total; say which key of its log_history does with --time-column"
UNCOUNTED = "train with include_num_input_tokens_seen to have tokens"


class TrainerStateReader(Reader):
    """Reads ``trainer_state.json``."""

    name: ClassVar[str] = "trainer-state"

    def claims(self, file: File) -> str | None:
        """Say whether a file is a state of ``Trainer``, and not that of a checkpoint with a later one beside it."""
        head = file.head.removeprefix(BOM).lstrip()
        if not head.startswith(b"{") or not file.name.endswith(".json"):
            return None
        if file.name != NAME and sum(key in head for key in STATE_KEYS) < 2:
            return None
        return None if file.name == NAME and _is_surpassed(file.path) else stem(file.name)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file.

        Raises:
            HistoryError: It has no ``log_history``.
        """
        for file in files:
            state = _read(file)
            table = LoggedRows(file, [row for row in state["log_history"] if isinstance(row, dict)])
            runtimes = [row["train_runtime"] for row in table.logged if _is_number(row.get("train_runtime"))]
            yield from histories_of(
                table,
                run,
                wanted,
                config={name: value for name, value in state.items() if isinstance(value, (str, int, float, bool))},
                run_seconds=float(runtimes[0]) if len(runtimes) == 1 else None,  # of several, each is its row's
                untimed_because=UNTIMED,
                uncounted_because=UNCOUNTED,
            )


def _read(file: str) -> dict[str, Any]:
    """Return a state; of one that is cut short, the rows that are whole.

    Raises:
        HistoryError: It is none.
    """
    text = read_whole(file, MAX_BYTES).removeprefix(BOM).decode("utf-8", "replace")
    try:
        state = json.loads(text)
    except RecursionError as error:
        raise HistoryError(f"{file}: is nested too deeply for a state of Trainer") from error
    except ValueError as error:
        state = {"log_history": _whole_rows(text)}
        if not state["log_history"]:
            raise HistoryError(f"{file}: is no JSON: {error}") from error
        logger("histories").warning("%s: is cut short; read the rows that are whole", file)
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise HistoryError(f"{file}: found no log_history, expected a list of what was logged")
    return state


def _whole_rows(text: str) -> list[Any]:
    """Return the rows of ``log_history`` that are whole."""
    begin = re.search(r'"log_history"\s*:\s*\[', text)
    rows: list[Any] = []
    decoder = json.JSONDecoder()
    at = begin.end() if begin else len(text)
    while (brace := text.find("{", at)) >= 0:
        try:
            row, at = decoder.raw_decode(text, brace)
        except (ValueError, RecursionError):
            break
        rows.append(row)
    return rows


def _is_surpassed(path: str) -> bool:
    """Say whether a checkpoint's state is the beginning of a later one: of a run, only the last is read."""
    here = Path(path).absolute()
    numbered = CHECKPOINT.match(here.parent.name)
    if is_url(path) or not numbered:
        return False
    above = here.parent.parent
    later = (
        (above / entry.name / NAME)
        for entry in above.iterdir()
        if (other := CHECKPOINT.match(entry.name)) and int(other[1]) > int(numbered[1])
    )
    return (above / NAME).is_file() or any(state.is_file() for state in later)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63
