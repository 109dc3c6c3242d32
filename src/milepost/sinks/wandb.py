"""Weights & Biases: figures of the active run, charted against what it counts in. `tracking.keys` has their names."""

from collections.abc import Sequence
from typing import Any

from milepost.errors import MissingExtra
from milepost.log import logger
from milepost.sinks.sink import Sink
from milepost.tracking.keys import PREFIX, SAMPLES, Figure


class WandbSink(Sink):
    """Writes to the W&B run that is active in this process, whoever started it.

    Nothing is ever logged with a ``step``: keys join the row that the trainer logs next (``commit=False``), so that
    W&B's step never goes back and none is used up. What is in that row twice, such as the cost so far, has its latest
    value. The summary is set at once.

    Raises:
        MissingExtra: wandb is not installed.
    """

    name = "wandb"

    def __init__(self) -> None:
        super().__init__()
        try:
            import wandb
        except ImportError as error:
            raise MissingExtra("wandb", "wandb", "the W&B sink") from error
        self._wandb = wandb
        self._run: Any = None
        self._along = SAMPLES

    def _write(self, changed: Sequence[Figure], samples: int) -> bool:
        run = self._wandb.run or self._run
        if run is None:
            logger("sinks.wandb").debug("there is no W&B run as yet: %d keys wait for wandb.init()", len(changed))
            return False
        units = [figure.value for figure in changed if figure.key == "samples_unit"]
        along = f"{PREFIX}/{units[0]}" if units else self._along
        if run is not self._run or along != self._along:
            self._run, self._along = run, along
            run.define_metric(along, hidden=True)
            run.define_metric(f"{PREFIX}/*", step_metric=along)
        row = {figure.name: figure.value for figure in changed}
        run.log({**row, along: samples}, commit=False)
        run.summary.update(row)
        return True
