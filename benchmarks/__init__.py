"""How fast Milepost is, as ratios of medians measured side by side in one run."""
