"""Pictures of the page to look at, each state and size of it: python -m tests.browser.screenshots FOLDER.

README.md shows one of them, tests/browser/page.png.
"""

import asyncio
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.conftest import OPTIONS
from tests.browser.shop import Shop, deliver, opened, order, produced, settled
from tests.browser.test_states import CHANGES, changed

ORDERS_PER_CHANNEL = 3000
WHOLE = {"full_page": True}
LOOKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "page": ({"viewport": {"width": 1120, "height": 1110}}, {}),
    "desktop": ({}, WHOLE),
    "dark": ({"color_scheme": "dark", "locale": "fr-FR"}, WHOLE),
    "phone": ({"viewport": {"width": 360, "height": 780}, "locale": "fr-FR"}, WHOLE),
}


async def main(folder: Path) -> None:
    """All of them."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)
        with TemporaryDirectory() as place:
            stocked_up(data_dir := Path(place) / "data")
            with opened(data_dir) as shop:
                settled(shop, 3 * ORDERS_PER_CHANNEL)
            with opened(data_dir, produce=True) as shop:
                await asyncio.sleep(70)  # rates are of a minute
                await looks(browser, shop, folder)
        with TemporaryDirectory() as place, opened(Path(place) / "data") as empty:
            await picture(await loaded(browser, empty.url), folder / "empty.png")
        await browser.close()


def stocked_up(data_dir: Path) -> None:
    """Two years of orders, and some bad files."""
    produced(data_dir, ORDERS_PER_CHANNEL)
    for number in range(5):
        unknown = {**order(number, datetime.now(UTC)), "statut_commande": "perdue"}
        deliver(data_dir, f"unknown{number}", json.dumps(unknown))
        deliver(data_dir, f"half{number}", '{"order_id": "1", ')


async def looks(browser: Browser, shop: Shop, folder: Path) -> None:
    """Of a shop that sells."""
    for name, (traits, how) in LOOKS.items():
        page = await loaded(browser, shop.url, **traits)
        await drawn(page)
        await picture(page, folder / f"{name}.png", **how)
    for number, change in enumerate(CHANGES.values()):
        page = await loaded(browser, shop.url)
        await drawn(page)
        await changed(change)(page)
        await page.wait_for_selector("#notices p")
        await picture(page, folder / f"state{number}.png")


async def loaded(browser: Browser, url: str, **traits: Any) -> Page:
    """Its page, in a window of its own."""
    page = await browser.new_page(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **traits})
    await page.goto(url)
    await page.wait_for_selector("#pulse:not([data-state=connecting])")
    return page


async def drawn(page: Page) -> None:
    """Charts are drawn when they come into view."""
    await page.wait_for_selector("#part-orders-orders-by-channel tbody tr")
    for plot in await page.locator(".plot:visible").all():
        await plot.scroll_into_view_if_needed()
        await plot.locator("svg").wait_for()
    await page.evaluate("scrollTo(0, 0)")


async def picture(page: Page, file: Path, **how: Any) -> None:
    """Taken when nothing moves any more."""
    await page.wait_for_timeout(500)
    await page.screenshot(path=file, **how)
    await page.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
