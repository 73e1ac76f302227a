"""The page of a domain that is not orders: its KPIs are shown, its headlines first, and nothing goes wrong."""

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.shop import opened
from tests.packages import ROOT, installed, multimarket

pytestmark = pytest.mark.slow


async def test_the_page_of_another_domain(
    window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: str
) -> None:
    """Every KPI is a card; the panel of the orders is hidden; in French its words are those that it has."""
    source = (ROOT / "tests" / "doors.py").read_text("utf-8")
    site = installed(tmp_path, "door_package", source, "visits = door_package:DOMAIN")
    done = multimarket(site, "produce", "--files", "40", MULTIMARKET_DOMAINS="visits")
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("MULTIMARKET_DOMAINS", "visits")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, ROOT))))
    with opened(site / "data") as shop:
        page = await window(shop.url)
        await expect(page.locator("#more article")).to_have_count(2)
        shown = await page.locator("#more article").evaluate_all("cards => cards.map(({ id }) => id)")
        assert shown == ["kpi-visitors_by_month", "kpi-visitors_by_day"]
        await expect(page.locator("#more")).to_contain_text("Visitors by day of the week")
        await expect(page.locator("#part-orders-revenue_minor-by-month")).to_be_hidden()
        await expect(page.locator("[data-fact=newest]")).to_contain_text("newest of visits: ")
        await page.click("#language")
        await expect(page.locator("#more")).to_contain_text("Visitors by month")
        await page.goto("about:blank")  # before the server ends


async def test_two_domains_have_a_part_each(
    window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: str
) -> None:
    """With filters of its own; a ratio of the chosen rows is that of their sums; in French, too."""
    source = (ROOT / "tests" / "domains_tried" / "kiosks.py").read_text("utf-8")
    site = installed(tmp_path, "kiosk_package", source, "kiosks = kiosk_package:KIOSKS")
    both = {"MULTIMARKET_DOMAINS": "orders,kiosks"}
    done = multimarket(site, "produce", "--files-per-feed", "12", **both)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("MULTIMARKET_DOMAINS", both["MULTIMARKET_DOMAINS"])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, ROOT))))
    with opened(site / "data") as shop:
        page = await window(shop.url, locale="fr-FR")
        await expect(page.locator("#figures h2")).to_have_text(["Commandes", "Kiosques"])
        await expect(page.locator("#kpi-kiosk_prices_by_month h3")).to_have_text("Prix par mois")
        await expect(page.locator("#kpi-kiosk_lines_by_month")).to_have_count(0)
        await page.click("#language")
        price, quantity = page.locator("#part-kiosks-tile-price_minor"), page.locator("#part-kiosks-tile-quantity")
        await expect(price).to_contain_text("per piece")
        await page.get_by_label("carnet").uncheck()
        await expect(page.locator("#part-kiosks-scope")).to_contain_text(
            "Product: bonbons, carte postale, gazette, stylo"
        )
        kept = [row for row in shop.get("kpis/kiosk_lines_by_month")["rows"] if row["product"] != "carnet"]
        pieces, minor = (sum(row[name] for row in kept) for name in ("quantity", "revenue_minor"))
        mean = (2 * minor + pieces) // (2 * pieces)
        await expect(quantity.locator(".big")).to_have_text(f"{pieces:,}")
        await expect(price.locator(".big")).to_have_text(f"\u20ac{mean // 100}.{mean % 100:02}")
        await expect(page.locator("#part-orders-scope")).to_contain_text("Channel: all")
        await page.goto("about:blank")  # before the server ends
