import csv
import io
from typing import Any

from hypothesis import given, strategies as st

from milepost.errors import PriceUnavailable
from milepost.prices.catalogs.catalog import Catalog

FIELD = st.one_of(
    st.sampled_from(
        ["g5.xlarge", "xg5.xlarge", "g5.xlarge2", "G5.XLARGE", "A10G", "", "a,b", 'q"q', "l\nl", "l\r\nl", "é"]
    ),
    st.text(alphabet='g5.xlarge",\n\r A', max_size=12),
)


@given(
    rows=st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    stray=st.one_of(st.none(), st.text(alphabet='g5.xlarge",\n', max_size=30)),
)
def test_search_finds_what_parsing_finds(rows: list[Any], quoting: Any, end: str, stray: str | None) -> None:
    columns = ["GpuInfo", "InstanceType", "AcceleratorName", "Region", "Price"]
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=quoting, lineterminator=end)
    writer.writerow(columns)
    writer.writerows([(info, kind, gpu, "r", number) for number, (info, kind, gpu) in enumerate(rows, start=1)])
    text = file.getvalue() + (f"{stray}\n" if stray is not None else "")
    for column, wanted in [("InstanceType", "g5.xlarge"), ("AcceleratorName", "a10g"), ("InstanceType", "x")]:
        try:
            parsed = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
            expected = [row for row in parsed if (row[column] or "").casefold() == wanted.casefold()]
            if column == "InstanceType":
                expected = [row for row in expected if row[column] == wanted] or expected
            whole = all(None not in row and None not in row.values() for row in expected)
        except csv.Error:
            expected, whole = [], False
        try:
            catalog = Catalog(text.encode(), "a file")
            found = catalog.of_type(wanted) if column == "InstanceType" else catalog.of_accelerator(wanted)
        except PriceUnavailable:
            assert not whole or any(not _is_number(row["Price"]) for row in expected)
        else:
            prices = [row.usd_per_hour for row in found]
            if whole:
                assert prices == [float(row["Price"]) if row["Price"] else None for row in expected]
            else:
                assert prices == []


def _is_number(text: str) -> bool:
    try:
        return not text or float(text) > 0
    except ValueError:
        return False
