"""The API of RetailInsights as a source: asked by date and store, also for days that may still get late data."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from multimarket_async.domains import Answer, Http, Incomplete, Poll, Refused
from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.errors import Unavailable

Records: TypeAlias = list[dict[str, Any]]
ASKED = "asked_until"  # in the saved state: the last day that was asked for
# By feed: the path of a list of everything; or the path of a store's day, and the name of its date there.
LISTS = {"retail_stores": "stores", "retail_products": "products", "retail_clients": "clients"}
DAYS = {"retail_footfall": ("retail_data/store", "date"), "retail_sales": ("sales", "sale_date")}


def poll(feed: str, settings: RetailSettings) -> Poll | None:
    """The poll of a feed; None without the address of an API."""
    if not settings.api_url:
        return None
    fetch = partial(_list, LISTS[feed]) if feed in LISTS else partial(_days, DAYS[feed])
    return Poll(settings.poll_every_s, partial(fetch, settings), settings.schedule, settings.timezone)


async def _list(
    path: str, settings: RetailSettings, http: Http, _: datetime, __: dict[str, Any]
) -> AsyncIterator[Answer]:
    """All of a list, in one file, as it replaces the one before; an error is none."""
    pages = [page async for page in _pages(http, settings, path, {})]
    if not pages:
        raise Refused(f"/{path} answers without a record")
    whole = [record for _, body in pages for record in _records(body, path)]
    yield Answer(_name(path, 0), pages[0][1] if len(pages) == 1 else to_json(whole))


async def _days(
    of: tuple[str, str], settings: RetailSettings, http: Http, now: datetime, saved: dict[str, Any]
) -> AsyncIterator[Answer]:
    """Every store's day of the window, and of those that were not asked for yet; one that fails keeps no other."""
    path, dated = of
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    stores = _records(await http.get(f"{settings.api_url}/stores"), "stores")
    failed: list[Unavailable] = []
    for day in _asked(settings, saved, today):
        for store in (str(store["id"]) for store in stores):
            try:
                pages = [page async for page in _pages(http, settings, path, {dated: f"{day}", "store_id": store})]
            except Unavailable as why:
                failed.append(why)
                continue
            for number, body in pages:
                yield Answer(_name(f"{path}_{day}_{store}", number), body)
    if failed:
        raise Incomplete(f"{len(failed)} days of stores were not answered; the first: {failed[0]}")
    saved[ASKED] = f"{today}"


def _asked(settings: RetailSettings, saved: dict[str, Any], today: date) -> Sequence[date]:
    window = today - timedelta(days=settings.late_days)
    begins = min(window, settings.api_since or window)
    if ASKED in saved:
        begins = min(window, date.fromisoformat(saved[ASKED]))
    return [begins + timedelta(days=number) for number in range((today - begins).days + 1)]


async def _pages(
    http: Http, settings: RetailSettings, path: str, params: dict[str, str]
) -> AsyncIterator[tuple[int, bytes]]:
    """The answer, or the pages of it until one is not full, each with its number; none without a record."""
    url, rows = f"{settings.api_url}/{path}", settings.api_page_rows
    for number in count():
        paged = {"limit": rows, "offset": number * rows} if rows else {}
        body = await http.get(url, params={**params, **paged})
        if records := _records(body, path):
            yield number, body
        if not rows or len(records) < rows:
            return


def _records(body: bytes, path: str) -> Records:
    """The records of an answer; none where it says that it has none. Raises Refused where it is an error."""
    tree = from_json(body)
    records = tree if isinstance(tree, list) else [tree]
    errors = [record["error"] for record in records if isinstance(record, dict) and "error" in record]
    for error in errors:
        if not _says_nothing(str(error)):
            raise Refused(f"/{path} answers with an error: {error!s:.200}", content=body)
    return [] if errors else records


def _says_nothing(error: str) -> bool:
    return error.startswith("No ") and (" found " in error or error.endswith("available."))


def _name(words: str, number: int) -> str:
    page = f"-{number + 1}" if number else ""
    return f"{words.replace('/', '_')}{page}.json"
