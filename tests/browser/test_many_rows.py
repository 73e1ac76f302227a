"""The page of a domain whose dashboard has thousands of rows of few periods: it is shown, and follows a choice."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.shop import opened

pytestmark = pytest.mark.slow
BIKES, SHOPS, YEARS = range(1, 98), range(1, 31), range(2011, 2014)
FILES = {
    "bikes": [
        "bike.id;model;category1;category2;frame;price",
        *(f"{bike};M{bike};Road;Elite;Carbon;1" for bike in BIKES),
    ],
    "bikeshops": [
        "bikeshop.id;bikeshop.name;bikeshop.city;bikeshop.state;latitude;longitude",
        *(f"{shop};S{shop};C{shop};NY;40,5;-75,5" for shop in SHOPS),
    ],
    "bike_orders": [
        ";order.id;order.line;order.date;customer.id;product.id;quantity",
        *(
            f"0;{year}{shop:02};{bike};1/31/{year};{shop};{bike};1"
            for year in YEARS
            for shop in SHOPS
            for bike in BIKES
        ),
    ],
}


async def test_thousands_of_rows_are_shown(
    window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: str
) -> None:
    monkeypatch.setenv("MULTIMARKET_DOMAINS", "bikes")
    for feed, lines in FILES.items():
        folder = tmp_path / "data" / "sources" / feed
        folder.mkdir(parents=True)
        (folder / "export.csv").write_text("\n".join([*lines, ""]), "utf-8")
    with opened(tmp_path / "data") as shop:
        page = await window(shop.url)
        scope = page.locator("#part-bikes-2-scope")
        await expect(scope).to_contain_text(f"{len(BIKES) * len(SHOPS) * len(YEARS):,} bikes", timeout=60_000)
        await page.select_option("#part-bikes-2-filter-model", "M7")
        await expect(scope).to_contain_text(f"M7 · State: all · {len(SHOPS) * len(YEARS)} bikes")
        await page.goto("about:blank")  # before the server ends
