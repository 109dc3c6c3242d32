"""Logs of runs that are over: one file per format, and their registry."""
