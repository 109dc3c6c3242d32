#!/usr/bin/env bash
# verl's file logger opens its file anew in each process: a run that goes on from a checkpoint loses the lines of before.
# What the training took until then is gone from the log. https://verl.readthedocs.io/en/latest/
set -euo pipefail

package=verl version=0.9.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check --no-deps "$package==$version" orjson==3.13.0 packaging==26.4
cd "$folder"

echo "package:   $package $version"
echo "guess:     a process that goes on with a run at the same path adds to its file"
echo "behaviour: the file begins anew, with the first step after the checkpoint"
cat > program.py <<'PYTHON'
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

# The module's file alone: the package imports what this needs nothing of.
module = Path(next(iter(find_spec("verl").submodule_search_locations))) / "utils" / "tracking.py"
logger = runpy.run_path(str(module))["FileLogger"]("walker", "one")
for step in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    logger.log({"reward": step / 4}, step)
logger.finish()
PYTHON
export VERL_FILE_LOGGER_ROOT="$folder/logs" HOME="$folder"
steps() { sed -E 's/.*"step":([0-9]+).*/\1/' logs/walker/one.jsonl | paste -sd ' '; }
venv/bin/python program.py 1 6 > output
before=$(steps)
venv/bin/python program.py 5 8 >> output
after=$(steps)
echo "seen:      steps in the file after steps 1 to 6: $before"
echo "           steps in it after another process logged 5 to 8: $after"
echo "           lines on its console that tell of it: $(grep -ciE 'overwrit|exist|trunc|anew' output || true)"
[[ $before == "1 2 3 4 5 6" && $after == "5 6 7 8" ]] || { echo "changed"; exit 1; }
