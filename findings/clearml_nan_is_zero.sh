#!/usr/bin/env bash
# ClearML's offline session holds 0.0 where a program reported NaN or infinity.
# A loss that diverged then meets any target of the kind "loss <= 0.1". https://clear.ml/docs/latest/docs/references/sdk/logger
set -euo pipefail

package=clearml version=2.1.12
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "$package==$version"
cd "$folder"

echo "package:   $package $version"
echo "guess:     NaN and infinity are kept, or left out"
echo "behaviour: both are written as 0.0, like a loss that is perfect"
cat > program.py <<'PYTHON'
import json
import math
import sys
from pathlib import Path

from clearml import Task

Task.set_offline(True)
task = Task.init("walker", "one", auto_connect_frameworks=False, auto_resource_monitoring=False)
told = [0.9, 0.6, math.nan, math.nan, math.nan, math.inf, math.inf]
for step, value in enumerate(told, 1):
    task.get_logger().report_scalar("train", "loss", value, step)
task.close()

session = Path(task.get_offline_mode_folder())
lines = (session / "metrics.jsonl").read_text().splitlines()
events = [event for line in lines for event in json.loads(line)]
written = [event["value"] for event in sorted(events, key=lambda event: event["iter"]) if event["variant"] == "loss"]
print("seen:      values told", told, flush=True)
print("           values in the session", written, flush=True)
sys.exit(written != [0.9, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0])
PYTHON
HOME="$folder" venv/bin/python program.py > output 2>&1 || { tail -n 5 output; echo "changed"; exit 1; }
sed -n '/^seen: /,/^ *values in/p' output
echo "           lines on its console that tell of it: $(grep -c 'value encountered' output), for 5 values"
