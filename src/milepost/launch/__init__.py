"""Starts training tasks through SkyPilot, tracked. SkyPilot itself is a command of its own, and never imported."""
