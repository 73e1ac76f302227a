"""The page of retail: tiles with their changes, what the address chooses, charts of several measures, downloads."""

import io
import json
import re
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.simulator.chain import Chain
from multimarket_async.domains.retail.simulator.files import lists
from multimarket_async.domains.retail.simulator.hours import StoreDay
from tests.browser.conftest import Open
from tests.browser.shop import Shop, opened

pytestmark = pytest.mark.slow
MONTHS = "2026-04", "2026-05"
DAYS = [date(2026, 4, 1) + timedelta(days=number) for number in range(61)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: str) -> Any:
    """61 days of three stores."""
    monkeypatch.setenv("MULTIMARKET_DOMAINS", "retail")
    chain = Chain(1, stores=3, clients=20)
    settings = RetailSettings.model_validate({"simulated_share": 0.05})
    made = [StoreDay(chain, store, day, settings) for store in chain.stores for day in DAYS]
    delivered = {
        "retail_stores": lists(chain, "retail_stores"),
        "retail_products": lists(chain, "retail_products"),
        "retail_footfall": [record for day in made for record in day.footfall()[0]],
        "retail_sales": [line for day in made for line in day.sales()],
    }
    for feed, records in delivered.items():
        (folder := tmp_path / "data" / "sources" / feed).mkdir(parents=True)
        (folder / "all.json").write_text(json.dumps(records), "utf-8")
    with opened(tmp_path / "data") as shop:
        yield shop


def rows(shop: Shop, month: str, store: str) -> dict[str, Any]:
    [row] = shop.get(f"kpis/store_months?period={month}&store_name={store}")["rows"]
    return dict(row)


PART = "#part-retail"


async def test_the_page_of_retail(window: Open, shop: Shop) -> None:
    """May of one store, as the address says: changes since April, charts, a workbook; then more stores, in French."""
    page = await window(f"{shop.url}?retail.period=month&retail.which=2026-05&retail.store_name=Magasin_2")
    await expect(page.locator(f"{PART}-scope")).to_have_text("May 2026 · Store: Magasin_2", timeout=120_000)
    await expect(page.locator(f"{PART}-tile-total_margin_minor .big")).not_to_have_text("€0.00", timeout=60_000)
    await tiles_are_right(page, *(rows(shop, month, "Magasin_2") for month in MONTHS))
    await charts_are_drawn(page)
    book = await page.request.get(
        await page.locator(f"{PART}-total_visitors-by-period a").first.evaluate("a => a.href")
    )
    with zipfile.ZipFile(io.BytesIO(await book.body())) as sheets:
        assert sheets.read("xl/worksheets/sheet1.xml").count(b"<row ") == 1 + 31
    await page.get_by_label("Magasin_3").check()
    await page.select_option(f"{PART}-period", "quarter")
    stores = "retail.store_name=Magasin_2&retail.store_name=Magasin_3"
    await expect(page).to_have_url(f"{shop.url}?retail.period=quarter&retail.which=2026-Q2&{stores}")
    await page.click("#language")
    for _ in range(2):
        await expect(page.locator(f"{PART}-scope")).to_have_text("T2 2026 · Magasin : Magasin_2, Magasin_3")
        await page.reload()
    await page.click(f"{PART} button[type=reset]")
    await expect(page).to_have_url(shop.url)
    await page.goto("about:blank")  # before the server ends


async def tiles_are_right(page: Page, april: dict[str, Any], may: dict[str, Any]) -> None:
    """Numbers of May, with their changes since April; nothing is known of the year before."""
    await expect(page.locator(f"{PART} .tile")).to_have_count(7)
    for name in ("total_visitors", "total_transactions"):
        tile = page.locator(f"{PART}-tile-{name}")
        await expect(tile.locator(".big")).to_have_text(f"{may[name]:,}")
        change = 100 * (may[name] - april[name]) / april[name]
        await expect(tile.locator(".change").first).to_have_text(
            re.compile(rf"^[▲▼] [+-]{abs(change):.1f}".removesuffix(".0") + r"\d*% on Apr 2026$")
        )
        await expect(tile.locator(".change").last).to_have_text("")


async def charts_are_drawn(page: Page) -> None:
    """Each with April as a dashed line; two of them with several measures, each with its own."""
    for chart in ("total_transactions", "total_visitors", "total_quantity", "total_revenue_minor", "conversion_rate"):
        plot = page.locator(f"{PART}-{chart}-by-period .plot")
        await plot.scroll_into_view_if_needed()
        await expect(plot.locator("svg")).to_be_visible()
        await expect(page.locator(f"{PART}-{chart}-by-period .note")).to_have_text("Dashed: Apr 2026.")
        dashed = 3 if chart == "total_revenue_minor" else 2 if chart == "conversion_rate" else 1
        await expect(plot.locator("path[stroke-dasharray='5,4']")).to_have_count(dashed)
    await expect(page.locator(f"{PART}-total_revenue_minor-by-period svg")).to_contain_text("Margin (EUR)")
    await expect(page.locator(f"{PART}-conversion_rate-by-period svg")).to_contain_text("Basket (EUR)")
