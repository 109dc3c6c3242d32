#!/usr/bin/env bash
# SwanLab keeps a key's first value at a step: a second one is dropped, also where a training went back to a checkpoint.
# What is left is the curve that was thrown away. https://docs.swanlab.cn/en/guide_cloud/experiment_track/log-experiment-metric.html
set -euo pipefail

package=swanlab version=0.10.3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "$package==$version"
cd "$folder"

echo "package:   $package $version"
echo "guess:     after training went back from step 3 to step 2, both values of steps 2 and 3 are kept, or the later ones"
echo "behaviour: the later ones are dropped; those that the training abandoned stay"
cat > program.py <<'PYTHON'
import sys
from pathlib import Path

import swanlab
from swanlab.proto.swanlab.record.v1.record_pb2 import Record
from swanlab.sdk.internal.core_python.store import DataStoreReader

told = [(1, 0.25), (2, 0.5), (3, 0.75), (2, 0.53125), (3, 0.78125), (4, 0.875)]
swanlab.init(project="walker", mode="offline", log_dir="swanlog")
for step, value in told:
    swanlab.log({"reward": value}, step=step)
swanlab.finish()

(path,) = Path("swanlog").rglob("*.swanlab")
reader = DataStoreReader()
reader.open(path)
written = []
while (data := reader.scan()) is not None:
    scalar = Record.FromString(data).scalar
    if scalar.key == "reward":
        written.append((scalar.step, scalar.value.number))
reader.close()
print("seen:      step and value told", told)
print("           in its file        ", written)
sys.exit(written != [(1, 0.25), (2, 0.5), (3, 0.75), (4, 0.875)])
PYTHON
HOME="$folder" venv/bin/python program.py > output 2>&1 || { tail -n 5 output; echo "changed"; exit 1; }
sed -n '/^seen: /,$p' output
echo "           lines on its console that tell of it: $(grep -ciE 'skip|drop|duplicate|too old' output || true)"
