"""``milepost init``: a starter thresholds file."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from milepost.config import FOLDER, Config
from milepost.errors import ConfigError
from milepost.thresholds import PerformanceThreshold

TEMPLATE = """\
# What the run is to reach. Say when: `milepost.track("{path}")`.
thresholds:
  - name: "{name}"
    metric: {metric}          # its key in what the trainer logs
    target_value: {target!r}
    comparison: ">="          # >=, >, <=, < or ==
    smoothing_factor: 0.1     # 1 is the raw value
aws:
  instance_type: "g5.4xlarge"  # taken where nothing else tells
  use_spot: false
# instance: {{provider: aws, instance_type: p4d.24xlarge, region: us-east-1, market: on_demand, num_nodes: 2}}
# prices: {{price_per_hour: 1.20}}    # USD an hour of one node: your own price wins over every other
"""


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = FOLDER / "thresholds.yaml",
    metric: Annotated[str, typer.Option(help="Key of the metric in what the trainer logs.")] = "reward",
    target: Annotated[float, typer.Option(help="The value to reach.")] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a starter thresholds file."""
    slug = re.sub(r"[^A-Za-z0-9]+", "_", metric).strip("_") or "metric"
    name = f"{slug}_{target:g}".replace("+", "")
    PerformanceThreshold(name, metric, target)
    text = TEMPLATE.format(path=path, name=name, metric=json.dumps(metric, ensure_ascii=False), target=target)
    Config.loads(text, file=str(path))
    if path.exists() and not force:
        raise ConfigError(f"{path}: it exists already; give another path, or --force to overwrite it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: expected to write it, found: {error.strerror}") from error
    typer.echo(f"wrote {path}")
