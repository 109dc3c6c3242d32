#!/usr/bin/env bash
# Train on machines of your own: start this on each of them, with another NODE_RANK from 0 on. See docs/launch.md.
#   MILEPOST_RUN_ID=pair-1 NODE_RANK=0 MASTER=10.0.0.1 devops/torchrun/node.sh run=pair trainer.num_envs=8
set -euo pipefail
cd "$(dirname "$0")/../.."

# The id keeps the run together: started again after a machine was lost, it goes on.
export MILEPOST_RUN_ID="${MILEPOST_RUN_ID:?a name for the run, the same on all machines and at every start}"

exec torchrun \
  --nnodes "${NODES:-2}" --node-rank "${NODE_RANK:?0 on the first machine, 1 on the second …}" \
  --nproc-per-node "${PROCESSES:-1}" \
  --master-addr "${MASTER:?address of the first machine}" --master-port "${MASTER_PORT:-29500}" \
  -m examples.arena.train \
  trainer.checkpoint_dir="${CHECKPOINTS:-train_dir}/$MILEPOST_RUN_ID" \
  trainer.resume=true \
  "$@"
