"""Replay: the answers that the live tracker would have given, from the logs of runs that are over.

`replay` finds the logs and goes through them, `workers` say where the work is done, `engine` hands one history to the
tracker, `pricing` says what its hours cost, `results` is what comes of it, and `saving` keeps it in a store.
"""
