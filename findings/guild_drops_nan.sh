#!/usr/bin/env bash
# Guild AI takes scalars from a program's output, but no NaN: a run whose loss diverged shows its last good loss.
# Of two runs, the one that broke may look the better one. https://github.com/guildai/guildai
set -euo pipefail

package=guildai version=0.9.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "$package==$version" setuptools==65.5.0
mkdir "$folder/project" "$folder/guild"
cd "$folder/project"

echo "package:   $package $version"
echo "guess:     a loss that is printed as nan is the run's loss, or is told as missing"
echo "behaviour: such lines are passed over; the loss is that of two steps earlier, beside the reward of the last one"
cat > train.py <<'PYTHON'
for step, (loss, reward) in enumerate([(0.5, 1.0), (0.125, 2.0), (float("nan"), 3.0), (float("nan"), 4.0)], 1):
    print(f"step: {step}")
    print(f"loss: {loss}")
    print(f"reward: {reward}")
PYTHON
export HOME="$folder" GUILD_HOME="$folder/guild"
../venv/bin/guild run train.py --yes --no-gpus > ../output 2> ../errors || { tail -n 5 ../errors; exit 1; }
seen=$(../venv/bin/guild runs info 2>> ../errors | grep -E '^ +(loss|reward):') || { tail -n 5 ../errors; exit 1; }
echo "seen:      printed by the program:    $(grep -E 'loss|reward' ../output | paste -sd ' ')"
echo "           told of the run by Guild:  $(paste -sd ' ' <<< "$seen")"
[[ $seen == *"loss: 0.125000 (step 2)"* && $seen == *"reward: 4.000000 (step 4)"* ]] || { echo "changed"; exit 1; }
