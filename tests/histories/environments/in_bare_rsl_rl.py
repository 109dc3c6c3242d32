"""Runs by the tests' own Python, with rsl_rl beside it: writes the event files that its input names."""

import contextlib
import json
import os
import sys
import time

import torch
from rsl_rl.utils.logger import Logger


class Clock:
    """What the event files take for the time, Unix seconds."""

    now = 0.0

    def seconds(self) -> float:
        """Return it."""
        return self.now


clock = Clock()


def main() -> None:
    """Write what standard input tells: folders, with the iterations of each process and how long each took."""
    time.time = clock.seconds
    for folder, processes in json.load(sys.stdin).items():
        for iterations, seconds, began in processes:
            settings = {"num_steps_per_env": 24, "algorithm": {}}
            clock.now = began
            logger = Logger(folder, settings, {}, 16, False, 1, 0, "cpu")
            logger.init_logging_writer()
            for at in iterations:
                clock.now += seconds
                logger.process_env_step(torch.full((16,), float(at)), torch.ones(16), {})
                losses = {"value": float("nan") if at == 2 else 1 / (at + 1)}
                with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                    logger.log(at, 0, 100, seconds / 2, seconds / 2, losses, 1e-3, torch.ones(3), None)
            logger.writer.close()


if __name__ == "__main__":
    main()
