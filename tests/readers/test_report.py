"""The report: one file, right to the cent, in two languages, and nothing in an order can break it."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from multimarket_async.domains import Column, Kpi, LoadedDomain
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.readers.charts import drawing
from multimarket_async.readers.report import ENGLISH, FRENCH, Language, report
from multimarket_async.readers.report.plots import chart, svgs

SETTINGS = OrderSettings()
AT = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)> </svg><script>alert(2)</script> ]]> \" ' & {{ 7 * 7 }}"
MOST_ROWS = {
    "revenue_by_month_and_channel": 10 * 12 * 3,
    "orders_by_day_and_channel": 92 * 3,
    "products_by_month": 13 * 20,
    "orders_by_weekday_and_hour": 7 * 24,
    "repeat_customers_by_month": 10 * 12,
    "revenue_by_city": 50,
}
SUBJECT = ORDERS.declare(SETTINGS)


class Page(HTMLParser):
    """The tags, the attributes and the texts of cells, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th") and self.cells:
            self.cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def generation(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "_id": 7,
        "as_of": AT,
        "newest_event": None,
        "orders": 12345,
        "quarantined": 2,
        "kpis": {name: {"rows": some} for name, some in rows.items()},
    }


def large_shop() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """As many rows of each KPI as there can be; ten years of months."""
    for kpi in SUBJECT.kpis:
        yield kpi.name, [_row(kpi, number) for number in range(MOST_ROWS.get(kpi.name, 10))]


def _row(kpi: Kpi, number: int) -> dict[str, Any]:
    texts = {
        "channel": ("web", "mobile", "boutique")[number % 3],
        "month": f"2026-{number // 20 % 12 + 1:02}",
        "day": f"2026-{number // 3 % 12 + 1:02}-{number // 3 % 28 + 1:02}",
        "weekday": number // 24 % 7 + 1,
        "hour": number % 24,
    }
    values = {
        "string": f"Machine à café {number}", "date": AT, "integer": number, "double": 987_654.32,
        "money": 98_765_432, "percent": 98.76,
    }  # fmt: skip
    return {column.name: texts.get(column.name, values[column.type]) for column in kpi.columns}


def written(
    rows: dict[str, list[dict[str, Any]]],
    language: Language = ENGLISH,
    zone: str = "UTC",
    domain: LoadedDomain = SUBJECT,
) -> str:
    return report([domain], generation(rows), rows, language, ZoneInfo(zone))


def sold(product: str, minor: int) -> dict[str, list[dict[str, Any]]]:
    row = {"rank": 1, "product": product, "quantity": 1234, "gross_quantity": 1234}
    return {"top_products": [{**row, "revenue": minor / 100, "revenue_minor": minor}]}


@pytest.fixture(scope="module")
def largest() -> str:
    return written(dict(large_shop()), FRENCH)


def test_every_kpi_has_a_chart_and_its_rows(largest: str) -> None:
    """And its French title and definition."""
    for kpi in SUBJECT.kpis:
        assert f'<section id="{kpi.name}">' in largest
        title, definition = (SUBJECT.french[text].replace("'", "&#39;") for text in (kpi.title, kpi.name))
        assert f"<h2>{title}</h2>" in largest
        assert definition in largest
    assert largest.count("<svg") == largest.count('role="img"') == len(SUBJECT.kpis)


def test_it_is_small_enough_to_mail(largest: str) -> None:
    """However large the shop: a KPI has an end."""
    assert len(largest.encode()) < 500_000


def test_nothing_is_fetched_and_nothing_runs(largest: str) -> None:
    """No script, no address but names of XML and places in the page; browsers are told so, too."""
    page = Page(largest)
    assert not {"script", "img", "link", "iframe", "object", "base", "image", "use"} & set(page.tags)
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action", "data")]
    assert all(address and address.startswith("#") for address in addresses)
    assert not re.search(r"url\([^#]|@import", largest)
    assert "default-src 'none'; style-src 'unsafe-inline'" in largest


def test_text_of_an_order_is_text() -> None:
    """In the table, in the chart and in what a screen reader reads."""
    page = Page(written(sold(HOSTILE, 100)))
    assert HOSTILE in page.cells
    assert not {"img", "script"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_control_characters_are_drawn_as_text() -> None:
    """The library that draws ends its process at some of them."""
    text = written(sold("a\x01\x08\x0b\x1b[2J\ufffe\uffffb\u202e", 100))
    assert text.count("<svg") == 1
    assert "a\\x01\\x08\\x0b\\x1b[2J\\ufffe\\uffffb\\u202e" in html.unescape(text)


def test_the_beginning_of_a_long_name_is_drawn() -> None:
    """All of it is in the table."""
    text = written(sold("Lampe " * 200_000, 100))
    assert "Lampe " * 200_000 in text
    assert text.count("Lampe") < 200_000 + 100


@pytest.mark.slow
def test_a_chart_that_cannot_be_drawn_is_left_out() -> None:
    """And no other one with it, nor the report."""
    good = ({"data": {"values": [{"x": "a"}]}, "mark": "text", "encoding": {"text": {"field": "x"}}}, None)
    bad = ({**good[0], "data": {"values": [{"x": "\x01"}]}}, None)
    before, left_out, after = svgs([good, bad, good])
    assert left_out is None
    assert before == after
    assert before
    assert "<svg" in before


@pytest.mark.parametrize(
    ("language", "amount", "count"),
    [(ENGLISH, "90,071,992,547,409.93", "1,234"), (FRENCH, "90\u202f071\u202f992\u202f547\u202f409,93", "1\u202f234")],
)
def test_amounts_are_exact(language: Language, amount: str, count: str) -> None:
    """2**53 + 1 cents, which no double holds."""
    cells = Page(written(sold("Lampe", 9_007_199_254_740_993), language)).cells
    assert {"Lampe", amount, count} <= set(cells)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-02", "févr. 2026"),
        ("2026-Q3", "T3 2026"),
        ("2026-05-02", "2 mai 2026"),
        ("2026", "2026"),
        ("2026-13", "2026-13"),
    ],
)
def test_periods_in_french(written: str, shown: str) -> None:
    """As the page says them; in English as they are written."""
    month = Column("month", "string", "Month", role="time")
    assert (FRENCH.shown(month, {"month": written}), ENGLISH.shown(month, {"month": written})) == (shown, written)
    assert FRENCH.shown(Column("name", "string", "Name"), {"name": written}) == written


def test_a_rate_over_nothing_is_a_dash() -> None:
    """It is unknown, not 0."""
    row = {"channel": "web", "orders": 0, "cancelled_orders": 0, "cancellation_rate_pct": None}
    assert "-" in Page(written({"cancellation_rate_by_channel": [row]})).cells


def test_the_hours_of_the_week_are_a_grid() -> None:
    """A line a weekday, a column an hour, 0 where nothing was sold."""
    rows = [
        {"weekday": day, "hour": hour, "orders": 5, "revenue": 1.0, "revenue_minor": 100}
        for day, hour in ((1, 9), (7, 18))
    ]
    text = written({"orders_by_weekday_and_hour": rows}, FRENCH)
    assert Page(text).cells[1:] == ["9", "18", "lundi", "5", "0", "dimanche", "0", "5"]


def test_the_hours_are_in_their_order() -> None:
    """Also where a later one is seen first."""
    kpi = next(kpi for kpi in SUBJECT.kpis if kpi.name == "orders_by_weekday_and_hour")
    rows = [{"weekday": day, "hour": hour, "orders": 5} for day, hour in ((1, 9), (1, 20), (2, 2), (2, 13))]
    drawn = drawing(kpi)
    assert drawn is not None
    bars, cells = chart(drawn, rows, ENGLISH)[0]["vconcat"]
    assert bars["encoding"]["x"]["sort"] == cells["encoding"]["x"]["sort"] == ["2", "9", "13", "20"]
    assert cells["encoding"]["y"]["sort"] == ["Monday", "Tuesday"]


def test_times_are_those_of_the_shop() -> None:
    """With the name of the zone."""
    assert "2026-05-20 13:00 (Africa/Casablanca)" in written({}, zone="Africa/Casablanca")
    assert "20/05/2026 13:00 (Africa/Casablanca)" in written({}, FRENCH, "Africa/Casablanca")


def test_the_documents_of_each_domain_are_counted() -> None:
    """Under the domain's own word."""
    assert "<dt>Orders</dt><dd>12,345</dd>" in written({})
    assert "<dt>Commandes</dt><dd>12\u202f345</dd>" in written({}, FRENCH)


def test_a_kpi_without_rows_says_so() -> None:
    """No empty chart; and one that was not measured then is not there."""
    text = written({"top_products": []}, FRENCH)
    assert "Rien n&#39;a encore été mesuré ici." in text
    assert (text.count("<svg"), text.count("<section")) == (0, 1)


def test_a_kpi_that_cannot_be_drawn_has_its_table() -> None:
    """A new KPI needs no word about charts."""
    columns = (Column("n", "integer", "Number", "pieces"),)
    kpi = Kpi("n", "Numbers", "EUR", "Some numbers.", (), columns, "")
    text = written({"n": [{"n": 5}]}, domain=LoadedDomain("s", (), (kpi,)))
    assert "Number (pieces)" in Page(text).cells
    assert "<svg" not in text


def test_a_long_table_is_folded_and_none_is_cut(largest: str) -> None:
    """Every row is there; what a reader opens is printed."""
    assert "Les 276 lignes" in largest
    assert "Machine à café 259" in Page(largest).cells
    assert "@media print" in largest
