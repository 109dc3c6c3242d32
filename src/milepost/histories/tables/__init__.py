"""Tables of any source as histories: which columns count and tell time, and their values, exactly."""
