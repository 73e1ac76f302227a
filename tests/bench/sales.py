"""A feed whose files have a line for each item sold, as a till exports them; and files for it."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.domains import Feed, Table
from multimarket_async.formats import Csv, Date, Integer, Money, Text

COLUMNS = {
    "ticket": Integer("ticket"),
    "line": Integer("line"),
    "day": Date("day", starts_in=ZoneInfo("UTC")),
    "store": Text("store"),
    "product": Text("product"),
    "quantity": Integer("quantity"),
    "price": Money("price_minor"),
}
TICKET_LINES = 5
FIRST_DAY, DAYS = date(2026, 1, 1), 28


def _document(values: dict[str, Any]) -> dict[str, Any]:
    return {"_id": f"{values['ticket']}/{values['line']}", **values}


def _day(document: dict[str, Any]) -> str:
    return str(document["day"])[:10]


def feed(**declared: Any) -> Feed:
    """Declared as given, else: immutable lines, of which bad ones are listed and the rest kept."""
    usual: dict[str, Any] = {
        "table": Table("sales", partition=_day),
        "read": Csv(COLUMNS).reader(_document),
        "suffixes": (".csv",),
        "records": "many",
        "on_bad_record": "keep_rest",
        "self_delimiting": False,
        "max_file_bytes": 256 << 20,
    }
    return Feed("sales", **{**usual, **declared})


def write(path: Path, records: int, line: Callable[[int], str] | None = None) -> Path:
    """A file of so many records."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(map(line or _line, range(records)))
    return path


def _line(number: int) -> str:
    ticket, line = divmod(number, TICKET_LINES)
    day = FIRST_DAY + timedelta(days=ticket // 97 % DAYS)
    price = f"{number * 37 % 900 + 1}.{number % 100:02}"
    return f"{ticket + 1},{line + 1},{day},Store {ticket % 40},P{number * 7 % 5000:04},{number % 4 + 1},{price}\n"
