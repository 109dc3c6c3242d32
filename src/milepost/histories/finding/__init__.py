"""Finds logs, and says which of them are one run."""
