"""The KPIs beyond the headlines; every expected number was worked out by hand."""

import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import count
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
from bson import Int64
from pymongo.database import Database

from multimarket_async.domains import Document, Row
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.audit import Audit
from tests.domains.orders.rows import like

Measure = Callable[..., Awaitable[dict[str, list[Row]]]]
MAY = datetime(2025, 5, 10, 12, tzinfo=UTC)  # a Saturday
NUMBERS = count(1)
BUSY = 60_000


def stored(
    *lines: tuple[str, int, int],
    canal: str = "web",
    at: datetime = MAY,
    client: str = "7",
    city: str | None = None,
    statut: str = "payée",
) -> Document:
    """A document of `commandes`; a line is a name, a quantity and the line's amount in cents."""
    produits = [{"produit_id": f"P{next(NUMBERS)}", "nom": nom, "quantite": quantite} for nom, quantite, _ in lines]
    cents = [Int64(amount) for _, _, amount in lines]
    order = {"_id": f"{canal}:{next(NUMBERS)}", "client_id": client, "canal": canal, "date_commande": at}
    sums = {"montant_centimes": Int64(sum(cents)), "lignes_centimes": cents}
    delivery = {"livraison": {"adresse": "1", "ville": city}} if city is not None else {}
    return {**order, "statut_commande": statut, "produits": produits, **sums, **delivery}


async def test_days_are_cut_in_the_business_time_zone(computed: Measure) -> None:
    """Cancelled orders are counted apart; rows ascend by day, then channel."""
    documents = [
        stored(("a", 1, 1050), at=datetime(2025, 5, 9, 22, 30, tzinfo=UTC)),
        stored(("a", 1, 999), statut="annulée"),
        stored(("a", 1, 200), canal="boutique"),
        stored(("a", 1, 100), at=datetime(2025, 5, 9, 21, 59, tzinfo=UTC)),
    ]
    start = {"period_start": datetime(2025, 5, 9, 22, tzinfo=UTC)}
    before = {"day": "2025-05-09", "period_start": datetime(2025, 5, 8, 22, tzinfo=UTC), "channel": "web"}
    assert (await computed(documents, timezone="Europe/Paris"))["orders_by_day_and_channel"] == [
        {**before, "orders": 1, "cancelled_orders": 0, "revenue": 1.0, "revenue_minor": 100}
        | {"kept_orders": 1, "average_order_value_minor": 100, "cancellation_rate_pct": 0.0},
        {"day": "2025-05-10", **start, "channel": "boutique"}
        | {"orders": 1, "cancelled_orders": 0, "revenue": 2.0, "revenue_minor": 200}
        | {"kept_orders": 1, "average_order_value_minor": 200, "cancellation_rate_pct": 0.0},
        {"day": "2025-05-10", **start, "channel": "web"}
        | {"orders": 2, "cancelled_orders": 1, "revenue": 10.5, "revenue_minor": 1050}
        | {"kept_orders": 1, "average_order_value_minor": 1050, "cancellation_rate_pct": 50.0},
    ]


async def test_the_latest_92_days_that_have_orders_are_told(computed: Measure) -> None:
    """Days without orders do not count, so a pause hides nothing."""
    days = [date(2025, 1, 1) + timedelta(days=2 * number) for number in range(94)]
    documents = [stored(("a", 1, 1), at=datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days]
    rows = (await computed(documents))["orders_by_day_and_channel"]
    assert [row["day"] for row in rows] == [day.isoformat() for day in days[2:]]


async def test_where_clocks_skip_midnight_a_day_begins_when_they_jump(computed: Measure) -> None:
    """In Santiago 7 September 2025 began at 01:00, 04:00 UTC."""
    documents = [stored(("a", 1, 1), at=datetime(2025, 9, 7, 15, tzinfo=UTC))]
    [row] = (await computed(documents, timezone="America/Santiago"))["orders_by_day_and_channel"]
    assert (row["day"], row["period_start"]) == ("2025-09-07", datetime(2025, 9, 7, 4, tzinfo=UTC))


async def test_products_rank_month_by_month(computed: Measure) -> None:
    """Twenty a month, ties by name, cancelled orders left out; one product under several ids is one."""
    june = datetime(2025, 6, 1, tzinfo=UTC)
    documents = [
        stored(("b", 2, 300), ("a", 1, 5)),
        stored(("a", 1, 6)),
        stored(("z", 9, 9), statut="annulée"),
        stored(*[(f"{number:02}", 1, 1) for number in range(21)], at=june),
    ]
    rows = (await computed(documents))["products_by_month"]
    may = {"month": "2025-05", "period_start": datetime(2025, 5, 1, tzinfo=UTC)}
    expected = [
        {**may, "rank": 1, "product": "a", "quantity": 2, "revenue": 0.11, "revenue_minor": 11},
        {**may, "rank": 2, "product": "b", "quantity": 2, "revenue": 3.0, "revenue_minor": 300},
    ]
    assert like(expected, rows[:2]) == expected
    assert [(row["rank"], row["product"]) for row in rows[2:]] == [(rank, f"{rank - 1:02}") for rank in range(1, 21)]


async def test_products_of_the_latest_13_months_are_told(computed: Measure) -> None:
    """A month in which all was cancelled is not one of them."""
    months = [datetime(2024 + number // 12, number % 12 + 1, 3, tzinfo=UTC) for number in range(15)]
    documents = [stored(("a", 1, 1), at=at) for at in months[:-1]]
    documents.append(stored(("a", 1, 1), at=months[-1], statut="annulée"))
    rows = (await computed(documents))["products_by_month"]
    assert [row["month"] for row in rows] == [f"{at:%Y-%m}" for at in months[1:-1]]


async def test_baskets_are_classed_by_pieces_over_all_lines(computed: Measure) -> None:
    """Both ends of a class belong to it."""
    sizes = (1, 5, 6, 10, 11, 20, 21, 50, 51, 10**12)
    documents = [*(stored(("a", size - 1, 10), ("b", 1, 1)) for size in sizes), stored(("a", 1, 1), statut="annulée")]
    rows = (await computed(documents))["basket_size_distribution"]
    assert [(row["basket"], row["pieces_from"], row["orders"]) for row in rows] == [
        ("1", 1, 1),
        ("5", 5, 1),
        ("6-10", 6, 2),
        ("11-20", 11, 2),
        ("21-50", 21, 2),
        ("51+", 51, 2),
    ]
    assert (rows[0]["orders_share_pct"], rows[2]["orders_share_pct"], rows[2]["revenue"]) == (10.0, 20.0, 0.22)


async def test_shares_are_of_all_channels_and_rounded_half_up(computed: Measure) -> None:
    """1 of 3 orders is 33.33 %; 1 of 800 cents 0.13 %. A channel of cancelled orders only has none."""
    documents = [
        stored(("a", 1, 1)),
        stored(("a", 1, 400), canal="mobile"),
        stored(("a", 1, 399), canal="mobile"),
        stored(("a", 1, 5), canal="boutique", statut="annulée"),
    ]
    assert (await computed(documents))["share_by_channel"] == [
        {"channel": "boutique", "orders": 0, "orders_share_pct": 0.0}
        | {"revenue": 0.0, "revenue_minor": 0, "revenue_share_pct": 0.0},
        {"channel": "mobile", "orders": 2, "orders_share_pct": 66.67}
        | {"revenue": 7.99, "revenue_minor": 799, "revenue_share_pct": 99.88},
        {"channel": "web", "orders": 1, "orders_share_pct": 33.33}
        | {"revenue": 0.01, "revenue_minor": 1, "revenue_share_pct": 0.13},
    ]


async def test_a_share_of_nothing_is_empty(computed: Measure) -> None:
    """Not 0, and not an error."""
    [row] = (await computed([stored(("a", 1, 5), statut="annulée")]))["share_by_channel"]
    assert (row["orders_share_pct"], row["revenue_share_pct"]) == (None, None)


async def test_hours_and_weekdays_are_those_of_the_business_time_zone(computed: Measure) -> None:
    """Saturday 23:30 UTC is Sunday 01:30 in Paris; Monday is 1."""
    documents = [
        stored(("a", 1, 7), at=datetime(2025, 5, 10, 23, 30, tzinfo=UTC)),
        stored(("a", 1, 8), at=datetime(2025, 5, 12, 10, tzinfo=UTC)),
        stored(("a", 1, 8), statut="annulée"),
    ]
    assert (await computed(documents, timezone="Europe/Paris"))["orders_by_weekday_and_hour"] == [
        {"weekday": 1, "hour": 12, "orders": 1, "revenue": 0.08, "revenue_minor": 8},
        {"weekday": 7, "hour": 1, "orders": 1, "revenue": 0.07, "revenue_minor": 7},
    ]


async def test_a_customer_repeats_within_a_month_over_all_channels(computed: Measure) -> None:
    """One order in each of two months does not make one, nor does a cancelled order."""
    june = datetime(2025, 6, 2, tzinfo=UTC)
    documents = [
        stored(("a", 1, 1), client="x"),
        stored(("a", 1, 1), client="x", canal="mobile", at=MAY + timedelta(days=9)),
        stored(("a", 1, 1), client="y"),
        stored(("a", 1, 1), client="y", at=june),
        stored(("a", 1, 1), client="z"),
        stored(("a", 1, 1), client="z", statut="annulée"),
    ]
    may = {"month": "2025-05", "period_start": datetime(2025, 5, 1, tzinfo=UTC)}
    assert (await computed(documents))["repeat_customers_by_month"] == [
        {**may, "customers": 3, "repeat_customers": 1, "repeat_rate_pct": 33.33},
        {"month": "2025-06", "period_start": datetime(2025, 6, 1, tzinfo=UTC)}
        | {"customers": 1, "repeat_customers": 0, "repeat_rate_pct": 0.0},
    ]


async def test_cities_rank_by_revenue(computed: Measure) -> None:
    """Ties by name; what is not delivered, or cancelled, is left out; fifty are told."""
    documents = [
        *(stored(("a", 1, 1), city=f"{number:02}") for number in range(60)),
        stored(("a", 1, 2), city="Rabat"),
        stored(("a", 1, 9), city="Fès", statut="annulée"),
        stored(("a", 1, 99), canal="boutique"),
    ]
    rows = (await computed(documents))["revenue_by_city"]
    assert rows[0] == {"rank": 1, "city": "Rabat", "orders": 1, "revenue": 0.02, "revenue_minor": 2}
    assert [(row["rank"], row["city"]) for row in rows[1:]] == [(rank + 2, f"{rank:02}") for rank in range(49)]


LINES_749 = [("Lampe", 1, 2.675), ("Vis", 3, 1.005), *[(f"p{number}", 1, 0.01) for number in range(747)]]


@pytest.mark.parametrize(
    ("lines", "cents"), [([("Lampe", 1, 2.675)], 268), ([("Vis", 1, 1.005)], 101), (LINES_749, 268 + 302 + 747)]
)
async def test_amounts_are_rounded_half_up_line_by_line(
    computed: Measure, lines: list[tuple[str, int, float]], cents: int
) -> None:
    """From the delivered bytes: 2.675 is 268 cents and 3 times 1.005 is 302; by the pipelines and by the audit."""
    produits = [{"produit_id": "P", "nom": nom, "quantite": n, "prix_unitaire": prix} for nom, n, prix in lines]
    order: dict[str, Any] = {"order_id": 1, "client_id": 2, "canal": "boutique", "statut_commande": "payée"}
    content = json.dumps({**order, "date_commande": "2025-05-10T12:00:00", "produits": produits}).encode()
    rows = await computed(parser("boutique", OrderSettings())(content))
    with closing(Audit(ORDERS.declare(OrderSettings()))) as audit:
        audit.add("boutique_physique", "1.json", content)
        audited = audit.rows()
    for told in (rows, audited):
        assert told["revenue_by_month_and_channel"][0]["revenue_minor"] == cents
        assert sum(row["revenue_minor"] for row in told["basket_size_distribution"]) == cents
        assert len(told["top_products"]) == min(10, len(lines))


@pytest.mark.slow
async def test_a_busy_day_is_a_generation_in_bounded_memory(computed: Measure, database: Database[Any]) -> None:
    """Each order is of another customer and product: no document grows with them. kB: getrusage(2), Linux."""
    before = getrusage(RUSAGE_SELF).ru_maxrss
    rows = await computed(
        [stored((f"Product {number}", number, 100), client=f"{number}") for number in range(1, BUSY + 1)]
    )
    assert rows["repeat_customers_by_month"][0]["customers"] == BUSY
    assert [row["orders"] for row in rows["orders_by_day_and_channel"]] == [BUSY]
    assert [row["quantity"] for row in rows["top_products"][:2]] == [BUSY, BUSY - 1]
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 512 * 1024
    size = {"$group": {"_id": None, "bytes": {"$max": {"$bsonSize": "$$ROOT"}}}}
    names = database.list_collection_names(filter={"type": "collection", "name": {"$not": {"$regex": "^system"}}})
    assert max(found["bytes"] for name in names for found in database[name].aggregate([size])) < 1_500_000
