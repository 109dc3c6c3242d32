"""What a run ran on and what that cost: pure data and pure functions of it."""
