"""What is kept of a run, whoever tells of it."""
