"""The simulated city as the APIs that mobility polls: Opendatasoft's records and exports, and three kinds of weather.

`POST /faults/<name>?times=2` injects a fault into the next answers; `GET /faults` lists those that there are.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic_core import to_json

from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.domains.mobility.simulator.city import City

LARGEST_PAGE, LARGEST_SUM = 100, 10_000
DATASET = "/api/explore/v2.1/catalog/datasets/{dataset}"
QUOTA_S = 3600
# Before the clocks of Paris are set back: 2:30, for the first time.
CLOCK_CHANGE = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
INTERRUPTED = b"Streaming interrupted due to the following error: timeout (error_code: InternalError)"


class Faults:
    """Faults that are injected into the next answers, by name, and how many answers each is still injected into."""

    NAMES = ("quota", "error", "half", "html", "shifting", "clock-change", "empty", "interrupted")

    def __init__(self) -> None:
        self.left = Counter[str]()

    def takes(self, name: str) -> bool:
        """True if this answer has the fault; it is counted."""
        if self.left[name] <= 0:
            return False
        self.left[name] -= 1
        return True


class Service:
    """The answers of the city as it is now."""

    def __init__(self, seed: int, settings: MobilitySettings, now: Callable[[], datetime]) -> None:
        self.city = City(seed, settings.simulated_points, ZoneInfo(settings.local_timezone))
        self.faults, self._now = Faults(), now

    def at(self) -> datetime:
        """The time that it answers for."""
        return CLOCK_CHANGE if self.faults.takes("clock-change") else self._now()

    def records(self) -> list[dict[str, Any]]:
        """All points; in another order each time, where pages shift."""
        if self.faults.takes("empty"):
            return []
        records = self.city.records(self.at())
        turn = self.faults.left["shifting"] * 7 if self.faults.takes("shifting") else 0
        return records[turn:] + records[:turn]


def service(seed: int, settings: MobilitySettings, now: Callable[[], datetime]) -> FastAPI:
    """The ASGI application."""
    app, of = FastAPI(docs_url=None, redoc_url=None, openapi_url=None), Service(seed, settings, now)
    for add in (_add_faults, _add_points, _add_weather):
        add(app, of)
    return app


def _add_faults(app: FastAPI, of: Service) -> None:
    @app.get("/faults")
    def listed() -> dict[str, int]:
        return {name: of.faults.left[name] for name in Faults.NAMES}

    @app.post("/faults/{name}")
    def inject(name: str, times: Annotated[int, Query(ge=0)] = 1) -> Response:
        if name not in Faults.NAMES:
            return JSONResponse({"error": f"There is no fault {name}: {', '.join(Faults.NAMES)}"}, HTTPStatus.NOT_FOUND)
        of.faults.left[name] = times
        return JSONResponse(listed())

    @app.middleware("http")
    async def faulty(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path.startswith("/faults"):
            return await answer(request)
        return _failed(of.faults) or await _cut(of.faults, await answer(request))


def _failed(faults: Faults) -> Response | None:
    """An answer that is an error, where one is to be injected."""
    if faults.takes("quota"):
        reset = datetime.now(UTC) + timedelta(seconds=QUOTA_S)
        said = "Too many requests on the domain. Please contact the domain administrator."
        body = {"errorcode": 10002, "reset_time": f"{reset:%Y-%m-%dT%H:%M:%SZ}", "limit_time_unit": "day",
                "call_limit": 10000, "error": said}  # fmt: skip
        return JSONResponse(body, HTTPStatus.TOO_MANY_REQUESTS)
    if faults.takes("error"):
        return JSONResponse({"error_code": "InternalError", "message": "Oops"}, HTTPStatus.INTERNAL_SERVER_ERROR)
    return HTMLResponse("<html><body>Maintenance</body></html>") if faults.takes("html") else None


async def _cut(faults: Faults, whole: Any) -> Response:
    """The answer, or its first half, or one that ends in a sentence."""
    half, interrupted = faults.takes("half"), faults.takes("interrupted")
    if not (half or interrupted):
        return whole  # type: ignore[no-any-return]
    body = b"".join([part async for part in whole.body_iterator])
    return Response(body[: len(body) // 2] + (INTERRUPTED if interrupted else b""), media_type="application/json")


def _add_points(app: FastAPI, of: Service) -> None:
    @app.get(DATASET + "/records")
    def records(dataset: str, limit: int = 10, offset: int = 0) -> Response:  # noqa: ARG001 - of the address
        if not -1 <= limit <= LARGEST_PAGE:
            return _wrong(
                f"Invalid value for limit API parameter: {limit} was found but -1 <= limit <= 100 is expected."
            )
        if offset < 0 or offset + limit > LARGEST_SUM:
            return _wrong("Invalid value for sum of offset + limit API parameter: at most 10000 is expected.")
        found = of.records()
        page = found[offset : offset + (LARGEST_PAGE if limit == -1 else limit)]
        return _json({"total_count": len(found), "results": page})

    @app.get(DATASET + "/exports/json")
    def exports(dataset: str) -> Response:  # noqa: ARG001 - of the address
        return _json(of.records())


def _add_weather(app: FastAPI, of: Service) -> None:
    @app.get("/public-api/gfs/json")
    def infoclimat() -> Response:
        return _json(of.city.infoclimat(of.at()))

    @app.get("/data/2.5/weather")
    def openweather() -> Response:
        return _json(of.city.openweather(of.at()))

    @app.get("/v1/forecast")
    def open_meteo() -> Response:
        return _json(of.city.open_meteo(of.at()))


def _json(answer: Any) -> Response:
    return Response(to_json(answer), media_type="application/json")


def _wrong(message: str) -> Response:
    return JSONResponse({"error_code": "InvalidRESTParameterError", "message": message}, HTTPStatus.BAD_REQUEST)
