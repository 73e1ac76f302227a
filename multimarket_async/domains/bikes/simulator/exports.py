"""Made-up files of the dealer, with the traps that such files have: each is labelled on its delivery."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple, TypeAlias

from multimarket_async.domains.bikes.simulator.dealer import BIKES, SHOPS, TASTES
from multimarket_async.simulation import Corruptions, Delivery

BOM = "\ufeff"
ORDERS_PER_FILE, MOST_LINES = 6, 5
DECIDING_DAY = 20  # over 12: it says which of two numbers is the day
SEASON = (0.2, 0.4, 0.8, 1.0, 1.0, 0.9, 0.6, 0.5, 0.3, 0.2, 0.1, 0.1)  # by month, how likely a drawn day is kept
PIECES = (1, 1, 1, 1, 1, 2, 2, 3, 5)
Row: TypeAlias = Sequence[Any]


class Made(NamedTuple):
    """The rows of a file, and its traps by name."""

    rows: list[Row]
    traps: Sequence[str] = ()


Rows: TypeAlias = Callable[[int, int, datetime, datetime], Made]


class Exports:
    """Made-up files of a feed, `share` of all. mark, delimiter: of the dialect of its dealer."""

    peak = 1.0

    def __init__(self, header: str, rows: Rows, share: float, delimiter: str = ";", mark: str = BOM) -> None:
        self.share = share
        self._header, self._rows, self._delimiter, self._mark = header, rows, delimiter, mark

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime) -> Delivery:
        """The file of this number."""
        made = self._rows(seed, number, earliest, latest)
        lines = (self._delimiter.join(map(str, row)) for row in made.rows)
        content = self._mark + "".join(f"{line}\n" for line in (self._header, *lines))
        return Delivery(f"{seed}-{number}.csv", content.encode(), fault="+".join(made.traps), records=len(made.rows))

    def busyness(self, at: datetime) -> float:  # noqa: ARG002 - it exports whatever the hour
        """The same at any time."""
        return 1.0

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """The seed alone."""
        return {"seed": seed}


def price_list(_seed: int, number: int, *_: datetime) -> Made:
    """All models, at prices that go up by 2 % with every third list."""
    percent = 100 + 2 * (number // 3)
    rows: list[Row] = [
        (place, bike.model, bike.category, bike.kind, bike.frame, bike.price * percent // 100)
        for place, bike in enumerate(BIKES, start=1)
    ]
    if number % 3 == 2:  # noqa: PLR2004
        bad: list[Row] = [
            (99, "Steel Classic", "Road", "Sport", "Steel", 900),
            (98, "Given Away", "Road", "Sport", "Carbon", 0),
        ]
        return Made(rows + bad, ["unknown_frame", "price_of_0"])
    return Made(rows)


def shop_list(_seed: int, number: int, *_: datetime) -> Made:
    """All shops."""
    rows: list[Row] = [(place, *shop) for place, shop in enumerate(SHOPS, start=1)]
    if number % 3 == 1:
        return Made([*rows, (99, "North of the pole", "Nowhere", "XX", "140,5", "0,5")], ["latitude_of_140"])
    return Made(rows)


def customer_list(seed: int, *_: object) -> Made:
    """A buyer for each shop; every fifth gives no gender."""
    rows: list[Row] = []
    for place in range(1, len(SHOPS) + 1):
        rng = Random(f"{seed}:customer:{place}")  # noqa: S311 - no secret
        born = f"{13 + rng.randrange(15)}/{1 + rng.randrange(12):02}/{1960 + rng.randrange(40)}"
        gender = "" if place % 5 == 0 else rng.choice(("Female", "Male"))
        facts = ("Single", gender, f"client{place}@example.org", 1000 * rng.randrange(30, 90), 0, "Bachelor's")
        rows.append((place, "", f"Prenom{place}", f"Nom{place}", born, *facts, "Engineer", "Yes"))
    return Made(rows, ["no_gender"])


def order_lines(seed: int, number: int, earliest: datetime, latest: datetime) -> Made:
    """Some orders, and the last one of the file before with a line more; with traps in three of four files."""
    first = ORDERS_PER_FILE * number + 1
    ordered = [
        row for order in range(first - 1, first + ORDERS_PER_FILE) for row in _order(seed, order, earliest, latest)
    ]
    ordered += _deciding(seed, number, earliest, ordered)
    traps = [name for name, (turn, _) in TRAPS.items() if number % 4 == turn]
    for name in traps:
        ordered = TRAPS[name][1](number, ordered)
    day_first = "day_before_month" in traps
    return Made([(place, *_written(row, day_first)) for place, row in enumerate(ordered, start=1)], traps)


def _order(seed: int, order: int, earliest: datetime, latest: datetime) -> list[Row]:
    rng = Random(f"{seed}:order:{order}")  # noqa: S311
    day = _day(rng, earliest, latest)
    shop = 1 + int(len(SHOPS) * rng.random() ** 1.5)
    drawn = rng.choices(range(1, len(BIKES) + 1), TASTES[shop - 1], k=1 + rng.randrange(MOST_LINES))
    products = dict.fromkeys(drawn)
    key = f"{seed}{order:06}"
    return [(key, line, day, shop, product, rng.choice(PIECES)) for line, product in enumerate(products, start=1)]


def _day(rng: Random, earliest: datetime, latest: datetime) -> date:
    """A day of the period; more orders come in spring."""
    days = [(earliest + timedelta(seconds=rng.random() * (latest - earliest).total_seconds())).date() for _ in "12"]
    return days[0] if rng.random() < SEASON[days[0].month - 1] else days[1]


def _deciding(seed: int, number: int, earliest: datetime, rows: Iterable[Row]) -> list[Row]:
    """An old order, where no date of the file says which of its numbers is the day."""
    if any(row[2].day > 12 for row in rows):  # noqa: PLR2004
        return []
    day = (earliest.date().replace(day=1) - timedelta(days=1)).replace(day=DECIDING_DAY)
    return [(f"{seed}{900_000 + number}", 1, day, 1, 1, 1)]


def _written(row: Row, day_first: bool) -> Row:
    order, line, day, *rest = row
    if not isinstance(day, date):
        return row
    first, second = (day.day, day.month) if day_first else (day.month, day.day)
    return (order, line, f"{first}/{second}/{day.year}", *rest)


def _with_bad_line(number: int, rows: list[Row]) -> list[Row]:
    order, _, _, shop, product, _ = rows[-1]
    return [*rows, (order, 90 + number % 9, "13/45/2024", shop, product, 0)]


def _with_unknown(_: int, rows: list[Row]) -> list[Row]:
    order, line, day, _, _, pieces = rows[0]
    return [(order, line, day, 77, 777, pieces), *rows[1:]]


def _with_many(_: int, rows: list[Row]) -> list[Row]:
    return [(*rows[0][:-1], 40), *rows[1:], rows[-1]]


TRAPS: Mapping[str, tuple[int, Callable[[int, list[Row]], list[Row]]]] = {
    "day_before_month": (1, lambda _, rows: rows),
    "bad_line": (2, _with_bad_line),
    "unknown_shop_and_product": (2, _with_unknown),
    "quantity_of_40_and_repeated_line": (3, _with_many),
}
HEADERS = {
    "bikes": "bike.id;model;category1;category2;frame;price",
    "bikeshops": "bikeshop.id;bikeshop.name;bikeshop.city;bikeshop.state;latitude;longitude",
    "bike_orders": ";order.id;order.line;order.date;customer.id;product.id;quantity",
    "bike_customers": (
        "CustomerKey, Prefix, FirstName, LastName, BirthDate, MaritalStatus, Gender, EmailAddress, AnnualIncome,"
        " TotalChildren, EducationLevel, Occupation, HomeOwner"
    ),
}
SIMULATORS = {
    "bikes": Exports(HEADERS["bikes"], price_list, 0.1),
    "bikeshops": Exports(HEADERS["bikeshops"], shop_list, 0.05),
    "bike_orders": Exports(HEADERS["bike_orders"], order_lines, 0.8),
    "bike_customers": Exports(HEADERS["bike_customers"], customer_list, 0.05, ", ", ""),
}


def _renamed(content: bytes) -> tuple[bytes, str]:
    """Its header names the key in another way."""
    return content.replace(b".id", b".number", 1).replace(b"CustomerKey", b"CustomerNo", 1), "missing_column"


def _cut(_: bytes) -> tuple[bytes, str]:
    return b"", "empty_file"


def _two_orders(content: bytes) -> tuple[bytes, str]:
    """Day and month are swapped in a part of it."""
    lines = [f"1;1;1;{day}/2024;1;1;1\n".encode() for day in ("1/25", "25/1", "2/3")]
    return content + b"".join(lines), "mixed_date_order"


def corruptions(feed: str) -> Corruptions:
    """Invalid variants of the files of a feed."""
    swapped = {"mixed_dates": _two_orders} if feed == "bike_orders" else {}
    return Corruptions({"renamed": _renamed, "empty": _cut, **swapped}, lambda content: content)
