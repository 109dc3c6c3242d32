"""Logs of runs that are over: one file per format, and their registry."""

OWN = {
    "tensorboard": "milepost.histories.formats.tensorboard:TensorBoardReader",
    "wandb": "milepost.histories.formats.wandb:WandbFileReader",
    "wandb-api": "milepost.histories.formats.wandb_api:WandbReader",
    "mlflow": "milepost.histories.formats.mlflow:MLflowReader",
    "aim": "milepost.histories.formats.aim:AimReader",
    "dvclive": "milepost.histories.formats.dvclive:DVCLiveReader",
    "sacred": "milepost.histories.formats.sacred:SacredReader",
    "swanlab": "milepost.histories.formats.swanlab:SwanLabReader",
    "clearml": "milepost.histories.formats.clearml:ClearMLReader",
    "comet": "milepost.histories.formats.comet:CometReader",
    "neptune": "milepost.histories.formats.neptune_scale:NeptuneReader",
    "neptune-export": "milepost.histories.formats.neptune_export:NeptuneExportReader",
    "optuna": "milepost.histories.formats.optuna:OptunaReader",
    "trackio": "milepost.histories.formats.trackio:TrackioReader",
    "mlperf": "milepost.histories.formats.mlperf:MLPerfReader",
    "algoperf": "milepost.histories.formats.algoperf:AlgoPerfReader",
    "dawnbench": "milepost.histories.formats.dawnbench:DawnbenchReader",
    "sb3-evaluations": "milepost.histories.formats.sb3_evaluations:EvaluationsReader",
    "sb3-monitor": "milepost.histories.formats.sb3_monitor:MonitorReader",
    "trainer-state": "milepost.histories.formats.trainer_state:TrainerStateReader",
    "verl": "milepost.histories.formats.verl_file:VerlReader",
    "torchrl-csv": "milepost.histories.formats.torchrl_csv:TorchRLReader",
    "parquet": "milepost.histories.formats.parquet:ParquetReader",
    "csv": "milepost.histories.formats.delimited:DelimitedReader",
    "jsonl": "milepost.histories.formats.jsonl:JsonLinesReader",
    "json": "milepost.histories.formats.json_whole:JsonReader",
    "console": "milepost.histories.formats.console:ConsoleReader",
    "text": "milepost.histories.formats.text:TextReader",
}
"""Milepost's own readers, the most specific first: a file is of the first format that claims it.

Other packages add theirs to the entry-point group ``milepost.histories``; they are asked before `GENERIC` ones.
"""

GENERIC = ("parquet", "csv", "jsonl", "json", "console", "text")
"""Formats that take any table, or any text."""
