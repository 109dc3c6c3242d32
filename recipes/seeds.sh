#!/usr/bin/env bash
# Train N seeds of the arena recipe as one group, and say what they took: recipes/seeds.sh 5 [key=value ...]
# Here they run one after another. With --cloud first, each has a machine of its own, all at once; options of
# `milepost launch` may follow, such as --spot. Results are then where the runs are kept: see docs/launch.md.
set -euo pipefail
cd "$(dirname "$0")/.."

cloud=()
if [ "${1:-}" = --cloud ]; then
  cloud=(--cloud)
  shift
fi
seeds=${1:?"how many seeds? recipes/seeds.sh [--cloud] N [key=value ...]"}
[[ $seeds =~ ^[1-9][0-9]*$ ]] || { echo "recipes/seeds.sh: found $seeds, expected a number of seeds" >&2; exit 2; }
shift
group=${MILEPOST_GROUP:-seeds-$(date -u +%Y%m%d-%H%M%S)}

if [ ${#cloud[@]} -gt 0 ]; then
  recipes/arena_with_performance_tracking.sh --cloud wandb.group="$group" \
    --nodes 1 --gpus 1 --copies "$seeds" --group "$group" --detach "$@"
  echo "later: milepost launch status $group; milepost results --group $group" >&2
  exit
fi
for seed in $(seq "$seeds"); do
  echo "── seed $seed of $seeds"
  recipes/arena_with_performance_tracking.sh run="seed_$seed" trainer.seed="$seed" wandb.group="$group" "$@"
done
echo
milepost results --group "$group"
