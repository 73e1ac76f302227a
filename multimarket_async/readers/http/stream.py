"""/api/events: what happens, as it happens (server-sent events)."""

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from multimarket_async.events import LOST, Event, Subscription
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources

MOST_CLIENTS = 32
HEARTBEAT_S = 10.0
RETRY_MS = 2000
TOLD = frozenset({"batch.collected", "file.delivered", "file.quarantined", "generation.published", LOST})
DESCRIPTION = f"""Server-sent events, each with the facts of the log line of the same name as JSON:
`generation.published`, `batch.collected`, `file.quarantined`, `file.received`; `{LOST}` where this client was too slow
(`events`: how many it did not get). A comment every {HEARTBEAT_S:.0f} s keeps the connection. No replay: after a
reconnect, ask `/api/status`."""


def routes(sources: Sources) -> APIRouter:
    """One operation."""
    router, clients = APIRouter(tags=["Flow"]), set[Subscription]()
    stream = {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}

    @router.get(
        "/api/events",
        summary="What happens, live",
        description=DESCRIPTION,
        response_class=StreamingResponse,
        responses={200: stream, **responses(HTTPStatus.SERVICE_UNAVAILABLE)},
    )
    async def events() -> StreamingResponse:
        if len(clients) >= MOST_CLIENTS or sources.stop.is_set():
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients listen already.", {"Retry-After": "5"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(sources, clients), media_type="text/event-stream", headers=headers)

    return router


async def _stream(sources: Sources, clients: set[Subscription]) -> AsyncIterator[bytes]:
    with sources.events.subscribed() as subscription:
        clients.add(subscription)
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            async for event in _until_stopped(subscription, sources.stop):
                yield _encoded(event)
        finally:
            clients.discard(subscription)


async def _until_stopped(subscription: Subscription, stop: asyncio.Event) -> AsyncIterator[Event | None]:
    """The events, and None as a heartbeat."""
    stopped = asyncio.ensure_future(stop.wait())
    events = aiter(subscription)
    coming = asyncio.ensure_future(anext(events))
    try:
        while not stopped.done():
            await asyncio.wait({coming, stopped}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                yield None
                continue
            event = coming.result()
            coming = asyncio.ensure_future(anext(events))
            if event.name in TOLD:
                yield event
    finally:
        stopped.cancel()
        coming.cancel()


def _encoded(event: Event | None) -> bytes:
    if event is None:
        return b": still here\n\n"
    data = json.dumps({"at": event.at.isoformat().replace("+00:00", "Z"), **event.facts}, default=str)
    return f"event: {event.name}\ndata: {data}\n\n".encode()
