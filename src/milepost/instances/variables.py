"""Milepost's own variables: what its user, or a launcher, says of this machine. They override all."""

from collections.abc import Mapping

from milepost.instances.environment import count, lower, read, share, text
from milepost.money.instance import MARKETS, Instance, Market


def from_variables(environ: Mapping[str, str]) -> Instance:
    """Return what ``MILEPOST_PROVIDER``, ``…_INSTANCE_TYPE``, ``…_REGION`` and so on say."""
    market = read(environ, "MILEPOST_MARKET", _market, f"one of {', '.join(MARKETS)}")
    fields = {
        "provider": read(environ, "MILEPOST_PROVIDER", lower, "a provider's name, such as aws"),
        "instance_type": read(environ, "MILEPOST_INSTANCE_TYPE", text, "an instance type"),
        "region": read(environ, "MILEPOST_REGION", text, "a region"),
        "zone": read(environ, "MILEPOST_ZONE", text, "a zone"),
        "market": market,
        "num_nodes": read(environ, "MILEPOST_NUM_NODES", count, "a whole number, 1 or more"),
        "share": read(environ, "MILEPOST_SHARE", share, "a number above 0 and up to 1"),
    }
    return Instance.known({name: f"MILEPOST_{name.upper()}" for name in fields}, **fields)


def _market(value: str) -> Market | None:
    name = value.lower().replace("-", "_")
    return next((market for market in MARKETS if market == name), None)
