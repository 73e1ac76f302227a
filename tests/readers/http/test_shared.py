"""Answers that are the same for all: made once in half a second, and never for another request."""

import asyncio
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

from multimarket_async.readers.http import shared
from multimarket_async.readers.http.shared import Shared


class Counting:
    """An application whose answers have their number; `answer` makes one of it."""

    def __init__(self, answer: Any = Response) -> None:
        self.made = 0
        self.answer = answer
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.made += 1
        answer = self.answer(str(self.made))
        await self.may_end.wait()
        await answer(scope, receive, send)


async def get(app: Any, path: str = "/x", query: str = "", **headers: str) -> str:
    """The body of an answer."""
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
    }
    await app({**scope, "headers": Headers(headers).raw}, None, send)
    return b"".join(message.get("body", b"") for message in sent).decode()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The time, as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(shared, "monotonic", lambda: now[0])
    return now


async def test_an_answer_is_made_once_in_half_a_second(clock: Any) -> None:
    app = Shared(Counting())
    assert [await get(app), await get(app)] == ["1", "1"]
    clock[0] += shared.SHARED_FOR_S
    assert [await get(app), await get(app)] == ["2", "2"]


async def test_each_address_and_each_form_has_its_own(clock: Any) -> None:
    """Compressed, in part, as text, or not at all because the client has it."""
    app = Shared(Counting())
    asked: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("/x",), {}),
        (("/y",), {}),
        (("/x", "a=1"), {}),
        *((("/x",), {name.decode(): "1"}) for name in shared.NEGOTIATED),
    ]
    for number, (address, headers) in enumerate(asked, 1):
        assert await get(app, *address, **headers) == str(number)
    assert await get(app, "/x", Cookie="c=1") == "1"


async def test_nothing_old_is_sent_after_it_expired(clock: Any) -> None:
    """Nor what was being made at that time."""
    counting = Counting()
    app = Shared(counting)
    counting.may_end.clear()
    before = asyncio.create_task(get(app))
    await asyncio.sleep(0)
    app.expire()
    counting.may_end.set()
    assert (await before, await get(app)) == ("1", "2")


async def streamed(text: str) -> Any:
    yield text
    yield text


@pytest.mark.parametrize(
    "answer",
    [
        lambda text: Response(text, 500),
        lambda text: Response(text, headers={"Cache-Control": "no-store"}),
        lambda text: Response(text * (shared.MOST_BYTES + 1)),
        lambda text: StreamingResponse(streamed(text)),
    ],
    ids=["fault", "logged", "large", "pieces"],
)
async def test_what_is_not_shared(clock: Any, answer: Any) -> None:
    """Each request has an answer of its own."""
    app = Shared(Counting(answer))
    assert [(await get(app))[0] for _ in range(2)] == ["1", "2"]


async def test_so_many_are_kept(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks for a thousand addresses fills no memory."""
    monkeypatch.setattr(shared, "MOST_ANSWERS", 2)
    app = Shared(Counting())
    assert [await get(app, path) for path in ("/a", "/b", "/c", "/a", "/c")] == ["1", "2", "3", "4", "3"]
