"""The report in a real browser: accessible, whole on a phone and on paper, and the text of an order stays text."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe

from multimarket_async.readers.report import FRENCH
from multimarket_async.readers.report.report import MOST_ROWS
from tests.browser.conftest import Open
from tests.readers.test_report import HOSTILE, large_shop, sold, written

pytestmark = pytest.mark.slow

LOOKS: dict[str, dict[str, Any]] = {"desktop": {}, "phone": {"viewport": {"width": 360, "height": 740}}}


@pytest.fixture
def report_url(tmp_path: Path) -> str:
    """A few rows of everything, some of them folded, and a product with a hostile name."""
    few = {name: rows[: MOST_ROWS + 1] for name, rows in large_shop()}
    return _file(tmp_path, {**few, **sold(HOSTILE, 100)})


def _file(folder: Path, rows: dict[str, Any]) -> str:
    (folder / "report.html").write_text(written(rows, FRENCH), "utf-8")
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_no_fault_and_nothing_overflows(window: Open, report_url: str, look: str) -> None:
    page = await window(report_url, **LOOKS[look])
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = (await Axe().run(page)).response["violations"]
    assert [(match["id"], [node["html"][:200] for node in match["nodes"]]) for match in found] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_text_of_an_order_stays_text(window: Open, report_url: str) -> None:
    """The window fails the test on any script, dialog or request that the policy had to stop."""
    page = await window(report_url)
    assert await page.locator("td", has_text=HOSTILE).count() == 1
    assert await page.locator("img, script").count() == 0


async def test_paper_has_every_chart_and_no_more_pages_than_needed(window: Open, tmp_path: Path) -> None:
    """Long tables are printed only if they were opened."""
    page = await window(_file(tmp_path, dict(large_shop())))
    closed = await page.pdf(format="A4", prefer_css_page_size=True)
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    opened = await page.pdf(format="A4", prefer_css_page_size=True)
    assert _pages(closed) <= 12 < _pages(opened)


def _pages(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n") or pdf.count(b"/Type /Page ") or pdf.count(b"/Type/Page/")
