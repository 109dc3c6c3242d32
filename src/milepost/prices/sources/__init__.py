"""Who may know a price: one file a source."""
