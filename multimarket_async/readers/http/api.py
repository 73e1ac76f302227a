"""The application: its operations, its page, and what stands before them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import FastAPI

from multimarket_async.events import subscribed
from multimarket_async.readers import page
from multimarket_async.readers.http import health, history, kpis, listings, status, stream
from multimarket_async.readers.http.flow import Flow
from multimarket_async.readers.http.generations import Generations
from multimarket_async.readers.http.guard import Guard, Limits
from multimarket_async.readers.http.problems import described, handle_problems
from multimarket_async.readers.http.sources import Sources

DESCRIPTION = """Live numbers of an order stream. Read only.

All KPIs of a generation describe the same orders; `ETag` names the generation, so `If-None-Match` is answered with 304
until there is a newer one. Errors are `application/problem+json`."""


class Api:
    """The ASGI application, and what goes on behind it."""

    def __init__(self, sources: Sources, limits: Limits | None = None) -> None:
        self._flow = Flow(sources)
        self._generations = Generations(sources.store)
        settings = sources.settings
        token = settings.http_token.get_secret_value() if settings.http_token else None
        names = (settings.http_host, *settings.http_allowed_hosts)
        self.asgi = Guard(self._application(sources), token, names, limits, sources.clock.monotonic)

    def _application(self, sources: Sources) -> FastAPI:
        app = FastAPI(
            title="MultiMarket",
            version="1",
            description=DESCRIPTION,
            openapi_url="/api/openapi.json",
            docs_url=None,  # it would load scripts from elsewhere
            redoc_url=None,
            redirect_slashes=False,
        )
        handle_problems(app)
        app.openapi = cache(lambda: described(FastAPI.openapi(app)))  # type: ignore[method-assign]
        app.include_router(history.routes(sources, self._generations))
        app.include_router(kpis.routes(sources, self._generations))
        app.include_router(listings.routes(sources))
        app.include_router(status.routes(sources, self._flow))
        app.include_router(stream.routes(sources))
        app.include_router(health.routes(sources, self._flow))
        app.include_router(page.routes(sources.domains, sources.settings))
        app.mount("/", page.files(), name="page")
        return app

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Watch the flow meanwhile."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._flow.watch()), group.create_task(self._follow())]
            yield
            for task in tasks:
                task.cancel()

    async def _follow(self) -> None:
        """A generation that was published here is known at once."""
        with subscribed() as happened:
            async for event in happened:
                if event.name == "generation.published":
                    self._generations.published()
