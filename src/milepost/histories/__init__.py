"""Logs of runs that are over: one file per format, and their registry."""

OWN = {
    "tensorboard": "milepost.histories.tensorboard:TensorBoardReader",
    "wandb": "milepost.histories.wandb:WandbFileReader",
    "wandb-api": "milepost.histories.wandb_api:WandbReader",
    "mlflow": "milepost.histories.mlflow:MLflowReader",
    "trackio": "milepost.histories.trackio:TrackioReader",
    "mlperf": "milepost.histories.mlperf:MLPerfReader",
    "dawnbench": "milepost.histories.dawnbench:DawnbenchReader",
    "sb3-evaluations": "milepost.histories.sb3:EvaluationsReader",
    "sb3-monitor": "milepost.histories.sb3_monitor:MonitorReader",
    "trainer-state": "milepost.histories.trainer_state:TrainerStateReader",
    "parquet": "milepost.histories.parquet:ParquetReader",
    "csv": "milepost.histories.delimited:DelimitedReader",
    "jsonl": "milepost.histories.jsonl:JsonLinesReader",
}
"""Milepost's own readers, the most specific first: a file is of the first format that claims it.

Other packages add theirs to the entry-point group ``milepost.histories``; they are asked before `GENERIC` ones.
"""

GENERIC = ("parquet", "csv", "jsonl")
"""Formats that take any table."""
