"""One shop and one Chromium a session; a clean window a test, in which nothing may go wrong unseen."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.shop import Shop, opened, settled, stocked

# Root in a container cannot have Chromium's sandbox; what is opened is our own page.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]
VIOLATIONS = """addEventListener("securitypolicyviolation", (one) => {
  (window.violations ??= []).push(`${one.violatedDirective} ${one.blockedURI}`);
});"""

# The machine may be busy; nothing here is about speed.
expect.set_options(timeout=60_000)

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's package; elsewhere Chrome does as well."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("There is no Chromium: apt-get install chromium")
    pytest.skip("There is no Chromium here: apt-get install chromium")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Shop]:
    """With 602 orders and one file in quarantine."""
    data_dir = tmp_path_factory.mktemp("shop") / "data"
    stocked(data_dir)
    with opened(data_dir) as shop:
        settled(shop, 602)
        yield shop


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Headless."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield browser
        await browser.close()


@pytest.fixture
async def window(browser: Browser) -> AsyncIterator[Open]:
    """Opens an address in a window of its own: no error, no warning, no breach of the policy, no dialog."""
    pages: list[tuple[Page, list[str]]] = []

    async def open_window(url: str, *, before: Callable[[Page], Awaitable[Any]] | None = None, **traits: Any) -> Page:
        context = await browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **traits})
        page, wrong = await context.new_page(), []
        page.set_default_timeout(60_000)
        await page.add_init_script(VIOLATIONS)
        page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        if before:
            await before(page)
        await page.goto(url)
        pages.append((page, wrong))
        return page

    yield open_window
    for page, wrong in pages:
        broken = await page.evaluate("window.violations ?? []")
        await page.context.close()
        assert wrong == []
        assert broken == []


@pytest.fixture
async def page(window: Open, shop: Shop) -> Page:
    """The shop's page, in English, with its figures and charts."""
    page = await window(shop.url)
    await page.wait_for_selector("#part-orders-revenue_minor-by-month svg")
    return page
