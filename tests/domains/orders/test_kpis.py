"""The four KPIs, computed by a real MongoDB; every expected number was worked out by hand."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from bson import Int64

from multimarket_async.domains import Row
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.snapshots.schema import BSON_TYPES
from tests.domains.orders.rows import like

MAY = datetime(2025, 5, 10, 12, tzinfo=UTC)
Measure = Callable[..., Awaitable[dict[str, list[Row]]]]
NUMBERS = count(1)
RATE = "cancellation_rate_by_channel"
TYPES_OF_ROW = {
    "$replaceWith": {
        "$arrayToObject": {
            "$map": {"input": {"$objectToArray": "$$ROOT"}, "in": {"k": "$$this.k", "v": {"$type": "$$this.v"}}}
        }
    }
}


def stored(canal: str, *lines: tuple[str, int, int], statut: str = "payée", at: datetime = MAY) -> dict[str, Any]:
    """A document of `commandes`; a line is a name, a quantity and the line's amount in cents."""
    cents = [Int64(amount) for _, _, amount in lines]
    return {
        "_id": f"{canal}:{next(NUMBERS)}",
        "date_commande": at,
        "client_id": "7",
        "canal": canal,
        "statut_commande": statut,
        "produits": [
            {"produit_id": f"P{next(NUMBERS)}", "nom": nom, "quantite": quantite, "prix_unitaire": 1.0}
            for nom, quantite, _ in lines
        ],
        "montant_centimes": Int64(sum(cents)),
        "lignes_centimes": cents,
    }


def cancelled(canal: str, *lines: tuple[str, int, int], at: datetime = MAY) -> dict[str, Any]:
    return stored(canal, *lines, statut="annulée", at=at)


async def test_revenue_leaves_cancelled_orders_out_and_gross_revenue_does_not(computed: Measure) -> None:
    """Rows ascend by month, then channel."""
    june = datetime(2025, 6, 1, tzinfo=UTC)
    documents = [
        stored("boutique", ("Lampe", 1, 1000), at=june),
        stored("web", ("Lampe", 1, 1999), ("Table", 2, 20002)),
        cancelled("web", ("Lampe", 5, 5005)),
        cancelled("boutique", ("Chaise", 1, 333)),
    ]
    may = {"month": "2025-05", "period_start": datetime(2025, 5, 1, tzinfo=UTC)}
    expected = [
        may
        | {"channel": "boutique", "orders": 1, "cancelled_orders": 1, "revenue": 0.0, "revenue_minor": 0}
        | {"gross_revenue": 3.33, "gross_revenue_minor": 333}
        | {"kept_orders": 0, "average_order_value_minor": None, "cancellation_rate_pct": 100.0},
        may
        | {"channel": "web", "orders": 2, "cancelled_orders": 1, "revenue": 220.01, "revenue_minor": 22001}
        | {"gross_revenue": 270.06, "gross_revenue_minor": 27006}
        | {"kept_orders": 1, "average_order_value_minor": 22001, "cancellation_rate_pct": 50.0},
        {"month": "2025-06", "period_start": june}
        | {"channel": "boutique", "orders": 1, "cancelled_orders": 0, "revenue": 10.0, "revenue_minor": 1000}
        | {"gross_revenue": 10.0, "gross_revenue_minor": 1000}
        | {"kept_orders": 1, "average_order_value_minor": 1000, "cancellation_rate_pct": 0.0},
    ]
    assert expected == like(expected, (await computed(documents))["revenue_by_month_and_channel"])


@pytest.mark.parametrize(
    ("timezone", "at", "month", "period_start"),
    [
        ("UTC", "2025-04-30T22:30Z", "2025-04", "2025-04-01T00:00Z"),
        # Paris in summer is UTC+2.
        ("Europe/Paris", "2025-04-30T22:00Z", "2025-05", "2025-04-30T22:00Z"),
        ("Europe/Paris", "2025-04-30T21:59Z", "2025-04", "2025-03-31T22:00Z"),
        # March 2025 began in winter time, UTC+1, and ended in summer time.
        ("Europe/Paris", "2025-03-31T21:59Z", "2025-03", "2025-02-28T23:00Z"),
        # Casablanca is UTC+1, but UTC in Ramadan: 1 March 2025 was in it, 1 May 2025 was not.
        ("Africa/Casablanca", "2025-02-28T23:30Z", "2025-02", "2025-01-31T23:00Z"),
        ("Africa/Casablanca", "2025-03-01T00:00Z", "2025-03", "2025-03-01T00:00Z"),
        ("Africa/Casablanca", "2025-04-30T23:00Z", "2025-05", "2025-04-30T23:00Z"),
        # Mexico City has no summer time since 2023; mongod 6.0 of 2022 does not know.
        ("America/Mexico_City", "2023-06-01T05:30Z", "2023-05", "2023-05-01T06:00Z"),
        ("America/Mexico_City", "2023-06-01T06:00Z", "2023-06", "2023-06-01T06:00Z"),
    ],
)
async def test_months_are_cut_in_the_business_time_zone(
    computed: Measure, timezone: str, at: str, month: str, period_start: str
) -> None:
    """`period_start` is the instant the month begins there."""
    documents = [stored("web", ("Lampe", 1, 1), at=datetime.fromisoformat(at))]
    [row] = (await computed(documents, timezone=timezone))["revenue_by_month_and_channel"]
    assert (row["month"], row["period_start"]) == (month, datetime.fromisoformat(period_start))


async def test_products_rank_by_quantity_without_cancelled_orders(computed: Measure) -> None:
    """Names make products, whatever their ids; the gross quantity counts cancelled orders too."""
    documents = [
        stored("web", ("Lampe", 2, 2000), ("Table", 3, 9999)),
        stored("mobile", ("Lampe", 2, 1500)),
        cancelled("web", ("Table", 50, 1), ("Lampe", 1, 1000)),
    ]
    expected = [
        {"rank": 1, "product": "Lampe", "quantity": 4, "gross_quantity": 5, "revenue": 35.0, "revenue_minor": 3500},
        {"rank": 2, "product": "Table", "quantity": 3, "gross_quantity": 53, "revenue": 99.99, "revenue_minor": 9999},
    ]
    assert expected == like(expected, (await computed(documents))["top_products"])


async def test_ties_at_the_last_rank_go_by_name_in_code_points(computed: Measure) -> None:
    """In code points "Z" < "a" < "é": no locale."""
    tied = ("é", "a", "Z", "b", "c", "d", "e", "f", "g", "h", "i")
    documents = [stored("web", ("zz", 2, 1)), *(stored("web", (name, 1, 1)) for name in tied)]
    ranked = [(row["rank"], row["product"]) for row in (await computed(documents))["top_products"]]
    expected = [(1, "zz"), (2, "Z"), (3, "a"), (4, "b"), (5, "c"), (6, "d"), (7, "e"), (8, "f"), (9, "g"), (10, "h")]
    assert expected == ranked


async def test_a_product_only_found_in_cancelled_orders_is_not_ranked(computed: Measure) -> None:
    """Nothing of it was sold, even where fewer than ten products were."""
    documents = [stored("web", ("Lampe", 1, 1)), cancelled("web", ("Table", 9, 9))]
    assert [row["product"] for row in (await computed(documents))["top_products"]] == ["Lampe"]


async def test_two_lines_of_one_order_may_name_the_same_product(computed: Measure) -> None:
    """Each line brings its own quantity and its own amount."""
    [row] = (await computed([stored("web", ("Lampe", 1, 100), ("Lampe", 2, 150))]))["top_products"]
    assert (row["quantity"], row["revenue_minor"]) == (3, 250)


async def test_quantities_may_exceed_32_bits(computed: Measure) -> None:
    """int32 and int64 quantities add up exactly, beyond what a double can hold."""
    documents = [stored("web", ("Vis", 2**31 - 1, 1), ("Vis", 2**53 - 1, 1)), stored("web", ("Vis", 2**53 - 1, 2))]
    [row] = (await computed(documents))["top_products"]
    assert row["quantity"] == 18014400656965629


async def test_amounts_beyond_a_doubles_53_bits_keep_their_last_unit(computed: Measure) -> None:
    """Two orders of 90071992547409.91 and one of 0.01; the average of the three is rounded exactly."""
    most = 2**53 - 1
    documents = [stored("web", ("Vis", 1, cents)) for cents in (most, most, 1)]
    rows = await computed(documents)
    assert rows["revenue_by_month_and_channel"][0]["revenue_minor"] == 18014398509481983
    assert rows["average_order_value_by_channel"][0]["average_order_value"] == 60047995031606.61


@pytest.mark.parametrize(
    ("orders", "rate"),
    [
        (800, 0.13),  # 0.125: half-even would give 0.12
        (1600, 0.06),  # 0.0625
        (3, 33.33),
        (7, 14.29),
        (1, 100.0),
        (32, 3.13),  # 3.125: half-even would give 3.12
    ],
)
async def test_the_cancellation_rate_is_rounded_half_up(computed: Measure, orders: int, rate: float) -> None:
    """One order of so many was cancelled."""
    documents = [cancelled("web", ("Lampe", 1, 1)), *(stored("web", ("Lampe", 1, 1)) for _ in range(orders - 1))]
    expected = {"channel": "web", "orders": orders, "cancelled_orders": 1, "cancellation_rate_pct": rate}
    assert [expected] == (await computed(documents))[RATE]


async def test_cancellation_rates_ascend_by_channel(computed: Measure) -> None:
    """A channel without cancelled orders has a rate of 0, as there was something to cancel."""
    documents = [
        stored("web", ("Lampe", 1, 1)),
        cancelled("boutique", ("Lampe", 1, 1)),
        stored("mobile", ("Vis", 1, 1)),
    ]
    rates = [(row["channel"], row["cancellation_rate_pct"]) for row in (await computed(documents))[RATE]]
    assert rates == [("boutique", 100.0), ("mobile", 0.0), ("web", 0.0)]


@pytest.mark.parametrize(
    ("cents", "average"),
    [
        ((1, 0), 0.01),  # 0.005: half-even would give 0.00
        ((1, 2, 2), 0.02),  # 0.01666...
        ((1, 1, 2), 0.01),  # 0.01333...
        ((201, 200), 2.01),  # 2.005, which as a double lies below
        ((200, 201, 200, 201), 2.01),  # 2.005 again
        ((0, 0), 0.0),
    ],
)
async def test_the_average_order_value_is_rounded_half_up(
    computed: Measure, cents: tuple[int, ...], average: float
) -> None:
    """Orders of these amounts, nothing cancelled."""
    documents = [stored("web", ("Lampe", 1, amount)) for amount in cents]
    [row] = (await computed(documents))["average_order_value_by_channel"]
    assert (average, average) == (row["average_order_value"], row["gross_average_order_value"])


async def test_the_average_order_value_divides_what_was_kept_by_what_was_kept(computed: Measure) -> None:
    """Channels ascend; where all was cancelled there is no average, rather than an average of 0."""
    documents = [
        stored("web", ("Lampe", 1, 1000)),
        stored("web", ("Lampe", 1, 501)),
        cancelled("web", ("Lampe", 1, 9000)),
        cancelled("mobile", ("Lampe", 1, 700)),
    ]
    expected = [
        {"channel": "mobile", "orders": 0, "average_order_value": None}
        | {"gross_orders": 1, "gross_average_order_value": 7.0}
        | {"revenue_minor": 0, "gross_revenue_minor": 700},
        {"channel": "web", "orders": 2, "average_order_value": 7.51}
        | {"gross_orders": 3, "gross_average_order_value": 35.0}
        | {"revenue_minor": 1501, "gross_revenue_minor": 10501},
    ]
    assert expected == like(expected, (await computed(documents))["average_order_value_by_channel"])


async def test_an_hour_that_clocks_repeat_is_two_and_one_that_they_skip_is_none(computed: Measure) -> None:
    """In Paris, on 26 October 2025 it was two o'clock twice, and on 30 March never."""
    instants = ("2025-03-30T00:59Z", "2025-03-30T01:00Z", "2025-10-26T00:30Z", "2025-10-26T01:30Z", "2025-10-26T02:30Z")
    documents = [stored("web", ("Lampe", 1, 100), at=datetime.fromisoformat(at)) for at in instants]
    rows = await computed([*documents, cancelled("web", ("Lampe", 1, 7), at=documents[2]["date_commande"])],
                          timezone="Europe/Paris")  # fmt: skip
    summer = {"hour": "2025-10-26T02:00+02:00", "period_start": datetime(2025, 10, 26, 0, tzinfo=UTC), "channel": "web"}
    summer |= {"orders": 2, "cancelled_orders": 1, "revenue": 1.0, "revenue_minor": 100, "kept_orders": 1}
    winter = [{"hour": f"2025-10-26T0{hour}:00+01:00", "orders": 1} for hour in (2, 3)]
    assert [summer, *winter] == like([summer, *winter], rows["orders_by_hour_and_channel"])
    hours = [row["hour"] for row in rows["orders_by_earlier_hour"]]
    assert hours == ["2025-03-30T01:00+01:00", "2025-03-30T03:00+02:00"]


@pytest.mark.parametrize(
    ("timezone", "hour"),
    [
        ("Asia/Kolkata", "2025-05-10T17:00+05:30"),
        ("America/St_Johns", "2025-05-10T09:00-02:30"),
        ("UTC", "2025-05-10T12:00+00:00"),
    ],
)
async def test_hours_are_those_of_the_clock_with_their_offset(computed: Measure, timezone: str, hour: str) -> None:
    [row] = (await computed([stored("web", ("Lampe", 1, 1))], timezone=timezone))["orders_by_hour_and_channel"]
    assert row["hour"] == hour
    assert row["period_start"] == datetime.fromisoformat(hour)


async def test_days_of_products_and_cities_are_those_of_the_newest_month_and_those_before(computed: Measure) -> None:
    """A product that was only cancelled has none."""
    days = [MAY, MAY.replace(day=11), MAY.replace(month=4)]
    documents = [stored("web", ("Lampe", 2, 300), at=at) | {"livraison": {"ville": city}}
                 for at, city in zip(days, ("Fès", "fès", "Rabat"), strict=True)]  # fmt: skip
    rows = await computed([*documents, cancelled("web", ("Table", 1, 5))])
    sold = [{"day": day, "product": "Lampe", "quantity": 2, "revenue_minor": 300}
            for day in ("2025-05-10", "2025-05-11", "2025-04-10")]  # fmt: skip
    assert sold[:2] == like(sold[:2], rows["products_by_day"])
    assert sold[2:] == like(sold[2:], rows["products_by_earlier_day"])
    delivered = [{"day": row["day"], "city": city, "orders": 1, "revenue_minor": 300}
                 for row, city in zip(sold, ("Fès", "Fès", "Rabat"), strict=True)]  # fmt: skip
    assert rows["cities_by_day"] == delivered[:2]
    assert rows["cities_by_earlier_day"] == delivered[2:]


async def test_what_counts_as_cancelled_is_a_setting(computed: Measure) -> None:
    """Several statuses may mean it, even one that looks like a MongoDB field path."""
    documents = [stored("web", ("Lampe", 1, 1), statut=statut) for statut in ("annulée", "$canal", "retour")]
    statuses = {"order_statuses": ("annulée", "$canal", "retour"), "cancelled_statuses": ("$canal", "retour")}
    [row] = (await computed(documents, **statuses))[RATE]
    assert (row["orders"], row["cancelled_orders"]) == (3, 2)


async def test_nothing_stored_gives_no_rows(computed: Measure) -> None:
    """And no row of zeros or nulls."""
    expected: dict[str, list[Row]] = {kpi.name: [] for kpi in ORDERS.declare(OrderSettings()).kpis}
    assert expected == await computed([])


@pytest.mark.parametrize("line", [("Lampe", 1, 0), ("Lampe", 2**40, 2**52)], ids=["smallest", "large"])
@pytest.mark.parametrize("statut", ["payée", "annulée"])
async def test_each_column_has_its_one_bson_type_and_its_place(
    computed: Measure, line: tuple[str, int, int], statut: str
) -> None:
    """Whatever the size of the numbers; only an average of nothing is null."""
    always = stored("boutique", ("Chaise", 1, 1))
    rows = await computed([always, stored("web", line, statut=statut)], (TYPES_OF_ROW,))
    for kpi in ORDERS.declare(OrderSettings()).kpis:
        expected = [(column.name, BSON_TYPES[column.type]) for column in kpi.columns]
        for row in rows[kpi.name]:
            assert expected == [(name, declared_unless_null(name, given)) for name, given in row.items()]


def declared_unless_null(name: str, given: str) -> str:
    nullable = {"average_order_value": "double", "average_order_value_minor": "long"}
    return nullable.get(name, given) if given == "null" else given


def test_each_kpi_explains_itself() -> None:
    """Title, unit and definition are there for every reader, and a title for every column."""
    for kpi in ORDERS.declare(OrderSettings()).kpis:
        assert all([kpi.title, kpi.unit, kpi.definition, *(column.title for column in kpi.columns)])
        assert [facts.collection for facts in kpi.facts] == ["commandes"]
