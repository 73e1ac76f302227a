"""The ASGI application: API, page and guard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from math import inf

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from multimarket_async import generations
from multimarket_async.events import subscribed
from multimarket_async.readers import documents, page
from multimarket_async.readers.http import health, kpis, listings, lookups, status, stream
from multimarket_async.readers.http.cache import Fresh
from multimarket_async.readers.http.delivery import delivered
from multimarket_async.readers.http.flow import Flow
from multimarket_async.readers.http.guard import Guard, busy
from multimarket_async.readers.http.problems import described, handle_problems
from multimarket_async.readers.http.share import Share
from multimarket_async.readers.http.shared import Shared
from multimarket_async.readers.http.sources import Sources

NEWEST_EVERY_S = 1.0  # another process may publish: its events are not heard here
DESCRIPTION = """Live numbers of a stream of documents. Read only.

All KPIs of a generation describe the same documents. `ETag` names the generation: `If-None-Match` is answered with 304
until there is a newer one. Errors are `application/problem+json`."""


class Api:
    """The ASGI application and its background tasks."""

    def __init__(self, sources: Sources) -> None:
        self._flow = Flow(sources)
        self._newest = Fresh(lambda: generations.generation(sources.store), NEWEST_EVERY_S)
        settings = sources.settings
        token = settings.http_token.get_secret_value() if settings.http_token else None
        hosts = (settings.http_host, *settings.http_allowed_hosts)
        self._shared = Shared(delivered(self._application(sources)))
        self.asgi = Share(Guard(self._shared, token, hosts), busy)

    def _application(self, sources: Sources) -> FastAPI:
        app = FastAPI(
            title="MultiMarket",
            version="1",
            description=DESCRIPTION,
            openapi_url=None,  # FastAPI would make the document in the event loop, which takes seconds
            docs_url=None,  # it would load scripts from a CDN
            redoc_url=None,
            redirect_slashes=False,
        )
        handle_problems(app)
        app.openapi = cache(lambda: described(FastAPI.openapi(app)))  # type: ignore[method-assign]
        document = Fresh(lambda: asyncio.to_thread(lambda: JSONResponse(app.openapi())), inf)

        @app.get("/api/openapi.json", include_in_schema=False)
        async def openapi() -> Response:
            return await document.get()

        app.include_router(kpis.routes(sources, self._newest))
        app.include_router(listings.routes(sources))
        app.include_router(lookups.routes(sources))
        app.include_router(status.routes(sources, self._flow))
        app.include_router(stream.routes(sources))
        app.include_router(health.routes(sources, self._flow))
        app.include_router(documents.routes())
        app.include_router(page.routes(sources.domains, sources.settings))
        app.mount("/", page.files(), name="page")
        return app

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Run the background tasks meanwhile."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._flow.watch()), group.create_task(self._follow())]
            yield
            for task in tasks:
                task.cancel()

    def expire(self) -> None:
        """Answer with what is stored now."""
        self._newest.expire()
        self._shared.expire()

    async def _follow(self) -> None:
        """Read the newest generation anew as soon as this process has published one."""
        with subscribed() as events:
            async for event in events:
                if event.name == "generation.published":
                    self.expire()
