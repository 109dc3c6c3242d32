"""What schedulers and launchers tell of a process: one file a scheduler."""
