"""Packages that add price sources, written to a folder as an installer leaves them."""

from pathlib import Path

OFFLINE = """
from milepost.money.quote import Quote
from milepost.prices.source import PriceSource

class Acme(PriceSource):
    name, provider = "acme", "acme"

    def quote(self, instance):
        return Quote(usd_per_hour=7.5, source="whatever", provider="acme", instance_type=instance.instance_type)

    def every_quote(self):
        return [Quote(usd_per_hour=7.5, source="whatever", provider="acme", instance_type="big", market="on_demand")]
"""

LIVE = """
from milepost.money.quote import Quote
from milepost.prices.source import LivePriceSource

class Acme(LivePriceSource):
    name, provider = "acme", "Acme"

    def why_not(self):
        return None

    def quote(self, instance, since=None):
        return Quote(usd_per_hour=9.0, source="acme", provider="acme", instance_type=instance.instance_type)
"""


def install(folder: Path, code: str = OFFLINE, *, name: str = "acme", adapter: str = "Acme") -> Path:
    """Put a package into a folder whose entry point of that name is a price source; return the folder."""
    module = f"prices_of_{name}"
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[milepost.prices]\n{name} = {module}:{adapter}\n")
    return folder
