"""The page of mobility: a map of stations that needs no tiles, and its filters."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.shop import command, opened

pytestmark = pytest.mark.slow


async def test_stations_are_on_a_map(
    window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: str
) -> None:
    """One mark each, of the states in the legend; without an arrondissement those of the others are left."""
    monkeypatch.setenv("MULTIMARKET_DOMAINS", "mobility")
    monkeypatch.setenv("MULTIMARKET_MOBILITY_SIMULATED_POINTS", "60")
    command(tmp_path / "data", "produce", "--files-per-feed", "3", "--history", "1days")
    with opened(tmp_path / "data") as shop:
        page = await window(shop.url)
        card = page.locator("#part-mobility-points-by-station_id")
        await expect(card.locator(".plot svg .mark-symbol.role-mark path")).not_to_have_count(0, timeout=120_000)
        stations = shop.get("kpis/mobility_availability_by_station")["rows"]
        await expect(card.locator(".plot svg .mark-symbol.role-mark path")).to_have_count(len(stations))
        district = stations[0]["arrondissement"]
        left = [row for row in stations if row["arrondissement"] != district]
        await page.locator("#part-mobility").get_by_label(district, exact=True).uncheck()
        await expect(card.locator(".plot svg .mark-symbol.role-mark path")).to_have_count(len(left))
        await page.goto("about:blank")  # before the server ends
