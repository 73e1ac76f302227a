"""Keyboard, screen reader, small screens, dark: no serious fault is found by axe-core, and nothing overflows."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.shop import Shop

pytestmark = pytest.mark.slow

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "locale": "fr-FR"},
}


async def all_drawn(page: Page) -> None:
    """Charts are drawn when they come into view."""
    await page.wait_for_selector("#part-orders-orders-by-channel tbody tr")
    for plot in await page.locator(".plot:visible").all():
        await plot.scroll_into_view_if_needed()
        await plot.locator("svg").wait_for()


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_no_serious_fault_and_nothing_overflows(window: Open, shop: Shop, look: str) -> None:
    page = await window(shop.url, **LOOKS[look])
    await all_drawn(page)
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = (await Axe().run(page)).response["violations"]
    serious = [(match["id"], [node["html"][:200] for node in match["nodes"]]) for match in found]
    assert serious == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_keyboard_reaches_every_control_and_shows_where_it_is(page: Page) -> None:
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#figures")).to_be_focused()
    for name in ("today", "yesterday", "this_week", "this_month"):
        await page.keyboard.press("Tab")
        await expect(page.locator(f"[data-glance={name}]")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#part-orders-period")).to_be_focused()
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("q")
    await expect(page.locator("#part-orders-which")).to_be_visible()


async def test_what_changes_by_itself_is_not_read_aloud_over_and_over(page: Page) -> None:
    """Only notices and what was chosen are live, and a text that stays is not written again."""
    live = await page.evaluate("[...document.querySelectorAll('[role=status], [aria-live]')].map((one) => one.id)")
    assert live == ["notices", "announced"]
    await page.evaluate("""() => {
      window.changes = 0;
      const seen = new MutationObserver((all) => { window.changes += all.length; });
      for (const one of document.querySelectorAll("[role=status]"))
        seen.observe(one, { childList: true, subtree: true });
    }""")
    await page.wait_for_timeout(2500)
    assert await page.evaluate("window.changes") == 0


async def test_who_wants_less_motion_gets_none(window: Open, shop: Shop) -> None:
    page = await window(shop.url, reduced_motion="reduce")
    await expect(page.locator("#pulse")).to_have_text("Live")
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_light_and_dark_can_be_chosen_and_are_remembered(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    await page.select_option("#theme", "dark")
    dark = await page.evaluate(ground)
    assert dark != light
    await page.reload()
    assert await page.evaluate(ground) == dark
