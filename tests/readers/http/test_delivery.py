"""Answers are compressed or sent in part where a client asks for it, and addresses need not be written just so."""

import httpx
import pytest

CSV = "/api/kpis/products_by_month.csv"


@pytest.mark.parametrize(
    "path", [f"{CSV}?_=1764400000", f"{CSV}/", f"{CSV}/?nocache=1&cb=2", "/api/kpis/products_by_month.csv?_t="]
)
async def test_what_keeps_caches_away_is_no_parameter(stocked_client: httpx.AsyncClient, path: str) -> None:
    assert (await stocked_client.get(path)).content == (await stocked_client.get(CSV)).content


@pytest.mark.parametrize("path", ["/api/kpis/", "/api/status/", "/api/orders/?limit=1&_=3"])
async def test_a_slash_at_the_end(stocked_client: httpx.AsyncClient, path: str) -> None:
    assert (await stocked_client.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/api/kpis/products_by_month", CSV, "/main.js", "/page.css", "/api/kpis"])
async def test_texts_are_compressed_for_those_who_ask(stocked_client: httpx.AsyncClient, path: str) -> None:
    """The same text, and a cache hears that there are two."""
    plain = await stocked_client.get(path, headers={"Accept-Encoding": "identity"})
    packed = await stocked_client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-3", slice(0, 4)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-8", slice(-8, None)),
        ("bytes=5-999999999", slice(5, None)),
        ("bytes=-999999999", slice(0, None)),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "csv", "xlsx"])
async def test_a_part_of_a_file(stocked_client: httpx.AsyncClient, ending: str, asked: str, part: slice) -> None:
    """As Polars and DuckDB read them over HTTP: first the length, then the end."""
    path = f"/api/kpis/top_products.{ending}"
    whole = (await stocked_client.get(path)).content
    head = await stocked_client.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.headers["accept-ranges"], len(whole[part])) == ("bytes", len(whole[part]))
    found = await stocked_client.get(path, headers={"Range": asked})
    assert found.content == whole[part]
    assert (found.status_code, found.headers["content-range"].rpartition("/")[2]) == (
        206,
        head.headers["content-length"],
    )


async def test_no_part_of_a_file(stocked_client: httpx.AsyncClient) -> None:
    """Beyond its end there is nothing; several ranges, or those of another generation, give the whole."""
    beyond = await stocked_client.get(CSV, headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.content, beyond.headers["content-range"][:8]) == (416, b"", "bytes */")
    for headers in ({"Range": "bytes=0-1,3-4"}, {"Range": "bytes=0-1", "If-Range": '"old"'}, {"Range": "lines=1-2"}):
        assert (await stocked_client.get(CSV, headers=headers)).status_code == 200
