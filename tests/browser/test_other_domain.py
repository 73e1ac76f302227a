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
