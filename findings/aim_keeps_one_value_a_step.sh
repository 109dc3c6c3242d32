#!/usr/bin/env bash
# Aim keeps one value a step: a run that was resumed from a checkpoint writes over what it had tracked after it.
# A target that was met before the resume was never met, and the hours that were lost don't show. https://aimstack.readthedocs.io/en/latest/
set -euo pipefail

package=aim version=3.29.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "$package==$version"
cd "$folder"

echo "package:   $package $version"
echo "guess:     all values that were tracked are kept, each with its time"
echo "behaviour: a later value at a step takes the place of the earlier one, and of its time"
cat > train.py <<'PYTHON'
import sys

from aim import Repo, Run

key, points = sys.argv[1], sys.argv[2:]
repo = Repo.from_path(".", init=True)
run = Run(key or None, repo=repo, capture_terminal_logs=False, system_tracking_interval=None)
for point in points:
    step, value = point.split(":")
    run.track(float(value), name="reward", step=int(step))
print(run.hash)
run.close()
PYTHON
cat > look.py <<'PYTHON'
import sys

from aim import Repo

(metric,) = (each for each in Repo.from_path(".").get_run(sys.argv[1]).metrics() if each.name == "reward")
steps, (values, _, times) = metric.data.items_list()
print(*(f"{int(step)}:{value:g}" for step, value in zip(steps, values, strict=True)))
print(times[2] - times[1] > 3)
PYTHON
first="1:0.25 2:0.5 3:0.9375 4:0.75" second="3:0.625 4:0.6875 5:0.8125"
export HOME="$folder"
key=$(venv/bin/python train.py "" $first 2> errors)
sleep 4
venv/bin/python train.py "$key" $second > output 2>> errors
venv/bin/aim storage reindex <<< y > /dev/null 2>&1  # as its UI does by itself
{ read -r seen; read -r is_later; } < <(venv/bin/python look.py "$key" 2>> errors) || { tail -n 5 errors; exit 1; }
echo "seen:      step:value tracked by the first process:  $first"
echo "           tracked 4 s later, by one that went on:   $second"
echo "           what its client reads:                    $seen"
echo "           step 3 has the later time:                $is_later"
echo "           lines on its console that tell of it:     $(cat output errors | grep -ciE 'overwrit|already|duplicate' || true)"
[[ $seen == "1:0.25 2:0.5 3:0.625 4:0.6875 5:0.8125" && $is_later == True ]] || { echo "changed"; exit 1; }
