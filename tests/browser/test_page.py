"""The live page as people use it: its numbers are those of `kpi show`, and follow what they choose and what happens."""

import csv
import io
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.shop import EVIL, FORMULA, Shop, order
from tests.readers.test_tables import FORMULAS

pytestmark = pytest.mark.slow

NARROW = "\u202f"


def money(minor: int | None) -> str:
    return "\u2013" if minor is None else f"€{minor // 100:,}.{minor % 100:02}"


def half_up(a: int, b: int) -> int | None:
    return (2 * a + b) // (2 * b) if b else None


async def cells(page: Page, host: str) -> list[list[str]]:
    """The rows of a card's table, folded or not, without the heading."""
    await unfold(page, host)
    found: list[list[str]] = await page.evaluate(
        "(host) => [...document.querySelectorAll(`${host} tbody tr`)].map((row) =>"
        " [...row.children].map((cell) => cell.textContent))",
        host,
    )
    return found


async def unfold(page: Page, host: str) -> None:
    await page.evaluate(
        "(host) => document.querySelectorAll(`${host} details`).forEach((one) => { one.open = true; })", host
    )
    await page.wait_for_function("(host) => !document.querySelector(`${host} details > div:empty`)", arg=host)


async def tile(page: Page, name: str) -> str:
    return await page.locator(f"#part-orders-tile-{name} .big").inner_text()


async def channels(page: Page) -> list[list[str]]:
    """The rows of the card "Channels compared", without their changes."""
    return [row[:6] for row in await cells(page, "#part-orders-orders-by-channel")]


def by_channel(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The expected text of the card "Channels compared" for these rows."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        sums[row["channel"]].update({name: row[name] for name in ("orders", "cancelled_orders", "revenue_minor")})
    return [_compared(channel, sums[channel]) for channel in sorted(sums)]


def _compared(channel: str, sums: Counter[str]) -> list[str]:
    orders, cancelled, minor = sums["orders"], sums["cancelled_orders"], sums["revenue_minor"]
    rate, average = half_up(cancelled * 10_000, orders), half_up(minor, orders - cancelled)
    assert rate is not None
    return [channel, f"{orders:,}", f"{cancelled:,}", money(minor), f"{rate // 100}.{rate % 100:02}%", money(average)]


async def test_the_headline_numbers_are_those_of_kpi_show(page: Page, shop: Shop) -> None:
    months = shop.kpi("revenue_by_month_and_channel")
    rates = {row["channel"]: row for row in shop.kpi("cancellation_rate_by_channel")}
    averages = {row["channel"]: row for row in shop.kpi("average_order_value_by_channel")}
    compared = await cells(page, "#part-orders-orders-by-channel")
    assert compared == by_channel(months)
    for channel, orders, _, _, rate, average in compared:
        assert orders == f"{rates[channel]['orders']:,}"
        assert rate == f"{rates[channel]['cancellation_rate_pct']:.2f}%"
        assert average == f"€{averages[channel]['average_order_value']:,.2f}"
    assert await tile(page, "revenue_minor") == money(sum(row["revenue_minor"] for row in months))
    assert await tile(page, "orders") == "602"
    revenue = [row[2:] for row in await cells(page, "#part-orders-revenue_minor-by-month")]
    assert revenue == [
        [money(row["revenue_minor"]), f"{row['orders']:,}", f"{row['cancelled_orders']:,}"] for row in months
    ]
    products = [
        [row["product"], f"{row['quantity']:,}", money(row["revenue_minor"])] for row in shop.kpi("top_products")
    ]
    assert await cells(page, "#part-orders-quantity-by-product") == products


async def test_every_other_kpi_has_a_card_with_all_its_rows_and_a_chart(page: Page, shop: Shop) -> None:
    found = shop.get("kpis")
    [dashboard] = found["dashboards"]
    finer = [dashboard["hourly"], *(chart["by_day"] for chart in dashboard["charts"])]
    elsewhere = {dashboard["earlier"], *(chart["kpi"] for chart in dashboard["charts"])}
    elsewhere |= {name for each in finer if each for name in each["kpis"]}
    others = [kpi for kpi in found["kpis"] if not kpi["headline"] and kpi["name"] not in elsewhere]
    assert len(others) >= 6
    for kpi in others:
        await page.locator(f"#kpi-{kpi['name']}").scroll_into_view_if_needed()
        await page.locator(f"#kpi-{kpi['name']} details").wait_for()
        rows = await cells(page, f"#kpi-{kpi['name']}")
        assert len(rows) == len(shop.get(f"kpis/{kpi['name']}")["rows"]), kpi["name"]
        plot = page.locator(f"#kpi-{kpi['name']} .plot")
        await plot.scroll_into_view_if_needed()
        await expect(plot.locator("svg")).to_be_visible()


async def test_the_flow_shows_where_every_file_is(page: Page) -> None:
    said = await page.locator("#conservation").inner_text()
    assert " ".join(said.split()).startswith(
        "603 received = 0 waiting + 602 stored + 0 duplicate + 1 quarantined The sum holds"
    )
    assert await page.locator("#feeds li").count() == 3


async def test_a_period_and_channels_filter_all_figures(page: Page, shop: Shop) -> None:
    months = shop.kpi("revenue_by_month_and_channel")
    newest = max(row["month"] for row in months)
    year, quarter = newest[:4], (int(newest[5:]) + 2) // 3
    in_quarter = [f"{year}-{month:02}" for month in range(quarter * 3 - 2, quarter * 3 + 1)]
    for kind, which, kept in (
        ("year", year, [row for row in months if row["month"].startswith(year)]),
        ("quarter", f"{year}-Q{quarter}", [row for row in months if row["month"] in in_quarter]),
        ("month", newest, [row for row in months if row["month"] == newest]),
    ):
        await page.select_option("#part-orders-period", kind)
        await page.select_option("#part-orders-which", which)
        assert await channels(page) == by_channel(kept)
    await page.get_by_label("mobile").uncheck()
    await page.get_by_label("boutique").uncheck()
    assert await channels(page) == by_channel([row for row in kept if row["channel"] == "web"])
    await page.click("#part-orders-filters [type=reset]")
    await expect(page.locator("#part-orders-orders-by-channel tbody tr")).to_have_count(3)


async def test_a_day_and_a_range_are_counted_by_day(page: Page, shop: Shop) -> None:
    days = shop.kpi("orders_by_day_and_channel")
    last = max(row["day"] for row in days)
    await page.clock.set_fixed_time(f"{last}T12:00:00Z")
    await page.select_option("#part-orders-period", "day")
    assert await page.input_value("#part-orders-from") == last  # today is offered
    assert await channels(page) == by_channel([row for row in days if row["day"] == last])
    first, *_, until, _ = sorted({row["day"] for row in days})[-5:]
    await page.select_option("#part-orders-period", "range")
    await page.fill("#part-orders-from", first)
    await page.fill("#part-orders-to", until)
    assert await channels(page) == by_channel([row for row in days if first <= row["day"] <= until])
    await page.fill("#part-orders-to", "2000-01-01")
    await expect(page.locator("#part-orders-scope")).to_contain_text("0 orders. The first day is after the last one")


async def test_the_axis_of_days_has_those_without_orders(page: Page) -> None:
    code = "async (times) => (await import('./charts.js')).everyTime(times.map((x) => ({ x })))"
    assert await page.evaluate(code, ["2026-02-27", "2026-03-01"]) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    hours = ["2026-02-27T22:00+00:00", "2026-02-27T23:00+00:00", "2026-02-28T00:00+00:00"]
    assert await page.evaluate(code, [hours[0], hours[2]]) == hours
    assert await page.evaluate(code, ["2026-02", "2026-04"]) is None


async def test_a_tap_shows_the_value_of_a_mark(window: Open, shop: Shop) -> None:
    page = await window(shop.url, viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)
    bars = page.locator("#part-orders-quantity-by-product")
    await bars.scroll_into_view_if_needed()
    await bars.locator("svg .mark-rect path").first.tap()
    await expect(page.locator("#tip")).to_have_text(re.compile(r"\n[\d,]+$"))
    await bars.locator("h3").tap()
    await expect(page.locator("#tip")).to_be_hidden()


async def test_days_of_long_ago_are_asked_for(page: Page, shop: Shop) -> None:
    """They are in a KPI of their own."""
    days = shop.kpi("orders_by_earlier_day")
    oldest = min(row["day"] for row in days)
    await page.select_option("#part-orders-period", "range")
    await page.fill("#part-orders-from", oldest)
    await page.fill("#part-orders-to", oldest)
    orders = sum(row["orders"] for row in days if row["day"] == oldest)
    await expect(page.locator("#part-orders-scope")).to_have_text(re.compile(rf" {orders} orders$"))
    assert await channels(page) == by_channel([row for row in days if row["day"] == oldest])


async def test_a_chart_says_what_it_measures(page: Page) -> None:
    """With its unit: the heading of the card may be about something else, too."""
    await page.locator("#kpi-orders_by_day_and_channel").scroll_into_view_if_needed()
    plot = page.locator("#kpi-orders_by_day_and_channel .plot")
    await plot.scroll_into_view_if_needed()
    await expect(plot.locator(".mark-text", has_text="Revenue (EUR)")).to_be_attached()


async def test_what_is_shown_can_be_downloaded(page: Page, shop: Shop, tmp_path: Path) -> None:
    await page.get_by_label("mobile").uncheck()
    for card in (
        "#part-orders-orders-by-channel",
        "#part-orders-quantity-by-product",
        "#part-orders-revenue_minor-by-month",
        "#part-orders-revenue_minor-by-city",
    ):
        async with page.expect_download() as coming:
            await page.click(f"{card} .save")
        download = await coming.value
        assert download.suggested_filename.endswith(".csv")
        await download.save_as(tmp_path / "shown.csv")
        lines = list(csv.reader(io.StringIO((tmp_path / "shown.csv").read_text(encoding="utf-8-sig"), newline="")))
        shown = await cells(page, card)
        assert len(lines) == 1 + len(shown)
        for line, row in zip(lines[1:], shown, strict=True):
            assert line[0] in {row[0], "'" + FORMULA} or card == "#part-orders-revenue_minor-by-month"
            assert money(round(100 * Decimal(line[lines[0].index("revenue")]))) in row
            assert re.fullmatch(r"\d+\.\d\d", line[lines[0].index("revenue")])


async def test_csv_is_what_a_french_spreadsheet_opens(window: Open, shop: Shop, tmp_path: Path) -> None:
    """And the cards of whole KPIs have a workbook."""
    page = await window(shop.url, locale="fr-FR")
    async with page.expect_download() as coming:
        await page.click("#part-orders-orders-by-channel .save")
    await (await coming.value).save_as(tmp_path / "channels.csv")
    text = (tmp_path / "channels.csv").read_bytes().decode()
    assert text.startswith("\ufeffchannel;orders;cancelled_orders;revenue;")
    assert re.search(r"^web;\d+;\d+;\d+,\d\d;\d+,?\d*;\d+,\d\d\r$", text, re.MULTILINE)
    await page.locator("#kpi-products_by_month").scroll_into_view_if_needed()
    link = page.locator("#kpi-products_by_month a.save").first
    await link.wait_for()  # it is there with the rows
    assert await link.get_attribute("download") is not None
    answer = await page.request.get(await link.evaluate("link => link.href"))
    assert answer.headers["content-disposition"] == 'attachment; filename="products_by_month.xlsx"'


@pytest.mark.parametrize(
    ("counts", "top"), [([0, 50, 1500, 48], 50), ([0, 30_000], 30_000), ([1, 2, 9], 9), ([0, 0], 1)]
)
async def test_a_backfill_dwarfs_no_other_minute(page: Page, counts: list[int], top: int) -> None:
    """It is cut off where there are usual minutes; alone it is drawn as it is."""
    assert await page.evaluate("async (counts) => (await import('./charts.js')).ceiling(counts)", counts) == top


async def test_a_formula_is_text_in_the_csv(page: Page, tmp_path: Path) -> None:
    async with page.expect_download() as coming:
        await page.click("#part-orders-quantity-by-product .save")
    await (await coming.value).save_as(tmp_path / "products.csv")
    assert f"'{FORMULA},998,8483000.00\r\n" in (tmp_path / "products.csv").read_bytes().decode()


@pytest.mark.parametrize("text", FORMULAS)
async def test_a_formula_inside_a_text_is_none_with_any_separator(page: Page, text: str) -> None:
    assert await page.evaluate("async (text) => (await import('./card.js')).inert(text)", text) == FORMULAS[text]


async def test_text_from_orders_stays_text(page: Page) -> None:
    assert (await cells(page, "#part-orders-quantity-by-product"))[0][0] == EVIL
    [bad] = await cells(page, "#files")
    assert EVIL in bad[3]
    assert await page.locator("img").count() == 1  # the mark in the heading
    await page.locator(
        "#part-orders-quantity-by-product .plot path[aria-label], #part-orders-quantity-by-product .mark-rect path"
    ).first.hover()
    await expect(page.locator("#tip")).to_contain_text(EVIL)


async def test_french_and_english(window: Open, shop: Shop) -> None:
    page = await window(shop.url, locale="fr-FR")
    await page.wait_for_selector("#part-orders-revenue_minor-by-month svg")
    assert await page.evaluate("document.documentElement.lang") == "fr"
    minor = sum(row["revenue_minor"] for row in shop.kpi("revenue_by_month_and_channel"))
    french = f"{minor // 100:,}".replace(",", NARROW) + f",{minor % 100:02}\u00a0€"
    assert await page.locator("#part-orders-tile-revenue_minor .big").text_content() == french
    assert await page.locator("#kpi-products_by_month h3").inner_text() == "Produits par mois"
    left = await page.evaluate(
        "[...document.querySelectorAll('main h2, main h3, main th, main dt, button')].map((one) => one.textContent)"
    )
    assert not {"Revenue", "Orders", "Reset", "All time", "Product", "The flow"} & {*left}
    await page.click("#language")
    await expect(page.locator("#flow-title")).to_have_text("The flow")
    await page.reload()
    await page.wait_for_selector("#part-orders-revenue_minor-by-month svg")
    assert await page.evaluate("document.documentElement.lang") == "en"


MONEY = """async ([currency, digits, minor]) => {
  const { shown } = await import("./cells.js");
  return shown({ type: "money", role: "sum", unit: currency, digits, labels: [] }, BigInt(minor));
}"""


@pytest.mark.parametrize(
    ("currency", "digits", "minor", "text"),
    [
        ("JPY", 0, 1234567, "JP¥1,234,567"),
        ("TND", 3, 1234567, "TND\u00a01,234.567"),
        ("EUR", 2, 2**53 + 1, "€90,071,992,547,409.93"),
    ],
)
async def test_money_has_the_decimals_of_its_currency(
    page: Page, currency: str, digits: int, minor: int, text: str
) -> None:
    """Exactly, also beyond what a double holds."""
    assert await page.evaluate(MONEY, [currency, digits, str(minor)]) == text


SUMS = """async () => {
  const { total } = await import("./cells.js");
  const column = (name, type, role, of = null) => ({ name, type, role, of, digits: 2 });
  const columns = [
    column("visits", "integer", "sum"), column("tickets", "integer", "sum"), column("rank", "integer", "other"),
    column("conversion", "percent", "ratio", ["tickets", "visits"]),
  ];
  const rows = [{ visits: 100, tickets: 10, rank: 1, conversion: 10 },
    { visits: 1, tickets: 1, rank: 2, conversion: 100 }];
  const large = total(columns, [{ visits: Number.MAX_SAFE_INTEGER, tickets: 0 }, { visits: 2, tickets: 0 }]).visits;
  return [total(columns, rows), total(columns, []).conversion, String(large)];
}"""


async def test_the_page_adds_up_sums_only_and_ratios_are_theirs(page: Page) -> None:
    """Not the mean of two conversions, which would be 55; null over nothing; exact beyond a double."""
    assert await page.evaluate(SUMS) == [{"visits": 101, "tickets": 11, "conversion": 10.89}, None, str(2**53 + 1)]


async def test_numbers_move_when_files_are_dropped(page: Page, shop: Shop) -> None:
    """Last: the shop has one order more from here on."""
    before = int((await tile(page, "orders")).replace(",", ""))
    shop.deliver("moves", json.dumps(order(100, datetime.now(UTC))))
    await expect(page.locator("#part-orders-tile-orders .big")).to_have_text(str(before + 1))
    await expect(page.locator("[data-number=stored]")).to_have_text(str(before + 1))
