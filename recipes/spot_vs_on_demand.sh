#!/usr/bin/env bash
# Train the arena recipe on on-demand and on spot machines, and show both: recipes/spot_vs_on_demand.sh [key=value ...]
# Here the machines are only said to be such, and the spot one is taken away once, in the middle. With --cloud first,
# both are launched, the spot one as a job that SkyPilot recovers; options of `milepost launch` may follow.
set -euo pipefail
cd "$(dirname "$0")/.."
group=${MILEPOST_GROUP:-spot_vs_on_demand-$(date -u +%Y%m%d-%H%M%S)}

if [ "${1:-}" = --cloud ]; then
  for market in no-spot spot; do
    recipes/arena_with_performance_tracking.sh --cloud run="$market" wandb.group="$group" \
      --nodes 1 --gpus 1 "--$market" --group "$group" --detach "${@:2}"
  done
  echo "later: milepost launch status $group; milepost results --group $group" >&2
  exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ cat configs/performance_thresholds/arena.yaml; echo "heartbeat_seconds: 1"; } > "$folder/thresholds.yaml"
export MILEPOST_INSTANCE_TYPE=g5.xlarge MILEPOST_REGION=us-east-1

train() {
  MILEPOST_MARKET=$1 MILEPOST_RUN_ID="$group-$1" exec python -m examples.arena.train run="$1" wandb.group="$group" \
    trainer.performance_thresholds="$folder/thresholds.yaml" trainer.total_timesteps=120000 \
    trainer.checkpoint_dir="$folder" trainer.checkpoint_every_seconds=4 trainer.resume=true \
    wandb.enabled=false "${@:2}"
}

echo "── on-demand"
(train on_demand "$@")
echo "── spot"
train spot "$@" &
trainer=$!
until [ -e "$folder/spot.pt" ]; do
  kill -0 "$trainer" || exit 1
  sleep 0.2
done
sleep 2  # work that no checkpoint holds: it is lost
kill -KILL "$trainer" 2>/dev/null || true
wait "$trainer" 2>/dev/null || true
echo "── taken away; going on from its checkpoint"
(train spot "$@")
echo
milepost results --group "$group"
milepost results "$group-spot"
