#!/usr/bin/env bash
# rsl_rl logs each reward twice: `Train/mean_reward` by iteration, and `Train/mean_reward/time` with whole seconds for steps.
# Event files don't say so: who takes those steps for iterations counts 60 times as many, at a minute each. https://github.com/leggedrobotics/rsl_rl
set -euo pipefail

package=rsl-rl-lib version=5.5.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" install -qq --disable-pip-version-check "$@"; }
pip torch==2.13.0 tensordict==0.14.3 tensorboard==2.21.0 numpy==2.4.6 GitPython==3.2.1
pip --no-deps "$package==$version"
cd "$folder"

echo "package:   $package $version"
echo "guess:     the steps of all metrics under Train/ count the same thing"
echo "behaviour: those of Train/mean_reward/time are seconds of training, rounded down: several rows may have one"
cat > program.py <<'PYTHON'
import contextlib
import os
import sys

import torch
from rsl_rl.utils.logger import Logger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def train(folder, seconds):
    """Log four iterations that took so many seconds each, half of it for collecting; return the steps of both."""
    logger = Logger(folder, {"num_steps_per_env": 24, "algorithm": {}}, {}, 16, False, 1, 0, "cpu")
    logger.init_logging_writer()
    for at in range(4):
        logger.process_env_step(torch.full((16,), float(at)), torch.ones(16), {})
        logger.log(at, 0, 4, seconds / 2, seconds / 2, {"value": 0.5}, 1e-3, torch.ones(3), None)
    logger.writer.close()
    events = EventAccumulator(folder).Reload()
    return [[event.step for event in events.Scalars(tag)] for tag in ("Train/mean_reward", "Train/mean_reward/time")]


with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
    slow, quick = train("slow", 60.0), train("quick", 0.4)
for name, (by_iteration, by_time) in {"60 s": slow, "0.4 s": quick}.items():
    print(f"seen:      steps where an iteration takes {name}: {by_iteration} of Train/mean_reward,")
    print(f"           {by_time} of Train/mean_reward/time")
iterations = [0, 1, 2, 3]
sys.exit((slow, quick) != ([iterations, [60, 120, 180, 240]], [iterations, [0, 0, 1, 1]]))
PYTHON
HOME="$folder" venv/bin/python -W ignore program.py 2> errors || { tail -n 5 errors; echo "changed"; exit 1; }
