"""A domain of CSV files: lines of orders (upsert), a price list (replace), and closings of tills (insert).

Its exports overlap, as those of real shops do: each has lines of the one before, some of them changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from multimarket_async.domains import (
    Attribute,
    Chart,
    Column,
    Dashboard,
    Document,
    Domain,
    Facts,
    Feed,
    Kpi,
    Listing,
    LoadedDomain,
    Received,
    Rollup,
    Table,
    Tile,
    Value,
)
from multimarket_async.formats import Csv, Date, Integer, Money, Text
from multimarket_async.settings import Business
from multimarket_async.simulation import Corruptions, Delivery

PRODUCTS = ("gazette", "carnet", "stylo", "bonbons", "carte postale")
LINES = Csv({
    "order": Text("order"), "line": Integer("line"), "sold_on": Date("sold_on", starts_in=UTC),
    "product": Text("product"), "quantity": Integer("quantity"), "price": Money("price_minor"),
})  # fmt: skip
PRICES = Csv({"product": Text("product"), "since": Date("since", starts_in=UTC), "price": Money("price_minor")})
CLOSINGS = Csv({"closing": Text("_id"), "day": Date("day", starts_in=UTC), "takings": Money("takings_minor")})
Row = Sequence[Any]
Rows = Callable[[int, int, datetime, datetime], list[Row]]


def day_of(rng: Random, earliest: datetime, latest: datetime) -> str:
    return f"{earliest + timedelta(seconds=int(rng.random() * (latest - earliest).total_seconds())):%Y-%m-%d}"


def line_rows(seed: int, number: int, earliest: datetime, latest: datetime) -> list[Row]:
    """Three lines of its own and two of the export before, one of which has changed; every fifth has a bad line."""
    rows: list[Row] = []
    for line in range(3 * number - 2, 3 * number + 3):
        rng = Random(f"{seed}:line:{line}")
        day, product = day_of(rng, earliest, latest), rng.choice(PRODUCTS)
        quantity = rng.randint(1, 9) + (line == 3 * number - 1)
        rows.append((f"{seed}-{line // 2}", line % 2, day, product, quantity, f"{rng.randint(1, 2000) / 100:.2f}"))
    bad = (f"{seed}-{number}", 7, "some day", "stylo", "many", "1.00")
    return [*rows, bad] if number % 5 == 4 else rows


def price_rows(seed: int, number: int, earliest: datetime, latest: datetime) -> list[Row]:
    """All products but one."""
    rng = Random(f"{seed}:prices:{number}")
    since = day_of(rng, earliest, latest)
    return [
        (product, since, f"{rng.randint(10, 900) / 100:.2f}") for product in PRODUCTS if product != PRODUCTS[number % 5]
    ]


def closing_rows(seed: int, number: int, earliest: datetime, latest: datetime) -> list[Row]:
    rng = Random(f"{seed}:closings:{number}")
    days = (day_of(rng, earliest, latest) for _ in range(3))
    return [(f"{seed}-{number}-{index}", day, f"{rng.randint(0, 90_000) / 100:.2f}") for index, day in enumerate(days)]


class Exports:
    """Made-up CSV files of a feed."""

    share = peak = 1.0

    def __init__(self, csv: Csv, rows: Rows) -> None:
        self._header, self._rows = list(csv.columns), rows

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        lines = [self._header, *self._rows(seed, number, earliest, latest)]
        return Delivery(f"{seed}-{number}.csv", "".join(",".join(map(str, line)) + "\n" for line in lines).encode())

    def busyness(self, at: datetime) -> float:
        return 1.0

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        return {"seed": seed}


def line(values: dict[str, Any]) -> Document:
    return {"_id": f"{values['order']}/{values['line']}", **values}


def price(values: dict[str, Any]) -> Document:
    return {"_id": values["product"], **values}


def renamed(content: bytes) -> tuple[bytes, str]:
    """Its header lacks the last column."""
    header, _, rest = content.partition(b"\n")
    return header + b"_of_old\n" + rest, "missing_column"


def latin1(content: bytes) -> tuple[bytes, str]:
    return content.replace(b"o", b"\xf4"), "not_utf8"


def no_day(content: bytes) -> tuple[bytes, str]:
    return content + b"0-0-0,2026-02-30,1.00\n", "bad_date"


INVALID = {"renamed": renamed, "latin1": latin1}


def by_month(  # noqa: PLR0917 - all of them are declarations
    table: str,
    dated: str,
    check: str,
    by: Sequence[Column],
    fields: Mapping[str, Value],
    sums: Mapping[Column, str],
    *,
    ratios: Mapping[Column, str] | None = None,
    **titles: str,
) -> Kpi:
    """Sums over a table, by month and by these fields of its documents, and ratios of these."""
    facts = Facts(f"{table}_rows", table, {dated: Value(dated, "TIMESTAMP"), **fields}, event=dated, period=MONTH)
    keys = ["period AS month", *(column.name for column in by)]
    added = [f"sum({value})::BIGINT AS {column.name}" for column, value in sums.items()]
    order = ", ".join(str(number + 1) for number in range(len(keys)))
    rollup = Rollup(table, facts, f"SELECT period, {', '.join([*keys, *added])} FROM {table}_rows GROUP BY ALL")
    divided = "".join(f", {value} AS {column.name}" for column, value in (ratios or {}).items())
    return Kpi(
        name=f"{table}_by_month",
        unit=[*sums][-1].unit,
        reads=(rollup,),
        columns=(Column("month", "string", "Month", role="time"), *by, *sums, *(ratios or {})),
        query=f"SELECT * EXCLUDE (period){divided} FROM {table} ORDER BY {order}",
        check=f"{check} GROUP BY ALL ORDER BY {order}",
        headline=bool(by),
        **titles,
    )


MONTH = "strftime(local, '%Y-%m')"
PRODUCT, QUANTITY = Column("product", "string", "Product"), Column("quantity", "integer", "Quantity", "pieces")
REVENUE = Column("revenue_minor", "money", "Revenue", "EUR")
TAKINGS = Column("takings_minor", "money", "Takings", "EUR")
PRICE = Column("price_minor", "money", "Average price", "EUR", nullable=True, of=("revenue_minor", "quantity"))
SALES = by_month(
    "kiosk_lines",
    "sold_on",
    """SELECT left(sold_on, 7) AS month, product, sum(quantity::BIGINT)::BIGINT AS quantity,
      sum(quantity::BIGINT * minor(price))::BIGINT AS revenue_minor,
      half_up(sum(quantity::BIGINT * minor(price)), sum(quantity::BIGINT))::BIGINT AS price_minor FROM lines""",
    [PRODUCT],
    {
        "product": Value("product", "VARCHAR"),
        "quantity": Value("quantity", "BIGINT"),
        "price_minor": Value("price_minor", "BIGINT"),
    },
    {QUANTITY: "quantity", REVENUE: "quantity * price_minor"},
    ratios={PRICE: "half_up(revenue_minor, quantity)"},
    title="Sales of kiosks by month",
    definition="Pieces sold and their revenue, by month and product.",
)
PRICED = by_month(
    "kiosk_prices",
    "since",
    "SELECT left(since, 7) AS month, count(*) AS products FROM prices",
    [],
    {},
    {Column("products", "integer", "Products", "products"): "1"},
    title="Prices by month",
    definition="Products of the price list, by the month in which it began.",
)
TAKEN = by_month(
    "kiosk_closings",
    "day",
    "SELECT left(day, 7) AS month, sum(minor(takings))::BIGINT AS takings_minor FROM closings",
    [],
    {"takings_minor": Value("takings_minor", "BIGINT")},
    {TAKINGS: "takings_minor"},
    title="Takings by month",
    definition="Takings of the tills, by month.",
)
FRENCH = {
    "Sales of kiosks by month": "Ventes des kiosques par mois", "Prices by month": "Prix par mois", "pieces": "pièces",
    "Takings by month": "Recettes par mois", "Month": "Mois", "Product": "Produit", "Quantity": "Quantité",
    "Revenue": "Chiffre d'affaires", "Takings": "Recettes", "Average price": "Prix moyen",
    "Products": "Produits", "products": "produits", "Kiosks": "Kiosques", "per piece": "la pièce",
    "kiosk_lines_by_month": "Pièces vendues et leur chiffre d'affaires, par mois et par produit.",
    "kiosk_prices_by_month": "Produits de la liste de prix, par mois de son début.",
    "kiosk_closings_by_month": "Recettes des caisses, par mois.",
}  # fmt: skip
RECEIVED = Received(
    """
    CREATE MACRO minor(text) AS (text::DECIMAL(12, 2) * 100)::BIGINT;
    CREATE TABLE lines AS SELECT * FROM kiosk_lines WHERE try_cast(sold_on AS DATE) IS NOT NULL
      QUALIFY row_number() OVER (PARTITION BY "order", line ORDER BY version DESC, "row" DESC) = 1;
    CREATE TABLE prices AS SELECT * FROM kiosk_prices WHERE version = (SELECT max(version) FROM kiosk_prices);
    CREATE TABLE closings AS SELECT DISTINCT closing, day, takings FROM kiosk_closings
    """,
    csv={
        name: tuple(csv.columns)
        for name, csv in {"kiosk_lines": LINES, "kiosk_prices": PRICES, "kiosk_closings": CLOSINGS}.items()
    },
)
DASHBOARD = Dashboard(
    kpi="kiosk_lines_by_month",
    title="Kiosks",
    time="month",
    filters=("product",),
    tiles=(Tile("revenue_minor"), Tile("quantity"), Tile("price_minor", note="per piece")),
    charts=(
        Chart(("revenue_minor", "quantity"), x="month", series="product", wide=True),
        Chart(("quantity",), x="product"),
        Chart(("price_minor",), x="month", series="product", wide=True),
        Chart(("takings_minor",), x="month", kpi="kiosk_closings_by_month"),
    ),
)
SOLD_ON = Attribute(Column("sold_on", "date", "Sold on"), "sold_on")
FIELDS = Attribute(PRODUCT, "product", filtered=True), Attribute(QUANTITY, "quantity")
LISTING = Listing("kiosk_lines", "Lines", "kiosk_lines", SOLD_ON, FIELDS)


def contradict(content: bytes) -> bytes:
    """Its first row has one digit more."""
    header, first, *rest = content.splitlines(keepends=True)
    return b"".join([header, first.replace(b".", b"1."), *rest])


def declare(_: Business) -> LoadedDomain:
    def feed(table: Table, csv: Csv, make: Any, rows: Rows, on_bad_record: Any, **invalid: Any) -> Feed:
        return Feed(
            table.name,
            table,
            csv.reader(make),
            (".csv", ".csv.gz"),
            records="many",
            on_bad_record=on_bad_record,
            self_delimiting=False,
            simulate=Exports(csv, rows),
            corruptions=Corruptions({**INVALID, **invalid}, contradict),
        )

    feeds = (
        feed(Table("kiosk_lines", "upsert"), LINES, line, line_rows, "keep_rest"),
        feed(Table("kiosk_prices", "replace"), PRICES, price, price_rows, "keep_rest"),
        feed(Table("kiosk_closings"), CLOSINGS, dict, closing_rows, "reject_file", no_day=no_day),
    )
    return LoadedDomain("kiosks", feeds, (SALES, PRICED, TAKEN), RECEIVED, (LISTING,), FRENCH, (DASHBOARD,))


KIOSKS = Domain("kiosks", Business, declare)
