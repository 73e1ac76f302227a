"""CSV files: a record for each row, and every reason why one is not stored."""

from datetime import date

from multimarket_async.formats import Csv, Date, Integer, Money, Text
from tests.formats.read import records

LINES = Csv(
    {
        "order.id": Integer("order_id"),
        "order.date": Date("ordered_on"),
        "price": Money("price"),
        "model": Text("model"),
    },
    delimiter=";",
    decimal=",",
    dates="mdy",
)


def test_rows_are_read_by_their_headers() -> None:
    content = "\ufeff;order.id;price;order.date;model\n1;7;12,50;1/13/2011;Slate 105\n"
    assert records(LINES, content) == [
        {"order_id": 7, "ordered_on": date(2011, 1, 13), "price": 1250, "model": "Slate 105"}
    ]
