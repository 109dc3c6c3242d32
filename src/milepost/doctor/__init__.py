"""Says what would spoil a run, before it costs money: `examine` runs every check, one file for each family of them."""
