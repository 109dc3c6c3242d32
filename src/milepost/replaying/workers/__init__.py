"""Where the work of a replay is done: here, in other processes, or on a Ray cluster."""
