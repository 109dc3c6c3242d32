"""The tracker's arithmetic, compiled, and when it is worth its while."""
