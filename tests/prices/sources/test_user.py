from pathlib import Path
from typing import Any

import pytest

from milepost.errors import ConfigError, PriceUnavailable
from milepost.money.instance import Instance
from milepost.prices.book import PriceBook

TABLE = """\
provider, instance_type, region, market, usd_per_hour, as_of
,dgx-a100,,,12.5,2026-01-01
AWS,p4d.24xlarge,,,15.0,
AWS,p4d.24xlarge,us-west-2,,14.0,
AWS,p4d.24xlarge,us-west-2,Spot,9.0,
"""


def ask(table: Path, **fields: Any) -> tuple[float, str, bool]:
    quote = PriceBook(table=table, discount=0.5).quote(Instance(**fields))
    return quote.usd_per_hour, quote.source, quote.assumed


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "prices.csv"
    file.write_text(TABLE)
    return file


@pytest.mark.parametrize(
    ("fields", "usd_per_hour"),
    [
        ({"instance_type": "dgx-a100", "provider": "on-premise", "region": "cellar"}, 12.5),
        ({"instance_type": "p4d.24xlarge"}, 15.0),  # its provider is that of its type
        ({"instance_type": "p4d.24xlarge", "region": "us-east-1", "market": "spot"}, 15.0),
        ({"instance_type": "p4d.24xlarge", "region": "us-west-2", "market": "on_demand"}, 14.0),
        ({"instance_type": "p4d.24xlarge", "region": "us-west-2", "market": "spot"}, 9.0),
    ],
)
def test_row_that_says_most_wins_and_is_not_discounted(
    table: Path, fields: dict[str, Any], usd_per_hour: float
) -> None:
    assert ask(table, **fields) == (usd_per_hour, "user", False)


def test_what_the_table_lacks_is_looked_up(table: Path) -> None:
    assert ask(table, instance_type="g5.4xlarge") == (0.812, "list", False)
    with pytest.raises(PriceUnavailable, match=r"user: the table has no row for g5\.4xlarge"):
        PriceBook(table=table, sources=["user"]).quote(Instance(instance_type="g5.4xlarge"))


def test_one_price_for_all_wins_over_the_table(table: Path) -> None:
    assert PriceBook(price_per_hour=1.0, table=table).quote(Instance(instance_type="dgx-a100")).usd_per_hour == 1.0


def test_quote_says_when_the_price_was_true(table: Path) -> None:
    assert PriceBook(table=table).quote(Instance(instance_type="dgx-a100")).as_of == "2026-01-01"


def test_whole_table_is_among_what_is_known(table: Path) -> None:
    mine = [quote for quote in PriceBook(table=table).every_quote() if quote.source == "user"]
    assert sorted(quote.usd_per_hour for quote in mine) == [9.0, 12.5, 14.0, 15.0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("instance_type\nx\n", r"expected the columns 'usd_per_hour', found instance_type"),
        ("", "expected the columns"),
        ("instance_type,usd_per_hour,regoin\n", "unknown column 'regoin'; nearest: 'region'"),
        ("instance_type,usd_per_hour\nx,cheap\n", "line 2: usd_per_hour: found 'cheap', expected USD an hour"),
        ("instance_type,usd_per_hour\nx,-1\n", "line 2: usd_per_hour: found '-1'"),
        ("instance_type,usd_per_hour\nx,nan\n", "line 2: usd_per_hour: found 'nan'"),
        ("instance_type,usd_per_hour\nx,\n", "line 2: usd_per_hour: found None"),
        ("instance_type,usd_per_hour,market\nx,1,sport\n", "line 2: market: found 'sport'"),
        ("instance_type,usd_per_hour\nx,1,2\n", "line 2: expected 2 cells"),
        ("instance_type,usd_per_hour\nx\n", "line 2: expected 2 cells"),
        ("instance_type,usd_per_hour\nx,1\nx,2\n", "two rows for x, expected one"),
        ('instance_type,usd_per_hour\n"x,1\n', "expected CSV, found"),
        ("instance_type,usd_per_hour\nx,1\0\n", "found"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (None, "No such file"),
    ],
)
def test_table_that_is_wrong_is_refused_with_its_line(tmp_path: Path, content: str | bytes | None, said: str) -> None:
    file = tmp_path / "prices.csv"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=said) as caught:
        PriceBook(table=file)
    assert "prices.csv" in str(caught.value)
