"""Files and records of binary formats, decoded."""
