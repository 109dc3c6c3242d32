"""``user``: the prices that the user gave."""

import csv
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from milepost.config import Rate
from milepost.data import machines
from milepost.errors import ConfigError, PriceUnavailable, nearest, require
from milepost.money.instance import MARKETS, Instance
from milepost.money.quote import Quote
from milepost.prices.rates import rate_of
from milepost.prices.source import PriceSource

MATCHED = ("provider", "instance_type", "region", "zone", "market")
"""Columns of a table that say which instances a row is for."""

COLUMNS = (*MATCHED, "usd_per_hour", "as_of")


class UserPrice(PriceSource):
    """One price for whatever the run is on, or a table of on-premise or negotiated prices. Never assumed.

    Args:
        price_per_hour: USD an hour of one node; wins over the table.
        table: A CSV file with the columns ``instance_type`` and ``usd_per_hour``, and any of ``provider``,
            ``region``, ``zone``, ``market`` and ``as_of``. A row is for the instances that are as its cells say; an
            empty cell fits all. Of several rows that fit, the one that says most wins.
        rates: Rates that the user has agreed on; those with a price of their own are asked after the table.

    Raises:
        ConfigError: A price is negative or no finite number, or the table can't be read; says where.
    """

    name = "user"

    def __init__(
        self, price_per_hour: float | None, table: str | Path | None = None, rates: Sequence[Rate] = ()
    ) -> None:
        if price_per_hour is not None:
            number = isinstance(price_per_hour, int | float) and not isinstance(price_per_hour, bool)
            holds = number and 0 <= price_per_hour < math.inf
            require(holds, "price_per_hour", price_per_hour, "USD an hour, 0 or above")
        self._price_per_hour = price_per_hour
        self._rows = [] if table is None else _read(Path(table))
        self._has_table = table is not None
        self._rates = [rate for rate in rates if rate.usd_per_hour is not None]

    def quote(self, instance: Instance) -> Quote:
        """Return the user's price."""
        if self._price_per_hour is not None:
            return _quote(instance, self._price_per_hour, _today())
        fitting = [row for row in self._rows if _fits(row, instance)]
        if not fitting and (rate := rate_of(self._rates, instance)) is not None and rate.usd_per_hour is not None:
            return msgspec.structs.replace(_quote(instance, rate.usd_per_hour, _today()), rate=rate.name)
        if not fitting:
            raise PriceUnavailable(
                f"the table has no row for {instance.instance_type or 'an unknown type'}"
                if self._has_table
                else "no price_per_hour is given"
            )
        row = max(fitting, key=lambda row: sum(name in row for name in MATCHED))
        return _quote(instance, float(row["usd_per_hour"]), row.get("as_of") or _today())

    def every_quote(self) -> Iterable[Quote]:
        """Return the table."""
        for row in self._rows:
            which = msgspec.convert({name: row[name] for name in MATCHED if name in row}, Instance)
            yield _quote(which, float(row["usd_per_hour"]), row.get("as_of") or _today())


def _quote(instance: Instance, usd_per_hour: float, as_of: str) -> Quote:
    known = instance if instance.gpus is not None else machines().get(instance.instance_type or "")
    return Quote(
        usd_per_hour=usd_per_hour,
        source=UserPrice.name,
        as_of=as_of,
        provider=instance.provider,
        instance_type=instance.instance_type,
        region=instance.region,
        zone=instance.zone,
        market=instance.market,
        gpus=known.gpus if known else None,
        gpu=known.gpu if known else None,
    )


def _fits(row: dict[str, str], instance: Instance) -> bool:
    """Say whether a row is for an instance: upper and lower case are alike."""
    told = {name: getattr(instance, name) for name in MATCHED if name in row}
    return all(each is not None and each.casefold() == row[name].casefold() for name, each in told.items())


def _read(file: Path) -> list[dict[str, str]]:
    """Return the rows of a table, without their empty cells."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, skipinitialspace=True, strict=True)
            columns = list(reader.fieldnames or ())
            for name in columns:
                if name not in COLUMNS:
                    hint = nearest(name, COLUMNS, cutoff=0.4, shown=repr) or f"; known: {', '.join(COLUMNS)}"
                    raise ConfigError(f"{file}: found an unknown column {name!r}{hint}")
            if missing := {"instance_type", "usd_per_hour"} - set(columns):
                names = " and ".join(map(repr, sorted(missing)))
                raise ConfigError(f"{file}: expected the columns {names}, found {', '.join(columns) or 'none'}")
            rows = []
            for row in reader:
                where = f"{file}, line {reader.line_num}"
                if None in row or None in row.values():
                    raise ConfigError(f"{where}: expected {len(columns)} cells")
                rows.append(_checked({name: cell.strip() for name, cell in row.items() if cell.strip()}, where))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{file}: expected a readable CSV file, found: {reason}") from error
    except csv.Error as error:
        raise ConfigError(f"{file}: expected CSV, found: {error}") from error
    kinds = [tuple(row.get(name) for name in MATCHED) for row in rows]
    for at, kind in enumerate(kinds):
        if kind in kinds[:at]:
            raise ConfigError(f"{file}: found two rows for {' '.join(filter(None, kind))}, expected one")
    return rows


def _checked(row: dict[str, str], where: str) -> dict[str, str]:
    """Return a row whose market and provider are written as Milepost writes them."""
    usd = row.get("usd_per_hour")
    try:
        holds = usd is not None and 0 <= float(usd) < math.inf
    except ValueError:
        holds = False
    require(holds, f"{where}: usd_per_hour", usd, "USD an hour, 0 or above")
    if "market" in row:
        row["market"] = row["market"].lower().replace("-", "_")
        require(row["market"] in MARKETS, f"{where}: market", row["market"], f"one of {', '.join(MARKETS)}")
    if "provider" in row:
        row["provider"] = row["provider"].lower()
    return row


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
