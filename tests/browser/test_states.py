"""Every unusual state is shown in words, in the place for it; and the page recovers by itself."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.shop import Shop, opened

pytestmark = pytest.mark.slow

CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "MongoDB is away": lambda status: (
        status["mongo"].update(ok=False, why="No answer within 2 s.", answered_at="2026-03-02T12:00:00Z"),
        status["overload"].update(late=True, oldest_s=31.0),
    ),
    "Stale": lambda status: status["kpi"].update(stale=True, behind_s=75.0),
    "Overloaded": lambda status: status["overload"].update(late=True, oldest_s=31.0),
}
# The page looks when it is shown again: quicker than to wait for its next look.
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
SAID = {
    "MongoDB is away": "is lost. Not reached since 2 Mar 2026, 12:00:00.",
    "Stale": "These numbers lack what was stored",
    "Overloaded": "a file waits longer than the budget of 10s",
}


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Page], Awaitable[None]]:
    """Rewrites what /api/status says on its way to the page."""

    async def rewrite(route: Route) -> None:
        answer = await route.fetch()
        status = await answer.json()
        change(status)
        await route.fulfill(response=answer, json=status)

    async def before(page: Page) -> None:
        await page.route("**/api/status", rewrite)

    return before


@pytest.mark.parametrize("state", CHANGES)
async def test_a_state_is_told(window: Open, shop: Shop, state: str) -> None:
    page = await window(shop.url, before=changed(CHANGES[state]))
    await expect(page.locator("#notices p")).to_contain_text([SAID[state]])  # and nothing else is blamed
    await expect(page.locator("#pulse")).to_have_text(state)
    await page.unroute_all(behavior="wait")
    await page.evaluate(LOOK)
    await expect(page.locator("#notices")).to_have_text("")
    await expect(page.locator("#pulse")).to_have_text("Live")


async def test_the_reason_why_mongodb_is_away_is_in_the_readers_language(window: Open, shop: Shop) -> None:
    why = "MongoDB is away: 127.0.0.1:27017: [Errno 111] Connection refused; start it, or correct host and port in"
    away = changed(lambda status: status["mongo"].update(ok=False, why=f"{why} mongo_uri", answered_at=AT))
    page = await window(shop.url, before=away, locale="fr-FR")
    await expect(page.locator("#notices p")).to_contain_text(
        "(MongoDB est absent : 127.0.0.1:27017 : connexion refusée ; démarrez-le, ou corrigez hôte et port dans mongo"
    )
    await page.unroute_all(behavior="wait")


async def test_files_of_another_kind_are_told(window: Open, shop: Shop) -> None:
    """With the name of one of them, as text, in both languages; nothing is wrong, so it is live."""
    unknown = changed(lambda status: status["feeds"][0].update(unknown=3, unknown_example="<b>.txt"))
    page = await window(shop.url, before=unknown)
    await expect(page.locator("#notices")).to_have_text(
        "3 files of another kind in site web (such as <b>.txt): they stay where they are."
    )
    await expect(page.locator("#pulse")).to_have_text("Live")
    await page.locator("#language").click()
    await expect(page.locator("#notices")).to_contain_text("3 fichiers d'un autre type dans site web")
    await page.locator("#language").click()
    await page.unroute_all(behavior="wait")


AT = "2026-03-02T12:00:00Z"
POLLS = [
    {"feed": "weather", "state": "ok", "answered_at": AT, "changed_at": AT, "next_at": AT},
    {"feed": "bike_stations", "state": "failing", "answered_at": AT, "failing_since": AT, "why": "<b>404</b>"},
    {"feed": "prices", "state": "overdue", "next_at": AT},
    {"feed": "calendar", "state": "never asked"},
]


async def test_polled_sources_are_listed(window: Open, shop: Shop) -> None:
    """In both languages, where there are any; what a source says stays text."""
    times = dict.fromkeys(("answered_at", "changed_at", "next_at", "failing_since"))
    polls = [{**times, "why": "", **source} for source in POLLS]
    page = await window(shop.url, before=changed(lambda status: status.update(polls=polls)))
    lines = page.locator("#polls li")
    await expect(lines).to_have_text(
        [
            "weather answered 2 Mar 2026, 12:00:00 · changed 2 Mar 2026, 12:00:00 · next poll 2 Mar 2026, 12:00:00",
            "bike stations fails since 2 Mar 2026, 12:00:00: <b>404</b> · answered 2 Mar 2026, 12:00:00",
            "prices no process asks · next poll 2 Mar 2026, 12:00:00",
            "calendar not asked yet",
        ]
    )
    await page.locator("#language").click()
    await expect(lines.nth(1)).to_contain_text("en échec depuis le 2 mars 2026")
    await page.locator("#language").click()
    await page.unroute_all(behavior="wait")
    await page.evaluate(LOOK)
    await expect(page.locator("#polls")).to_be_hidden()


async def test_sinks_are_listed(window: Open, shop: Shop) -> None:
    """Which generation each holds, how far it is behind, and why."""
    none = {"generation": None, "behind": 0, "behind_since": None, "failing_since": None, "why": ""}
    held = {**none, "sink": "lake", "state": "ok", "generation": 7}
    away = {"sink": "warehouse", "state": "failing", "behind": 3, "behind_since": AT, "failing_since": AT, "why": "<b>"}
    page = await window(shop.url, before=changed(lambda status: status.update(sinks=[held, {**none, **away}])))
    await expect(page.locator("#sinks li")).to_have_text(
        [
            "lake holds generation 7",
            "warehouse holds nothing yet · 3 behind since 2 Mar 2026, 12:00:00 · fails since 2 Mar 2026, 12:00:00: <b>",
        ]
    )


async def test_a_lost_connection_is_told_and_mends_itself(browser: Any, shop: Shop) -> None:
    """The browser itself reports failed requests: no clean console is asked for here."""
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(shop.url)
    await expect(page.locator("#part-orders-tile-orders .big")).not_to_be_empty()
    await context.set_offline(True)
    await page.evaluate(LOOK)
    await expect(page.locator("#pulse")).to_have_text("Connection lost", timeout=60_000)
    await expect(page.locator("#notices")).to_contain_text("does not answer")
    await expect(page.locator("#notices")).to_contain_text("Not reached since")
    await expect(page.locator("#feeds .rate").first).to_have_text(re.compile(r"^\W/min$"))
    await expect(page.locator("#conservation .balance")).to_have_text("")
    await page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=3))
    await expect(page.locator("[data-fact=age]")).to_have_text("as of 3 days ago")  # it grows without an answer
    await expect(page.locator("#part-orders-tile-orders .big")).not_to_be_empty()
    await context.set_offline(False)
    await page.evaluate(LOOK)
    await expect(page.locator("#pulse")).to_have_text("Live", timeout=60_000)
    await context.close()


async def test_no_file_yet(window: Open, tmp_path: Path, chromium: str) -> None:
    with opened(tmp_path / "data") as empty:
        page = await window(empty.url)
        await expect(page.locator("#notices")).to_contain_text("No file has been received yet")
        await expect(page.locator("#notices")).to_contain_text(f"{tmp_path}/data/sources,")
        await expect(page.locator("#part-orders")).to_be_hidden()
        await page.goto("about:blank")


async def test_a_kpi_is_shown_without_those_of_the_orders(window: Open, shop: Shop) -> None:
    """The part of the orders is hidden while they have no rows; each other KPI has its card."""

    async def without_rows(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json={**await answer.json(), "rows": []})

    async def before(page: Page) -> None:
        for name in ("revenue_by_month_and_channel", "orders_by_day_and_channel"):
            await page.route(f"**/api/kpis/{name}?*", without_rows)

    page = await window(shop.url, before=before)
    await expect(page.locator("#kpi-repeat_customers_by_month h3")).to_be_visible()
    await expect(page.locator("#part-orders")).to_be_hidden()
    await expect(page.locator("#kpi-orders_by_day_and_channel")).to_contain_text("Nothing to show")
    await page.unroute_all(behavior="wait")


async def test_without_the_chart_library_the_tables_are_there(browser: Any, shop: Shop) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.route("**/vega.js", lambda route: route.abort())
    await page.goto(shop.url)
    await expect(page.locator("#notices")).to_contain_text("charts could not be drawn")
    await expect(page.locator("#part-orders-orders-by-channel tbody tr")).to_have_count(3)
    await context.close()
