"""/api/events: the event bus as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from multimarket_async.events import LOST, PUBLISHED, Subscription, subscribed
from multimarket_async.readers.http.problems import Problem, responses
from multimarket_async.readers.http.sources import Sources

MAX_CLIENTS = 32
RETRY_MS = 2000
DESCRIPTION = f"""Server-sent events, each with the facts of the log line of the same name as JSON:
{", ".join(f"`{name}`" for name in sorted(PUBLISHED))}. `{LOST}`: this client was too slow; `events` is the number of
events it did not get. Comments keep the connection alive. No replay: after a reconnect, ask `/api/status`."""


def routes(sources: Sources) -> APIRouter:
    """One operation."""
    router, clients = APIRouter(tags=["Flow"]), set[Subscription]()

    async def admitted() -> AsyncIterator[Subscription]:
        if len(clients) >= MAX_CLIENTS or sources.stop.is_set():
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients listen already.", {"Retry-After": "5"})
        with subscribed() as subscription:
            clients.add(subscription)
            stopped = asyncio.create_task(sources.stop.wait())
            stopped.add_done_callback(lambda _: subscription.end())
            try:
                yield subscription
            finally:
                clients.discard(subscription)
                stopped.cancel()

    @router.get(
        "/api/events",
        summary="What happens, live",
        description=DESCRIPTION,
        response_class=EventSourceResponse,
        responses=responses(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def events(subscription: Annotated[Subscription, Depends(admitted)]) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(retry=RETRY_MS)
        async for event in subscription:
            at = event.at.isoformat().replace("+00:00", "Z")
            yield ServerSentEvent(event=event.name, data={"at": at, **event.facts})

    return router
