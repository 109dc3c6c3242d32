#!/usr/bin/env bash
# Train a PPO agent in the MettaGrid arena until both thresholds are crossed, and say what each took.
# Runs here, on the CPU. What follows as key=value goes to the trainer: trainer.seed=3 run=mine
set -euo pipefail
cd "$(dirname "$0")/.."

python -m examples.arena.train \
  run="arena_with_performance_tracking" \
  trainer.curriculum=/env/mettagrid/arena/basic_easy_shaped \
  trainer.stop_when_complete=true \
  wandb.group=arena \
  require_thresholds=true \
  "$@"

echo
milepost results

# The same as pictures: one file, to be opened in a browser.
milepost report -o report.html
