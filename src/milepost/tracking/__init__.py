"""The mission itself, as pure functions and data: metrics are smoothed, compared, and say what a crossing took."""
