#!/usr/bin/env bash
# Train in the arena, kill the trainer in the middle as a provider would, go on elsewhere, and show what that cost.
# The machines are only said to be such: MILEPOST_INSTANCE_TYPE wins over what is detected.
set -euo pipefail
cd "$(dirname "$0")/.."

export MILEPOST_RUN_ID="arena_preempted-$(date -u +%Y%m%d-%H%M%S)"
export MILEPOST_REGION=us-east-1 MILEPOST_MARKET=on_demand
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ cat configs/performance_thresholds/arena.yaml; echo "heartbeat_seconds: 1"; } > "$folder/thresholds.yaml"

train() {
  MILEPOST_INSTANCE_TYPE=$1 exec python -m examples.arena.train \
    run=arena_preempted \
    trainer.performance_thresholds="$folder/thresholds.yaml" \
    trainer.resume=true \
    trainer.checkpoint_dir="$folder" \
    trainer.checkpoint_every_seconds=4 \
    trainer.total_timesteps=120000 \
    wandb.enabled=false
}

echo "── training on g5.xlarge"
train g5.xlarge &
trainer=$!
until [ -e "$folder/arena_preempted.pt" ]; do
  kill -0 "$trainer" || exit 1
  sleep 0.2
done
sleep 2  # work that no checkpoint holds: it is lost
kill -KILL "$trainer"
wait "$trainer" 2>/dev/null || true
echo "── killed; going on from its checkpoint on g5.2xlarge"
(train g5.2xlarge)
echo
milepost results "$MILEPOST_RUN_ID"
