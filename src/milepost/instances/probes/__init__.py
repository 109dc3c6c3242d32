"""What clouds tell of a machine: one file a cloud."""
