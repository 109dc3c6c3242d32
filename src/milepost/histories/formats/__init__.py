"""Formats of logs: one file a format, and nothing else."""
