"""SkyPilot's public catalogs: where they lie, how they are fetched, and what they offer."""
