"""Where results are shown: one file per outside system, and their registry."""

OWN = {"wandb": "milepost.sinks.wandb:WandbSink"}
"""Milepost's own sinks; other packages add theirs to the entry-point group ``milepost.sinks``."""
