#!/usr/bin/env bash
# Optuna 4.9 keeps the dates of trials in local time, 5.0 in UTC; the dates don't say which, and 5.0 takes all for UTC.
# A study that goes on after an upgrade seems to have paused for hours, or to overlap. https://optuna.readthedocs.io/en/stable/reference/generated/optuna.trial.FrozenTrial.html
set -euo pipefail

package=optuna old=4.9.0 new=5.0.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in "$old" "$new"; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq --disable-pip-version-check "$package==$version"
done
cd "$folder"

echo "package:   $package $old, then $new, on the same file"
echo "guess:     two trials that run one right after the other have dates seconds apart"
echo "behaviour: where local time is 5 hours behind UTC, they are 5 hours apart, for $new's own client too"
cat > program.py <<'PYTHON'
import optuna

study = optuna.create_study(storage="sqlite:///study.db", study_name="walker", load_if_exists=True)
study.optimize(lambda trial: trial.suggest_float("rate", 0, 1), n_trials=1)
PYTHON
cat > look.py <<'PYTHON'
import sqlite3
import sys
from datetime import datetime

import optuna

rows = sqlite3.connect("study.db").execute("SELECT datetime_start FROM trials ORDER BY number").fetchall()
dates = [datetime.fromisoformat(date) for (date,) in rows]
told = [trial.datetime_start for trial in optuna.load_study(storage="sqlite:///study.db", study_name="walker").trials]
apart = [(second - first).total_seconds() / 3600 for first, second in (dates, told)]
print("seen:      dates in the file:       ", *dates, sep="  ")
print("           dates that 5.0's client tells:", *told, sep="  ")
print("           hours between them: {:.2f} and {:.2f}".format(*apart))
print("           zones that they say:", {date.tzinfo for date in dates + told})
is_same = {date.tzinfo for date in dates} == {None} and all(5 <= hours < 5.2 for hours in apart)
sys.exit(not is_same)
PYTHON
export TZ=EST5 HOME="$folder"
"$old/bin/python" program.py 2> errors || { tail -n 5 errors; exit 1; }
"$new/bin/python" program.py 2> errors || { tail -n 5 errors; exit 1; }
"$new/bin/python" look.py || { echo "changed"; exit 1; }
