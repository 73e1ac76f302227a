"""The documents at /docs/, as the page serves them."""

import re
from pathlib import Path

import httpx

import multimarket_async

PAGES = sorted(Path(multimarket_async.__file__).with_name("docs").glob("*.md"))


async def test_every_document_is_a_page_whose_links_lead_to_pages_and_headings(
    stocked_client: httpx.AsyncClient,
) -> None:
    """With no style of an element and nothing from elsewhere, as the policy of the page has it."""
    texts = {page.stem: (await stocked_client.get(f"/docs/{page.stem}")).text for page in PAGES}
    for name, text in texts.items():
        assert "<!--" not in text
        assert not re.search(r"style=|<script|src=.https?:", text.replace("<code>", "")), name
        for target, anchor in re.findall(r'<a href="([a-z]*)(?:#([^"]*))?"', text):
            assert not anchor or f'id="{anchor}"' in texts[target or name], (name, target, anchor)
            assert not target or target in texts, (name, target)
        for picture in re.findall(r'<img src="([^"]*)"', text):
            assert (await stocked_client.get(f"/docs/{picture}")).status_code == 200, picture


async def test_the_contents_are_at_docs_and_nothing_else_is_served(stocked_client: httpx.AsyncClient) -> None:
    """An address names one of the documents, or nothing."""
    contents = await stocked_client.get("/docs/")
    assert contents.headers["content-type"] == "text/html; charset=utf-8"
    assert '<a href="bi">Connect a BI tool</a>' in contents.text
    again = await stocked_client.get("/docs/", headers={"If-None-Match": contents.headers["etag"]})
    assert again.status_code == 304
    moved = await stocked_client.get("/docs")
    assert (moved.status_code, moved.headers["location"]) == (308, "docs/")
    for nowhere in ("none", "..%2f__init__.py", "%2e%2e%2fdocs%2fbi", "bi.md", "../docs.svg", "x.svg"):
        assert (await stocked_client.get(f"/docs/{nowhere}")).status_code == 404, nowhere


async def test_html_in_a_document_is_text(stocked_client: httpx.AsyncClient) -> None:
    """Placeholders such as <name> are seen, not run."""
    assert "kpi_&lt;name&gt;" in (await stocked_client.get("/docs/bi")).text
