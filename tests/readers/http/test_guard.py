"""The guard before the API: methods, host names, token, limits of a request; headers of every response."""

import json
import time
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from multimarket_async.readers.http import guard, occurrences

TOKEN = "0123456789abcdef-secret"
KPIS = "/api/kpis"


@pytest.fixture
async def guarded(open_shop: Any) -> Any:
    return await open_shop(http_token=TOKEN, http_host="0.0.0.0")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("path", [KPIS, "/", "/api/orders", "/metrics", "/nowhere"])
async def test_nothing_can_be_written(stocked: Any, method: str, path: str) -> None:
    """405, with what is allowed."""
    async with stocked.client() as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json()["detail"] == "Nothing can be written over HTTP."


@pytest.mark.parametrize(
    "path", [KPIS, "/", "/nowhere", "/livez", f"{KPIS}/top_products.csv", f"{KPIS}/top_products?x=1"]
)
async def test_every_answer_has_the_security_headers(stocked: Any, path: str) -> None:
    """Errors have them too; and no answer lets another site read it, or says what serves it."""
    async with stocked.client() as client:
        for answer in (await client.get(path), await client.post(path)):
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert "server" not in answer.headers


@pytest.mark.parametrize("file", ["/main.js", "/page.css"])
async def test_scripts_have_those_that_apply_to_them(stocked: Any, file: str) -> None:
    """The policy of a document is none of theirs, and would be 10 KB of a first visit."""
    async with stocked.client() as client:
        headers = (await client.get(file)).headers
    assert headers["content-type"].partition(";")[0] in ("text/javascript", "text/css")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_another_site_is_given_no_leave(stocked: Any) -> None:
    """A preflight from elsewhere has no answer that a browser would take for a yes."""
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    async with stocked.client() as client:
        answer = await client.options(KPIS, headers=preflight)
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
        assert "content-length" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", [KPIS, "/", f"{KPIS}/top_products.csv", "/nowhere"])
async def test_head_is_get_without_the_body(stocked: Any, path: str) -> None:
    """The same status and length."""
    async with stocked.client() as client:
        whole, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


HOSTS = {
    "127.0.0.1:8000": 200,
    "127.0.0.1": 200,
    "localhost:8000": 200,
    "LOCALHOST": 200,
    "[::1]:8000": 200,
    "evil.example": 421,
    "evil.example:8000": 421,
    "127.0.0.1.evil.example": 421,
    "localhost.evil.example": 421,
    "": 421,
    "localhost@evil.example": 421,
    "[::1": 421,
}


@pytest.mark.parametrize("host", HOSTS)
async def test_a_strangers_name_is_refused(stocked: Any, host: str) -> None:
    """It leads here by DNS rebinding only."""
    async with stocked.client() as client:
        assert (await client.get(KPIS, headers={"Host": host})).status_code == HOSTS[host]


async def test_a_name_of_ours(open_shop: Any) -> None:
    """By setting."""
    shop = await open_shop(http_allowed_hosts=("shop.example",))
    async with shop.client() as client:
        assert (await client.get(KPIS, headers={"Host": "Shop.example:80"})).status_code == 200


async def test_two_hosts_are_none(stocked: Any) -> None:
    """A proxy and we might each believe another one."""
    headers = [("Host", "localhost"), ("Host", "localhost")]
    async with stocked.client() as client:
        assert (await client.get(KPIS, headers=headers)).status_code == 421


# --- The token --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Cookie": f"multimarket={TOKEN}"}]
)
async def test_without_the_token_nothing_is_told(guarded: Any, shown: dict[str, str]) -> None:
    """Not even which pages there are."""
    async with guarded.client(**shown) as client:
        for path in (KPIS, "/", "/metrics", "/readyz", "/api/events", "/api/openapi.json", "/nowhere"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="multimarket"')
            assert TOKEN not in answer.text


async def test_with_the_token(guarded: Any) -> None:
    """In the header; that the process lives needs none."""
    async with guarded.client(Authorization=f"Bearer {TOKEN}") as client:
        assert (await client.get(KPIS)).status_code == 200
    async with guarded.client() as client:
        assert (await client.get("/livez")).status_code == 200


async def test_a_browser_shows_it_once(guarded: Any) -> None:
    """In the address, which is left at once; from then on a cookie that no script reads and that is not the token."""
    async with guarded.client() as client:
        answer = await client.get(f"{KPIS}/top_products.csv?token={TOKEN}&product=x")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{KPIS}/top_products.csv?product=x")
        cookie = answer.headers["set-cookie"]
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
        assert TOKEN not in cookie
        assert (await client.get(KPIS)).status_code == 200  # the client kept the cookie
        assert (await client.get(f"{KPIS}?token=wrong")).status_code in (200, 422)
    async with guarded.client() as client:
        assert (await client.get(f"/?token={TOKEN}x")).status_code == 401
        assert (await client.get(f"/?token={TOKEN}&token={TOKEN}")).status_code == 401


@pytest.mark.parametrize("path", ["//evil.example/", "/%5Cevil.example/", "/%0d%0aSet-Cookie:x=1", "/%C3%A9"])
async def test_the_way_back_leads_nowhere_else(guarded: Any, path: str) -> None:
    """The redirect stays on this server, in one header."""
    url = httpx.URL("http://127.0.0.1:8000", raw_path=f"{path}?token={TOKEN}".encode())
    async with guarded.client() as client:
        answer = await client.send(client.build_request("GET", url))
    assert answer.status_code == 303
    assert answer.headers["location"][0] == "/"
    assert answer.headers["location"][1:2] not in ("/", "\\")
    assert "\n" not in answer.headers["location"]


# --- Limits -----------------------------------------------------------------------------------


async def test_a_long_address_is_refused(stocked: Any) -> None:
    """Before it is read."""
    async with stocked.client() as client:
        assert (await client.get(f"{KPIS}?x={'x' * 5000}")).status_code == 414


async def test_a_request_has_no_body(stocked: Any) -> None:
    """However it is announced."""
    async with stocked.client() as client:
        assert (await client.request("GET", KPIS, content=b"x")).status_code == 413
        assert (await client.request("GET", KPIS, headers={"Transfer-Encoding": "chunked"})).status_code == 413


async def test_wrong_tokens_are_logged_once_a_minute_with_their_number(guarded: Any, monkeypatch: Any) -> None:
    """A request without any token is no attempt."""
    with capture_logs() as logs:
        async with guarded.client() as client:
            await client.get(KPIS)
            for wrong in ({"Authorization": "Bearer x"}, {"Cookie": "multimarket=x"}, {"Authorization": "Basic x"}):
                await client.get(KPIS, headers=wrong)
            monkeypatch.setattr(occurrences, "monotonic", lambda: time.monotonic() + 60)
            await client.get(f"{KPIS}?token=x")
    refused = [(entry["address"], entry["attempts"]) for entry in logs if entry["event"] == "token.refused"]
    assert refused == [("127.0.0.1", 1), ("127.0.0.1", 3)]


async def test_addresses_of_attempts_do_not_pile_up(monkeypatch: Any) -> None:
    monkeypatch.setattr(occurrences, "MOST_KEYS", 2)
    attempts = occurrences.Occurrences()
    assert [attempts.count(key) for key in ("a", "b", "a", "c", "b", "c")] == [1, 1, 0, 1, 1, 0]


async def test_when_too_many_are_answered_those_who_watch_are_answered_still(stocked: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(guard, "MOST_REQUESTS", 0)
    async with stocked.client() as client:
        answers = [await client.get(path) for path in (KPIS, "/", "/livez", "/readyz")]
    assert [answer.status_code for answer in answers] == [503, 503, 200, 200]
    assert answers[0].headers["retry-after"] == "2"


async def test_a_mistake_of_ours_is_logged_once_a_minute(stocked: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("multimarket_async.readers.http.kpis._described", lambda *_: 1 / 0)
    with capture_logs() as logs:
        async with stocked.client() as client:
            for _ in range(3):
                assert (await client.get(KPIS)).status_code == 500
    failed = [entry for entry in logs if entry["event"] == "request.failed"]
    assert [(entry["path"], entry["times"], type(entry["exc_info"])) for entry in failed] == [
        (KPIS, 1, ZeroDivisionError)
    ]


@pytest.mark.slow
async def test_a_mistake_of_ours_tells_nothing_of_our_inside(stocked: Any, monkeypatch: Any) -> None:
    """500 as a problem; the log has the rest."""
    monkeypatch.setattr("multimarket_async.readers.http.kpis._described", lambda _: 1 / 0)
    async with stocked.client() as client:
        answer = await client.get(KPIS)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["content-security-policy"]
    assert json.loads(answer.text)["detail"] == "An error in the server; the log has it."
