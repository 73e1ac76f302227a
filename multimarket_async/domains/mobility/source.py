"""The two APIs as sources: a dataset of Opendatasoft (Explore v2.1), read whole, and the weather of a provider."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import from_json, to_json

from multimarket_async.domains import Answer, Http, Incomplete, Poll, Refused
from multimarket_async.domains.mobility.instants import as_key, to_ms
from multimarket_async.domains.mobility.settings import MobilitySettings

PAGE, MOST_BY_PAGES, ROUNDS = 100, 10_000, 3
ORDER = {"order_by": "id_pdc"}
HTTP_OK = 200
# The parts of an answer that differ each time and mean nothing, with a comma before or behind them.
_KEYS = rb'"(?:generationtime_ms"\s*:\s*[0-9.eE+-]+|request_key"\s*:\s*"[^"\\]*")'
MEANINGLESS = re.compile(_KEYS + rb"\s*,\s*|,\s*" + _KEYS + rb"(?=\s*})")
PATHS = {"open-meteo": "/v1/forecast", "infoclimat": "/public-api/gfs/json", "openweather": "/data/2.5/weather"}
HOURLY = (
    "temperature_2m", "relative_humidity_2m", "precipitation", "pressure_msl", "wind_speed_10m", "wind_gusts_10m",
    "wind_direction_10m",
)  # fmt: skip
# Of Open-Meteo's reasons, how long it wants to rest.
RESTS = {"Minutely": timedelta(minutes=1), "Hourly": timedelta(hours=1), "Daily": timedelta(days=1)}


def poll(feed: str, settings: MobilitySettings) -> Poll | None:
    """The poll of a feed; None without the address of its API."""
    statuses = feed == "mobility_statuses"
    address = settings.points_url if statuses else settings.weather_url
    every_s = settings.points_every if statuses else settings.weather_every
    fetch = partial(_points if statuses else _weather, settings)
    return Poll(every_s, fetch, settings.schedule, settings.timezone) if address else None


def _told(name: str, content: bytes, now: datetime, saved: dict[str, Any]) -> Answer:
    """The answer; one that is the same again as a mark that says so: what was seen then is seen now."""
    digest = sha256(content).hexdigest()
    if saved.get("digest") == digest:
        return Answer(f"same-{name}", to_json({"same_as": saved["at"], "at": as_key(to_ms(now))}))
    saved.update(digest=digest, at=as_key(to_ms(now)))
    return Answer(name, content)


async def _points(
    settings: MobilitySettings, http: Http, now: datetime, saved: dict[str, Any]
) -> AsyncIterator[Answer]:
    """All points in one file. Where pages shift while they are read, they are read again, and then as an export."""
    dataset, found = Dataset(http, settings.points_url, now), dict[bytes, dict[str, Any]]()
    incomplete = await _gather(dataset, found)
    if not found:
        raise Refused("/records answers without a point")
    records = [found[text] for text in sorted(found, key=lambda text: (str(found[text].get("id_pdc")), text))]
    yield _told("points.json", to_json({"total_count": len(records), "results": records}), now, saved)
    if incomplete:
        raise incomplete


async def _gather(dataset: "Dataset", found: dict[bytes, dict[str, Any]]) -> Incomplete | None:
    """Add all points to those that were found; the reason why some may be missing. Raises Refused."""
    for _ in range(ROUNDS):
        pages = await dataset.paged()
        found |= pages.records
        if pages.total > MOST_BY_PAGES:
            found |= await dataset.exported()
            return None
        if pages.is_whole:
            return None
    try:
        found |= await dataset.exported()
    except Refused as why:
        return Incomplete(f"the pages shifted while they were read, {ROUNDS} times, and there is no export: {why}")
    return None


class Pages(NamedTuple):
    """The records of all pages, by their text. totals: numbers of points that the pages say that there are."""

    totals: set[int]
    records: dict[bytes, dict[str, Any]]

    @property
    def total(self) -> int:
        """The largest of these numbers."""
        return max(self.totals, default=0)

    @property
    def is_whole(self) -> bool:
        """True if the number stayed, and so many different points were found."""
        return self.totals == {len({str(record.get("id_pdc")) for record in self.records.values()})}


class Dataset:
    """A dataset at its address. A record is known by its text: one that comes on two pages is there once."""

    def __init__(self, http: Http, address: str, now: datetime) -> None:
        self._http, self._address, self._now = http, address, now

    async def paged(self) -> Pages:
        """All pages; of too many points for these, the first page only."""
        pages, offset, total = Pages(set(), {}), 0, 1
        while offset < total <= MOST_BY_PAGES:
            tree = await self._asked("/records", {"limit": PAGE, "offset": offset, **ORDER})
            records, count = (tree.get(name) for name in ("results", "total_count"))
            if not isinstance(records, list) or not isinstance(count, int):
                raise Refused("/records answers without results and total_count")
            pages.records.update(_by_text(records))
            pages.totals.add(count)
            total, offset = count, offset + PAGE
        return pages

    async def exported(self) -> dict[bytes, dict[str, Any]]:
        """All points in one answer."""
        tree = await self._asked("/exports/json", ORDER)
        if not isinstance(tree, list):
            raise Refused("/exports/json answers with no list")
        return _by_text(tree)

    async def _asked(self, path: str, params: dict[str, Any]) -> Any:
        try:
            tree = from_json(await self._http.get(self._address + path, params=params))
        except Refused as refused:
            raise _explained(refused, path, self._now) from None
        if path == "/records" and not isinstance(tree, dict):
            raise Refused(f"{path} answers with no object")
        if isinstance(tree, dict) and ("error_code" in tree or "errorcode" in tree):
            raise Refused(f"{path} answers with an error: {_said(tree)}", until=_reset(tree))
        return tree


def _by_text(records: list[Any]) -> dict[bytes, dict[str, Any]]:
    return {to_json(record): record for record in records if isinstance(record, dict)}


def _explained(refused: Refused, path: str, now: datetime) -> Refused:
    """The refusal with what the API says: a sentence, and when it answers again."""
    tree = _tree(refused.content)
    said = _said(tree)
    rest = next((now + pause for word, pause in RESTS.items() if said.startswith(word)), None)
    sentence = f"{refused} ({path})" + (f": {said}" if said else "")
    content = refused.content
    if b"Streaming interrupted" in content:
        sentence = f"{path} was interrupted: {content[content.index(b'Streaming') :][:200].decode(errors='replace')}"
    until = refused.until or _reset(tree) or rest
    return Refused(sentence, status=refused.status, content=content, until=until)


def _tree(content: bytes) -> dict[str, Any]:
    try:
        tree = from_json(content)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _said(tree: dict[str, Any]) -> str:
    said = next((tree[name] for name in ("message", "reason", "error") if isinstance(tree.get(name), str)), "")
    return str(said)[:200]


def _reset(tree: dict[str, Any]) -> datetime | None:
    """The time from which a quota is not used up any more."""
    try:
        at = datetime.fromisoformat(str(tree.get("reset_time", "")))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _weather(
    settings: MobilitySettings, http: Http, now: datetime, saved: dict[str, Any]
) -> AsyncIterator[Answer]:
    provider = settings.weather_provider
    path = "" if urlsplit(settings.weather_url).path else PATHS[provider]
    try:
        body = await http.get(settings.weather_url + path, params=QUERIES[provider](settings))
    except Refused as refused:
        raise _explained(refused, urlsplit(settings.weather_url + path).path, now) from None
    tree = _tree(body)
    failed = tree.get("request_state", HTTP_OK) != HTTP_OK or str(tree.get("cod", HTTP_OK)) != str(HTTP_OK)
    if not tree or failed or tree.get("error"):
        raise Refused(f"{provider} answers with an error: {_said(tree) or 'no object'}")
    yield _told(f"{provider}.json", MEANINGLESS.sub(b"", body), now, saved)


def _open_meteo(settings: MobilitySettings) -> dict[str, Any]:
    place = {"latitude": settings.latitude, "longitude": settings.longitude}
    return {**place, "hourly": ",".join(HOURLY), "timeformat": "unixtime", "past_days": 1, "forecast_days": 7}


def _infoclimat(settings: MobilitySettings) -> dict[str, Any]:
    keys = (settings.api_key.get_secret_value() if settings.api_key else "").split()
    given = {name: SecretStr(key) for name, key in zip(("_auth", "_c"), keys, strict=False)}
    return {"_ll": f"{settings.latitude},{settings.longitude}", **given}


def _openweather(settings: MobilitySettings) -> dict[str, Any]:
    key = {"appid": settings.api_key} if settings.api_key else {}
    return {"lat": settings.latitude, "lon": settings.longitude, **key}


QUERIES: dict[str, Callable[[MobilitySettings], dict[str, Any]]] = {
    "open-meteo": _open_meteo, "infoclimat": _infoclimat, "openweather": _openweather,
}  # fmt: skip
