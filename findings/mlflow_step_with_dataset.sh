#!/usr/bin/env bash
# MLflow's file store keeps the step of a metric that was logged with a data set, but its client reads 0 for it.
# Who asks the client when a target was met gets step 0. https://mlflow.org/docs/2.11.3/tracking/tracking-api.html
set -euo pipefail

package=mlflow-skinny version=3.17.2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "$package==$version"
cd "$folder"

echo "package:   $package $version"
echo "guess:     the client reads the steps that it was told: 10, 20, 30"
echo "behaviour: the step that came with a data set is in the file, and the client reads 0"
cat > program.py <<'PYTHON'
import sys
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric

client = MlflowClient(tracking_uri=Path("mlruns").absolute().as_uri())
experiment = client.create_experiment("walker")
run = client.create_run(experiment).info.run_id
told = [Metric("reward", step * 1.5, 1_700_000_000_000 + step * 1000, step) for step in (10, 20)]
told.append(Metric("reward", 45.0, 1_700_000_030_000, 30, dataset_name="track", dataset_digest="c0ffee"))
client.log_batch(run, told)

(file,) = Path("mlruns").rglob("metrics/reward")
written = [int(line.split()[2]) for line in file.read_text().splitlines()]
read = [point.step for point in client.get_metric_history(run, "reward")]
last = client.get_run(run).data.metrics["reward"]
print("seen:      steps told", [point.step for point in told])
print("           steps in the file", written)
print("           steps that the client reads", read)
print("           value that the client calls the latest", last, "(30.0 is that of step 20)")
sys.exit((written, read, last) != ([10, 20, 30], [10, 20, 0], 30.0))
PYTHON
MLFLOW_ALLOW_FILE_STORE=true HOME="$folder" venv/bin/python program.py 2> errors || { tail -n 5 errors; echo "changed"; exit 1; }
