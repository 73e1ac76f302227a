"""The audit in SQL: KPIs and documents from the delivered bytes, by hand and against MongoDB."""

import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from multimarket_async.domains import Document, FollowUp, Row
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.order import parser
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.audit import Audit
from tests.domains.orders.rows import like

Measure = Callable[..., Awaitable[dict[str, list[Row]]]]
STATUSES = ("payée", "payée", "en attente", "confirmée", "annulée")
NAMES = ("Lampe", "lampe", "Étagère", "Etagère", "Table 🪑", "=cmd|' /C calc'!A0", "$nom", "Z", "a", "b", "c", "d", "e")
PRICES = (0, 0.0, 0.005, 0.015, 1.005, 2.675, 8500, 8500.0, 19.99, 33.333, 1e3, 0.1, 999.995)


PLACE = {"adresse": "1 rue", "ville": "Fès"}

numbers = itertools.count(1)


def delivered(
    canal: str, *lines: tuple[str, int, float], statut: str = "payée", at: str = "2025-05-10T12:00:00"
) -> bytes:
    """One file; a line is a name, a quantity and a unit price."""
    produits = [
        {"produit_id": "P1", "nom": nom, "quantite": quantite, "prix_unitaire": prix} for nom, quantite, prix in lines
    ]
    order = {"order_id": next(numbers), "client_id": 7, "canal": canal, "statut_commande": statut, "date_commande": at}
    return json.dumps(order | {"produits": produits}, ensure_ascii=False).encode()


@contextmanager
def audit_of(*contents: bytes, **settings: Any) -> Iterator[Audit]:
    with closing(Audit(ORDERS.declare(OrderSettings(**settings)))) as audit:
        for number, content in enumerate(contents):
            audit.add("site_web", f"{number}.json", content)
        yield audit


def audited(*contents: bytes, **settings: Any) -> dict[str, list[Row]]:
    with audit_of(*contents, **settings) as audit:
        return audit.rows()


def documents(*contents: bytes, **settings: Any) -> dict[str, Document]:
    with audit_of(*contents, **settings) as audit:
        return dict(audit.documents())


BLANKS = [chr(code) for code in range(1, 0x3100) if chr(code).isspace()]


@pytest.mark.parametrize(
    "name",
    ["Cafe\u0301", "a\0e\u0301", "\u212b", " \u0301a", "\u1e9b\u0323 b", *(f"{blank}a b{blank}" for blank in BLANKS)],
)
def test_names_are_the_same_row_in_both_ways(name: str) -> None:
    """The parser and SQL agree on blanks and accents, character by character."""
    content = delivered("web", (name, 1, 2.0))
    order = json.loads(content)
    content = json.dumps(order | {"livraison": {"adresse": name, "ville": name}}).encode()
    [document] = parser("web", OrderSettings())(content)
    assert documents(content) == {document["_id"]: document}


@pytest.mark.parametrize(("canal", "statut"), [("web", "Paye\u0301e "), ("WEB", " EN ATTENTE"), (" Web\n", "ANNULÉE")])
def test_words_of_closed_lists_are_the_same_in_both_ways(canal: str, statut: str) -> None:
    content = json.dumps(json.loads(delivered(canal, ("a", 1, 2.0), statut=statut)) | {"livraison": PLACE}).encode()
    [document] = parser("web", OrderSettings())(content)
    assert documents(content) == {document["_id"]: document}


def test_the_four_kpis_by_hand() -> None:
    """2 x 10.005 = 20.01; 1 x 0.125 rounds up to 0.13; the cancelled order counts in gross figures only."""
    rows = audited(
        delivered("web", ("Lampe", 2, 10.005), ("Vis", 1, 0.125)),
        delivered("web", ("Lampe", 1, 5), statut="annulée", at="2025-05-31T23:59:59Z"),
        delivered("web", ("Vis", 4, 0), at="2025-06-01T00:00:00.000+00:00"),
        delivered("boutique", ("Table", 1, 100), statut="annulée", at="2025-06-01 00:00"),
    )
    may, june = (
        {"month": "2025-05", "period_start": datetime(2025, 5, 1, tzinfo=UTC)},
        {"month": "2025-06", "period_start": datetime(2025, 6, 1, tzinfo=UTC)},
    )
    expected: dict[str, list[Row]] = {
        "revenue_by_month_and_channel": [
            may
            | {"channel": "web", "orders": 2, "cancelled_orders": 1, "revenue": 20.14, "revenue_minor": 2014}
            | {"gross_revenue": 25.14, "gross_revenue_minor": 2514}
            | {"kept_orders": 1, "average_order_value_minor": 2014, "cancellation_rate_pct": 50.0},
            june
            | {"channel": "boutique", "orders": 1, "cancelled_orders": 1, "revenue": 0.0, "revenue_minor": 0}
            | {"gross_revenue": 100.0, "gross_revenue_minor": 10000}
            | {"kept_orders": 0, "average_order_value_minor": None, "cancellation_rate_pct": 100.0},
            june
            | {"channel": "web", "orders": 1, "cancelled_orders": 0, "revenue": 0.0, "revenue_minor": 0}
            | {"gross_revenue": 0.0, "gross_revenue_minor": 0}
            | {"kept_orders": 1, "average_order_value_minor": 0, "cancellation_rate_pct": 0.0},
        ],
        "top_products": [
            {"rank": 1, "product": "Vis", "quantity": 5, "gross_quantity": 5, "revenue": 0.13, "revenue_minor": 13},
            {"rank": 2, "product": "Lampe", "quantity": 2, "gross_quantity": 3}
            | {"revenue": 20.01, "revenue_minor": 2001},
        ],
        "cancellation_rate_by_channel": [
            {"channel": "boutique", "orders": 1, "cancelled_orders": 1, "cancellation_rate_pct": 100.0},
            {"channel": "web", "orders": 3, "cancelled_orders": 1, "cancellation_rate_pct": 33.33},
        ],
        "average_order_value_by_channel": [
            {"channel": "boutique", "orders": 0, "average_order_value": None}
            | {"gross_orders": 1, "gross_average_order_value": 100.0}
            | {"revenue_minor": 0, "gross_revenue_minor": 10000},
            {"channel": "web", "orders": 2, "average_order_value": 10.07}
            | {"gross_orders": 3, "gross_average_order_value": 8.38}
            | {"revenue_minor": 2014, "gross_revenue_minor": 2514},
        ],
    }
    assert expected == {name: like(expected[name], rows[name]) for name in expected}


@pytest.mark.parametrize(
    ("quantity", "price", "minor"),
    [
        (1, 1.005, 101),  # as a double it lies below 1.005
        (1, 2.675, 268),
        (1, 0.005, 1),
        (3, 0.005, 2),  # 0.015: the line is rounded, not the unit price
        (1, 0.0049, 0),
        (3, 0.1, 30),
        (2, 8500, 1700000),
        (1, 1e3, 100000),
        (9007199254740991, 0.000000000000005, 4504),  # 45.035996273704955
    ],
)
def test_a_line_is_rounded_half_up_to_the_minor_unit(quantity: int, price: float, minor: int) -> None:
    """The price is the decimal that was written, not the double nearest to it."""
    [row] = audited(delivered("web", ("Lampe", quantity, price)))["top_products"]
    assert minor == row["revenue_minor"]


@pytest.mark.parametrize(
    ("prices", "average"),
    [((0.01, 0), 0.01), ((2.01, 2), 2.01), ((0.01, 0.01, 0.02), 0.01), ((0.01, 0.02, 0.02), 0.02)],
)
def test_averages_are_rounded_half_up(prices: tuple[float, ...], average: float) -> None:
    """0.005 is 0.01 and 2.005 is 2.01."""
    [row] = audited(*(delivered("web", ("Lampe", 1, price)) for price in prices))["average_order_value_by_channel"]
    assert row["average_order_value"] == average


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2025-04-30T23:59:59.999", "2025-04"),  # naive: on Casablanca's clocks
        ("2025-05-01T00:00:00", "2025-05"),
        ("2025-04-30T22:59:59Z", "2025-04"),
        ("2025-04-30T23:00:00Z", "2025-05"),
        ("2025-04-30T19:00:00-04:00", "2025-05"),
        ("2025-02-28T23:30:00Z", "2025-02"),  # Ramadan: UTC+0 from 23 February to 6 April 2025
    ],
)
def test_months_are_cut_in_the_business_time_zone(at: str, month: str) -> None:
    """Casablanca is UTC+1, but UTC in Ramadan."""
    [row] = audited(delivered("web", ("Lampe", 1, 1), at=at), timezone="Africa/Casablanca")[
        "revenue_by_month_and_channel"
    ]
    assert month == row["month"]


def test_a_byte_order_mark_is_no_part_of_the_order() -> None:
    """Some writers put one first."""
    assert audited(b"\xef\xbb\xbf" + delivered("web", ("Lampe", 1, 1))) == audited(delivered("web", ("Lampe", 1, 1)))


def test_nothing_added_gives_no_rows() -> None:
    """But every KPI is named."""
    expected: dict[str, list[Row]] = {kpi.name: [] for kpi in ORDERS.declare(OrderSettings()).kpis}
    assert expected == audited()


def _random_orders(rng: Random, orders: int) -> list[tuple[str, bytes]]:
    made = []
    for number in range(orders):
        canal = rng.choice(("web", "mobile", "boutique"))
        lines = [(rng.choice(NAMES), _quantity(rng), rng.choice(PRICES)) for _ in range(rng.randint(1, 4))]
        order = json.loads(delivered(canal, *lines, statut=rng.choice(STATUSES), at=_date(rng)))
        city = rng.choice((None, "Fès", "Rabat", "rabat", "$ville"))
        delivery = {"livraison": {"adresse": "1", "ville": city}} if city and canal != "boutique" else {}
        more = {"order_id": number, "client_id": rng.choice((*range(40), "7")), **delivery}
        made.append((canal, json.dumps(order | more).encode()))
    return made


def _quantity(rng: Random) -> int:
    return rng.choice((1, 1, 1, 2, 3, rng.randint(2**31, 2**31 + 999)))


def _date(rng: Random) -> str:
    """Around the beginning of a month, naive or with a zone."""
    beginning = datetime(2025, rng.randint(1, 12), 1)  # noqa: DTZ001 - some dates are delivered without zone
    moment = beginning + timedelta(minutes=rng.randint(-180, 180), milliseconds=rng.randint(0, 999))
    return moment.isoformat() + rng.choice(("", "Z", "+01:00", "-05:30"))


@pytest.mark.parametrize("timezone", ["UTC", "Africa/Casablanca", "Europe/Paris", "America/St_Johns"])
@pytest.mark.parametrize("orders", [9, *(pytest.param(orders, marks=pytest.mark.slow) for orders in (1, 400))])
async def test_audit_and_pipelines_agree(computed: Measure, timezone: str, orders: int) -> None:
    """To the cent, to the row, to the order of the columns."""
    settings = OrderSettings(timezone=timezone, delivery_required=())
    files = _random_orders(Random(orders), orders)
    parsed = [document for canal, content in files for document in parser(canal, settings)(content)]
    measured = await computed(parsed, timezone=timezone, delivery_required=())
    assert repr(audited(*(content for _, content in files), timezone=timezone)) == repr(_plain(measured))


def _plain(measured: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """bson's int64 as int and its UTC as ours, so that `repr` tells 0 from 0.0 and shows the order of columns."""
    return {
        name: [{column: _own(value) for column, value in row.items()} for row in measured[name]] for name in measured
    }


def _own(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return int(value) if isinstance(value, int) else value


# --- duplicates, follow-ups, documents ------------------------------------------------------


def told(order: bytes, state: str, at: str) -> bytes:
    """A follow-up of this order."""
    delivered_order = json.loads(order)
    notice = {"order_id": delivered_order["order_id"], "canal": delivered_order["canal"]}
    return json.dumps(notice | {"suivi": {"etat": state, "date_etat": at}}, ensure_ascii=False).encode()


def cancelled(rows: dict[str, list[Row]]) -> list[int]:
    return [row["cancelled_orders"] for row in rows["cancellation_rate_by_channel"]]


def test_the_first_content_of_a_key_counts_and_duplicates_change_nothing() -> None:
    """Each order once."""
    order = delivered("web", ("Lampe", 2, 10))
    conflict = order.replace(b'"quantite": 2', b'"quantite": 9')
    assert audited(order, order, conflict, order) == audited(order)


@pytest.mark.parametrize(
    ("follow_ups", "expected"),
    [
        ([("annulée", "2025-05-11T12:00:00")], 1),
        ([("annulée", "2025-05-11T12:00:00"), ("payée", "2025-05-12T12:00:00")], 0),
        ([("annulée", "2025-05-01T12:00:00")], 0),  # older than the order itself
        ([("annulée", "2025-05-10T12:00:00")], 1),  # at the same instant the later state of the list counts
        ([("annulée", "2025-05-11T12:00:00+02:00"), ("livrée", "2025-05-11T11:00:00Z")], 0),
    ],
)
@pytest.mark.parametrize("order_first", [True, False])
def test_the_newest_state_counts_in_whatever_order_files_come(
    follow_ups: list[tuple[str, str]], expected: int, order_first: bool
) -> None:
    order = delivered("web", ("Lampe", 1, 1))
    files = [order, *(told(order, *follow_up) for follow_up in follow_ups)]
    assert cancelled(audited(*(files if order_first else reversed(files)))) == [expected]


def test_a_follow_up_without_its_order_counts_nothing() -> None:
    order = delivered("web", ("Lampe", 1, 1))
    assert audited(told(order, "annulée", "2025-05-11T12:00:00")) == audited()
    assert documents(told(order, "annulée", "2025-05-11T12:00:00")) == {}


def test_states_in_the_hour_that_clocks_repeat_are_ordered_by_instant() -> None:
    """01:01 UTC is 02:01 in Paris, after 00:07 UTC, which is 02:07 there."""
    order = delivered("web", ("Lampe", 1, 1), at="2025-10-26T00:07:01Z")
    confirmed = told(order, "confirmée", "2025-10-26T01:01:24Z")
    [document] = documents(order, confirmed, timezone="Europe/Paris").values()
    assert [event["etat"] for event in document["suivi"]] == ["payée", "confirmée"]


def test_records_are_counted_once_by_feed() -> None:
    """Orders and follow-ups, whatever was delivered twice."""
    order = delivered("web", ("Lampe", 1, 1))
    follow_up = told(order, "livrée", "2025-05-11T12:00:00")
    same_instant = told(order, "livrée", "2025-05-11T12:00:00.000Z")
    with audit_of(order, order, follow_up, follow_up, same_instant, delivered("web", ("Lampe", 1, 1))) as audit:
        assert audit.records() == {"site_web": 3}


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Paris"])
def test_documents_are_those_of_the_contract(timezone: str) -> None:
    """Field by field, unknown fields included, by a path that shares nothing with it."""
    settings = OrderSettings(timezone=timezone, delivery_required=())
    expected: dict[str, Document] = {}
    contents = []
    for canal, content in _random_orders(Random(5), 300):
        contents.append(content.replace(b'"client_id"', b'"z": {"y": [1.50, 1e2, null]}, "client_id"'))
        [document] = parser(canal, settings)(contents[-1])
        assert not isinstance(document, FollowUp)
        expected[document["_id"]] = document
    assert documents(*contents, timezone=timezone) == expected


@pytest.mark.parametrize(
    ("currency", "price", "minor", "total"), [("TND", 1.2345, 2469, 2.469), ("JPY", 150.5, 301, 301.0)]
)
def test_amounts_have_the_decimals_of_the_reporting_currency(
    currency: str, price: float, minor: int, total: float
) -> None:
    """Dinars have three, yen none; the document says so, in both ways."""
    content = delivered("web", ("Lampe", 2, price))
    content = json.dumps(json.loads(content) | {"livraison": PLACE}).encode()
    [document] = parser("web", OrderSettings(currency=currency))(content)
    assert documents(content, currency=currency) == {document["_id"]: document}
    [row] = audited(content, currency=currency)["revenue_by_month_and_channel"]
    assert (row["revenue"], row["revenue_minor"]) == (total, minor)
