#!/usr/bin/env bash
# Train a PPO agent in the MettaGrid arena until both thresholds are crossed, and say what each took.
# Runs here, on the CPU. What follows as key=value goes to the trainer: trainer.seed=3 run=mine
# With --cloud first it runs on 8 nodes of 4 GPUs, on-demand; options of `milepost launch` may follow as well.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=(
  run="arena_with_performance_tracking"
  trainer.curriculum=/env/mettagrid/arena/basic_easy_shaped
  trainer.stop_when_complete=true
  wandb.group=arena
  require_thresholds=true
)
if [ "${1:-}" = --cloud ]; then
  exec milepost launch train "${arguments[@]}" --nodes 8 --gpus 4 --no-spot "${@:2}"
fi
python -m examples.arena.train "${arguments[@]}" "$@"

echo
milepost results

# The same as pictures: one file, to be opened in a browser. It lies where the trainer's files do.
mkdir -p train_dir
milepost report -o train_dir/report.html
