"""A tracked run: one process's part in a run, and all that hangs on it.

`track` (in `opening`) puts it together, and `TrackedRun` (in `run`) is what training talks to. All else is done by its
parts (`part`): the recorder, the watches over prices, notices and the end, each sink, and those of other packages.
`loop` calls them when they are due; what they know of the run is in `view`. Only in this folder are threads started,
and only here is `Exception` caught.
"""
