"""Optuna's journal, a line an operation: https://github.com/optuna/optuna, ``optuna/storages/journal/_storage.py``."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from milepost.histories.decoding.files import blocks
from milepost.histories.decoding.optuna_trial import METRIC_NAMES, RETRIED, Trial, names_of
from milepost.log import logger

CREATE_STUDY, DELETE_STUDY, STUDY_SYSTEM_ATTRIBUTE = 0, 1, 3
CREATE_TRIAL, PARAMETER, STATE, INTERMEDIATE_VALUE, USER_ATTRIBUTE, SYSTEM_ATTRIBUTE = 4, 5, 6, 7, 8, 9
"""Values of ``op_code``. Of others nothing is needed."""

RUNNING, FINISHED = 0, (1, 2, 3)
"""States of a trial: what is finished (complete, pruned, failed) nothing changes any more."""

BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
"""What is raised by lines that are none of a journal's."""


def is_journal(head: bytes) -> bool:
    """Say whether a file begins as a journal does."""
    try:
        told = json.loads(head.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and {"op_code", "worker_id"} <= told.keys()


def journal_trials(path: str) -> list[Trial]:
    """Return the trials of a journal, in the order in which they were created.

    Raises:
        HistoryError: It can't be read.
    """
    journal, broken = _Journal(), 0
    for block in blocks(path):
        for line in block.data.split(b"\n"):
            if line.strip():
                try:
                    journal.take(json.loads(line))
                except BROKEN:
                    broken += 1
    if broken:
        logger("histories").warning("%s: %d lines are none of Optuna's journal; not read", path, broken)
    return journal.trials_of_studies()


class _Journal:
    """What the lines of a journal come to: ids of studies and trials are their places."""

    def __init__(self) -> None:
        self._studies: list[str | None] = []  # None: deleted
        self._names: dict[int, tuple[str, ...]] = {}
        self._trials: list[Trial] = []
        self._study_of: list[int] = []
        self._counts = Counter[int]()
        self._points: list[dict[int, float]] = []
        self._finished: set[int] = set()

    def trials_of_studies(self) -> list[Trial]:
        """Return the trials of studies that are there."""
        for trial, study in zip(self._trials, self._study_of, strict=True):
            trial.names = self._names.get(study, ())
        pairs = zip(self._trials, self._study_of, strict=True)
        return [trial for trial, study in pairs if self._studies[study] is not None]

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line; of one that is none, raise what comes."""
        code = line["op_code"]
        if code == CREATE_STUDY:
            if line["study_name"] not in self._studies:
                self._studies.append(str(line["study_name"]))
        elif code == DELETE_STUDY:
            self._studies[line["study_id"]] = None
        elif code == STUDY_SYSTEM_ATTRIBUTE:
            if METRIC_NAMES in line["system_attr"]:
                self._names[line["study_id"]] = names_of(line["system_attr"][METRIC_NAMES])
        elif code == CREATE_TRIAL:
            self._create(line)
        elif code >= PARAMETER and (key := line.get("trial_id")) is not None and key not in self._finished:
            self._change(self._trials[key], key, code, line)

    def _create(self, line: Mapping[str, Any]) -> None:
        """Take a trial; one that another one goes on with, or that was told of whole, brings what it has."""
        study = line["study_id"]
        name = self._studies[study]
        if name is None:
            return
        points = {int(step): float(value) for step, value in line.get("intermediate_values", {}).items()}
        trial = Trial(study=name, number=self._counts[study], points=points.items, began=line["datetime_start"])
        self._counts[study] += 1
        for parameter, value in line.get("params", {}).items():
            trial.suggest(parameter, value, line["distributions"][parameter])
        trial.params.update(line.get("user_attrs", {}))
        trial.retries = line.get("system_attrs", {}).get(RETRIED)
        self._trials.append(trial)
        self._study_of.append(study)
        self._points.append(points)
        if line.get("state", RUNNING) in FINISHED:
            values = line.get("values")
            self._finish(len(self._trials) - 1, line, [line.get("value")] if values is None else values)

    def _change(self, trial: Trial, key: int, code: int, line: Mapping[str, Any]) -> None:
        if code == INTERMEDIATE_VALUE:
            self._points[key][int(line["step"])] = float(line["intermediate_value"])
        elif code == STATE:
            if line["state"] in FINISHED:
                self._finish(key, line, line["values"] or ())
            elif line["state"] == RUNNING:
                trial.began = line["datetime_start"]
        elif code == PARAMETER:
            trial.suggest(line["param_name"], line["param_value_internal"], line["distribution"])
        elif code == USER_ATTRIBUTE:
            trial.params.update(line["user_attr"])
        elif code == SYSTEM_ATTRIBUTE:
            trial.retries = line["system_attr"].get(RETRIED, trial.retries)

    def _finish(self, key: int, line: Mapping[str, Any], values: Any) -> None:
        trial = self._trials[key]
        trial.values = tuple(None if value is None else float(value) for value in values)
        trial.ended = line.get("datetime_complete")
        self._finished.add(key)
