"""``milepost init``: a starter thresholds file."""

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
    metric: "{metric}"          # its key in what the trainer logs
    target_value: {target:g}
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
    name = "".join(letter if letter.isalnum() else "_" for letter in metric).strip("_") + f"_{target:g}"
    PerformanceThreshold(name, metric, target)
    text = TEMPLATE.format(path=path, name=name, metric=metric, target=target)
    Config.loads(text, file=str(path))
    if path.exists() and not force:
        raise ConfigError(f"{path}: it exists already; give another path, or --force to overwrite it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: expected to write it, found: {error.strerror}") from error
    typer.echo(f"wrote {path}")
