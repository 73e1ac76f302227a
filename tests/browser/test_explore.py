"""Exploring by clicks: the first glance, comparison, from a bar to its orders and files, views, earlier numbers."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.shop import Shop
from tests.browser.test_page import cells, money, unfold

pytestmark = pytest.mark.slow

PART = "#part-orders"
PERIODS = """async (asked) => {
  const { PRESETS, comparisons, weekOf, days } = await import("./periods.js");
  if (asked.length === 10) return [weekOf(asked), days(weekOf(asked))];
  const [preset, today] = asked.split(" ");
  const span = PRESETS[preset](today);
  return [span, ...comparisons(span)].map(({ from, to }) => `${from} ${to}`);
}"""


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-12-31", ["2026-W53", {"from": "2026-12-28", "to": "2027-01-03"}]),
        ("2025-12-29", ["2026-W01", {"from": "2025-12-29", "to": "2026-01-04"}]),
        ("yesterday 2026-03-01", ["2026-02-28 2026-02-28", "2026-02-21 2026-02-21", "2025-03-01 2025-03-01"]),
        ("this_week 2026-11-25", ["2026-11-23 2026-11-25", "2026-11-16 2026-11-18", "2025-11-24 2025-11-26"]),
        ("this_month 2026-03-30", ["2026-03-01 2026-03-30", "2026-02-01 2026-02-28", "2025-03-01 2025-03-30"]),
        ("last_month 2026-03-15", ["2026-02-01 2026-02-28", "2026-01-01 2026-01-31", "2025-02-01 2025-02-28"]),
        ("this_year 2026-03-15", ["2026-01-01 2026-03-15", "2025-01-01 2025-03-15"]),
    ],
)
async def test_periods_are_compared_with_the_same_weekdays_or_dates(page: Page, asked: str, found: list[Any]) -> None:
    assert await page.evaluate(PERIODS, asked) == found


def revenue_by_day(shop: Shop) -> Counter[str]:
    """In minor units, of all days."""
    found: Counter[str] = Counter()
    for name in ("orders_by_day_and_channel", "orders_by_earlier_day"):
        for row in shop.kpi(name):
            found[row["day"]] += row["revenue_minor"]
    return found


async def test_yesterday_is_compared_with_the_same_weekday_of_last_week(page: Page, shop: Shop) -> None:
    """And with that of a year ago, from days that are asked for then; a second click takes the choice back."""
    card = page.locator("[data-glance=yesterday]")
    [at] = await page.evaluate("async () => [(await import('./words.js')).local(new Date())]")
    yesterday = date.fromisoformat(at) - timedelta(days=1)
    days = revenue_by_day(shop)
    now = days[str(yesterday)]
    await expect(card.locator(".big")).to_have_text(money(now))
    earlier = [days[str(yesterday - timedelta(days=back))] for back in (7, 364)]
    changes = [round(1000 * (now - before) / before) / 10 for before in earlier if before]
    expected = [f"▲ +{change:,}".removesuffix(".0") + "% on " for change in changes]
    await expect(card.locator(".changes span")).to_contain_text(expected)
    await card.click()
    await expect(page.locator(f"{PART}-tile-revenue_minor .big")).to_have_text(money(now))
    await expect(page).to_have_url(f"{shop.url}?orders.period=yesterday")
    await card.click()
    await expect(page).to_have_url(shop.url)


async def test_from_a_number_to_its_orders_and_their_files(page: Page, shop: Shop) -> None:
    """By clicks: a channel, the orders behind; a city; a product; and the back button goes the same way back."""
    await page.click(f"{PART}-orders-by-channel button.link >> text=web")
    await expect(page).to_have_url(f"{shop.url}?orders.channel=web")
    await expect(page.locator(f"{PART}-orders-by-channel tbody tr")).to_have_count(1)
    await page.click(f"{PART}-behind summary")
    await expect(page.locator(f"{PART}-behind tbody tr")).to_have_count(50)
    newest, *_ = shop.get("orders?channel=web&limit=1")["rows"]
    row = page.locator(f"{PART}-behind tbody tr").first
    for text in (newest["order_id"], "site_web", newest["file"]):
        await expect(row).to_contain_text(text)
    assert "Customer" not in await page.locator(f"{PART}-behind thead").inner_text()
    await page.go_back()
    await expect(page).to_have_url(shop.url)
    await expect(page.locator(f"{PART}-orders-by-channel tbody tr")).to_have_count(3)
    [[city, orders, *_], *_] = await cells(page, f"{PART}-revenue_minor-by-city")
    assert orders.replace(",", "").isdigit() or orders.startswith("€")
    await page.click(f"{PART}-revenue_minor-by-city button.link >> nth=0")
    await expect(page.locator(f"{PART}-behind .note")).to_contain_text(city)
    await expect(page.locator(f"{PART}-behind tbody tr").first).to_contain_text(city)
    cities = await page.locator(f"{PART}-behind tbody tr").evaluate_all("rows => rows.map((row) => row.innerText)")
    assert all(city in text for text in cities)
    [[product, *_], *_] = await cells(page, f"{PART}-quantity-by-product")
    await page.click(f"{PART}-quantity-by-product button.link >> nth=0")
    await expect(page.locator(f"{PART}-behind .note")).to_contain_text(product)
    await expect(page.locator(f"{PART}-behind tbody tr").first).to_contain_text(product)


async def test_a_bar_is_clicked_to_filter_by_it(page: Page, shop: Shop) -> None:
    """A month of the chart; then it has its days, and the month before as a dashed line."""
    plot = page.locator(f"{PART}-revenue_minor-by-month .plot")
    await plot.scroll_into_view_if_needed()
    await plot.locator(".mark-rect path").last.click()
    newest = max(row["month"] for row in shop.kpi("revenue_by_month_and_channel"))
    await expect(page).to_have_url(f"{shop.url}?orders.period=month&orders.which={newest}")
    await expect(plot.locator(".mark-line path")).to_be_attached()
    await expect(page.locator(f"{PART}-revenue_minor-by-month .note")).to_contain_text("Dashed: ")


async def test_a_table_is_sorted_and_searched(page: Page) -> None:
    """By a heading, twice: from the smallest; and by a part of a name."""
    host = f"{PART}-quantity-by-product"
    table, heading = page.locator(host), page.locator(f"{host} thead button >> nth=1")
    quantities = [int(row[1].replace(",", "")) for row in await cells(page, host)]
    await heading.click()
    await heading.click()
    turned = [int(row[1].replace(",", "")) for row in await cells(page, host)]
    assert turned == sorted(quantities)
    await expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    months = f"{PART}-revenue_minor-by-month"
    await unfold(page, months)
    await page.fill(f"{months} .search", "mobile")
    assert {row[1] for row in await cells(page, months)} == {"mobile"}


async def test_a_day_is_drawn_by_its_hours(window: Open, shop: Shop) -> None:
    """And so are a few days where the reader asks for it; of longer periods there is no such choice."""
    host = f"{PART}-revenue_minor-by-month"
    page = await window(f"{shop.url}?orders.period=yesterday")
    await expect(page.locator(f"{host} h3")).to_have_text("Revenue by hour and channel")
    [at] = await page.evaluate("async () => [(await import('./words.js')).local(new Date())]")
    yesterday = str(date.fromisoformat(at) - timedelta(days=1))
    hours = [row for name in ("orders_by_hour_and_channel", "orders_by_earlier_hour") for row in shop.kpi(name)]
    expected = [[money(row["revenue_minor"]), str(row["orders"])] for row in hours if row["hour"].startswith(yesterday)]
    assert [row[2:4] for row in await cells(page, host)] == expected
    assert re.fullmatch(r".* at \d\d:00 UTC", (await cells(page, host))[0][0])
    await page.select_option(f"{PART}-period", "last_7")
    await expect(page.locator(f"{host} h3")).to_have_text("Revenue by day and channel")
    await page.select_option(f"{PART}-grain", "hour")
    await expect(page.locator(f"{host} h3")).to_have_text("Revenue by hour and channel")
    await expect(page).to_have_url(f"{shop.url}?orders.period=last_7&orders.grain=hour")
    await page.select_option(f"{PART}-period", "last_30")
    await expect(page.locator(f"{host} h3")).to_have_text("Revenue by day and channel")
    assert "hour" not in await page.locator(f"{PART}-grain option").evaluate_all("all => all.map((one) => one.value)")


async def test_products_and_cities_of_any_days(window: Open, shop: Shop) -> None:
    """With their change on the days before, also of those of which nothing was sold since."""
    until = datetime.now(UTC).date() - timedelta(days=1)
    since, before = until - timedelta(days=20), until - timedelta(days=41)
    page = await window(f"{shop.url}?orders.period=range&orders.from={since}&orders.to={until}")
    for key, measure, name in (("product", "quantity", "products"), ("city", "revenue_minor", "cities")):
        now, then = Counter[str](), Counter[str]()
        for row in [row for kpi in (f"{name}_by_day", f"{name}_by_earlier_day") for row in shop.kpi(kpi)]:
            sums = now if str(since) <= row["day"] <= str(until) else then
            sums[row[key]] += row[measure] if row["day"] >= str(before) and row["day"] <= str(until) else 0
        host = f"{PART}-{measure}-by-{key}"
        await expect(page.locator(f"{host} .note")).to_contain_text("Marks at the bars")
        shown = money if measure == "revenue_minor" else "{:,}".format
        rows = {row[0]: row[1:] for row in await cells(page, host)}
        assert {key: row[0] for key, row in rows.items()} == {key: shown(now[key]) for key in {*now, *(+then)}}
        gone = next(key for key in +then if not now[key])
        assert rows[gone][-1] == "▼ -100%"


HEAT_MAP = """async () => {
  const [{ compared }, { Chart }] = await Promise.all([import("./bykey.js"), import("./charts.js")]);
  const types = { key: "string", sum: "integer" };
  const column = (name, role) => ({ name, role, type: types[role], title: name, unit: "", labels: [] });
  const columns = [column("day", "key"), column("shop", "key"), column("orders", "sum")];
  const row = (day, orders) => ({ day, shop: "a", orders });
  const part = { columns, by: Object.fromEntries(columns.map((one) => [one.name, one])), book() {}, picks() {},
    against: () => ({ name: "May", rows: [row("Mon", 10), row("Tue", 4)] }) };
  const chart = { x: "day", series: "shop", columns: ["orders"], drawn: true, title: "" };
  const made = compared(part, chart, { period: "2026-06" }, [row("Mon", 5), row("Tue", 9), row("Wed", 1)]);
  const host = document.querySelector("main").appendChild(document.createElement("div"));
  host.id = "heat-map";
  host.scrollIntoView();
  new Chart(host).show(made.form, made.values, made.title, made);
  return [made.note, ...made.values.map(({ change, shade }) => [change ?? null, shade ?? null])];
}"""


async def test_a_heat_map_is_coloured_by_change(page: Page) -> None:
    """In its marks, and in words."""
    note, *marks = await page.evaluate(HEAT_MAP)
    assert note == "Colour: change on May; blue is more, orange less."
    assert marks == [[-50, 50], [125, 100], [None, 0]]
    cells = page.locator("#heat-map .mark-rect path")
    await expect(cells).to_have_count(3)
    colours = await cells.evaluate_all("all => all.map((one) => one.getAttribute('fill'))")
    assert colours[:2] == ["var(--series-6)", "var(--series-1)"]


async def test_weeks_over_all_history(window: Open, shop: Shop) -> None:
    """Of days that are kept in a KPI of their own, and asked for when weeks are."""
    page = await window(f"{shop.url}?orders.grain=week")
    await expect(page.locator(f"{PART}-revenue_minor-by-month h3")).to_have_text("Revenue by week and channel")
    rows = await cells(page, f"{PART}-revenue_minor-by-month")
    orders = await page.locator(f"{PART}-tile-orders .big").inner_text()
    assert sum(int(row[3].replace(",", "")) for row in rows) == int(orders)
    assert rows[-1][0].startswith("Week ")


async def test_views_are_kept_and_opened(window: Open, shop: Shop) -> None:
    page = await window(f"{shop.url}?orders.period=this_month&orders.channel=web")
    await expect(page.locator(f"{PART}-scope")).to_contain_text("Channel: web")
    await page.click("#tools summary")
    await page.fill("#view-name", "<b>web</b>")
    await page.click("#save-view button")
    await page.click(f"{PART} button[type=reset]")
    await expect(page).to_have_url(shop.url)
    await page.select_option("#views", "<b>web</b>")
    await expect(page).to_have_url(f"{shop.url}?orders.period=this_month&orders.channel=web")
    await expect(page.locator(f"{PART}-scope")).to_contain_text("Channel: web")
    await page.click("#tools summary")
    await page.click("#delete-view")
    assert await page.evaluate("localStorage.views") == "{}"


async def test_numbers_as_they_were(window: Open, shop: Shop) -> None:
    """The generation of the chosen time, which is said; and back to those of now."""
    page = await window(f"{shop.url}?at={datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M}")
    await expect(page.locator("#notices")).to_contain_text("Numbers as they were at")
    await expect(page.locator(f"{PART}-tile-orders .big")).to_have_text(re.compile("^60[23]$"))
    await page.click("#tools summary")
    await page.click("#now")
    await expect(page).to_have_url(shop.url)
    await expect(page.locator("#notices")).to_have_text("")


async def test_a_chart_is_saved_as_a_picture(page: Page, tmp_path: Path) -> None:
    async with page.expect_download() as coming:
        await page.click(f"{PART}-revenue_minor-by-month .save:has-text('PNG')")
    await (await coming.value).save_as(tmp_path / "chart.png")
    picture = (tmp_path / "chart.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000


MOST_FIRST, MOST_A_MINUTE = 400_000, 20_000
QUIET_S = 20


async def test_the_page_costs_few_bytes(browser: Any, shop: Shop) -> None:
    """Compressed, with their headers: the first load, and a minute in which nothing changes."""
    context = await browser.new_context()
    page = await context.new_page()
    network = await context.new_cdp_session(page)
    await network.send("Network.enable")
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await page.goto(shop.url)
    await page.wait_for_selector(f"{PART}-revenue_minor-by-month svg")
    await page.wait_for_timeout(2000)
    assert 100_000 < sum(sizes) < MOST_FIRST
    sizes.clear()
    await page.wait_for_timeout(QUIET_S * 1000)
    assert 0 < sum(sizes) * 60 / QUIET_S < MOST_A_MINUTE
    await context.close()


async def test_a_finger_has_room_and_the_first_number_is_on_the_first_screen(window: Open, shop: Shop) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = await window(shop.url, **phone)
    first = page.locator("[data-glance=today] .big")
    await expect(first).to_be_visible()
    box = await first.bounding_box()
    assert box
    assert box["y"] + box["height"] < 500
    small = await page.evaluate(
        "[...document.querySelectorAll('main button, main select, main summary, main a.save')].filter((each) =>"
        " each.offsetParent && each.getBoundingClientRect().height < 44).map((each) => each.outerHTML.slice(0, 90))"
    )
    assert small == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(OVERFLOWING, "148,405,285.00 $US") == 0


OVERFLOWING = """async (text) => {
  const { fit } = await import("./elements.js");
  const places = [...document.querySelectorAll(".glance .big, .tile .big")];
  for (const place of places) fit(place, text);
  const range = new Range();
  const ends = (place) => { range.selectNodeContents(place); return range.getBoundingClientRect().right; };
  return places.filter((place) => ends(place) > place.parentElement.getBoundingClientRect().right).length;
}"""
