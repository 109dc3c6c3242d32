"""Checks a setup before it costs money: `examine` runs every check, one file for each family of them."""
