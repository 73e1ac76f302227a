"""A domain whose files have a line for each item sold, as a till exports them; and files for it."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from multimarket_async.domains import Column, Domain, Facts, Feed, Kpi, LoadedDomain, Received, Rollup, Table, Value
from multimarket_async.formats import Csv, Date, Integer, Money, Text
from multimarket_async.settings import Business

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


def feed(**declared: Any) -> Feed:
    """Declared as given, else: immutable lines, of which bad ones are listed and the rest kept."""
    usual: dict[str, Any] = {
        "table": Table("sales"),
        "read": Csv(COLUMNS).reader(_document),
        "suffixes": (".csv",),
        "records": "many",
        "on_bad_record": "keep_rest",
        "self_delimiting": False,
        "max_file_bytes": 256 << 20,
        "latency_budget_s": 600,
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


def installed(site: Path) -> Path:
    """Metadata that name this domain, in a folder that is to be on PYTHONPATH, as this one is."""
    metadata = site / "sales-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sales\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("[multimarket_async.domains]\nsales = sales:SALES\n", "utf-8")
    return site


KPI = Kpi(
    name="sales_by_month",
    title="Items sold by month",
    unit="items",
    definition="Items of all lines, by month.",
    reads=(
        Rollup(
            "sold",
            Facts(
                "lines",
                "sales",
                {"day": Value("day", "TIMESTAMP"), "quantity": Value("quantity", "BIGINT")},
                event="day",
                period="strftime(local, '%Y-%m')",
            ),
            "SELECT period, sum(quantity) AS quantity, count(*) AS lines FROM lines GROUP BY ALL",
        ),
    ),
    columns=(
        Column("month", "string", "Month"),
        Column("quantity", "integer", "Items"),
        Column("lines", "integer", "Lines"),
    ),
    query="SELECT period AS month, quantity, lines FROM sold ORDER BY month",
    check="SELECT month, sum(quantity)::BIGINT AS quantity, count(*) AS lines FROM lines GROUP BY month ORDER BY month",
    headline=True,
)
RECEIVED = Received(
    "CREATE TABLE lines AS SELECT DISTINCT ticket, line, day[:7] AS month, quantity::BIGINT AS quantity FROM sales",
    csv={"sales": ("ticket", "line", "day", "quantity")},
)
SALES = Domain("sales", Business, lambda _: LoadedDomain("sales", (feed(),), (KPI,), RECEIVED))
