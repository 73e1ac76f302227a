"""Frauds and recommendations in the flow; and a client who wants to be forgotten is in no place any more."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.domains import IncomingFile
from multimarket_async.domains.omnishop import OMNISHOP
from multimarket_async.domains.omnishop.fraud import FEATURES, INTERCEPT, THRESHOLD
from multimarket_async.generations import rows_by_kpi
from multimarket_async.meters import Meters
from multimarket_async.pseudonyms import Pseudonyms
from multimarket_async.readers.doctor.database import _pseudonyms
from multimarket_async.readers.http import Sources, held
from multimarket_async.readers.http.api import Api
from multimarket_async.results import Result
from multimarket_async.settings import Settings
from multimarket_async.store import GENERATIONS, Store
from multimarket_async.tasks import Tasks
from tests.erasure.test_erase import Place

HER, HIM, HER_NAME, HER_STREET = "C-Zelda", "C-Zel", "Zelda Unique", "7 rue de la Fuite"
DOMAIN = OMNISHOP.declare(OMNISHOP.settings(shoppers=40))
KEY = "k" * 20
UNDER_PSEUDONYMS = OMNISHOP.declare(OMNISHOP.settings.model_validate({"shoppers": 40, "pseudonym_key": KEY}))
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESS, PATIENCE_S = "/api/omnishop/recommendations", 60


@pytest.fixture
async def place(mongo_uri: str, database: "Database[Any]", tmp_path: Path) -> AsyncIterator[Place]:
    settings = Settings.model_validate({"data_dir": tmp_path, "quiet_period_s": 0, "until_empty_timeout_s": 60})
    async with aclosing(Store(mongo_uri, database.name)) as store:
        opened = Place(DOMAIN, tmp_path, store, settings, database)
        for _, landing in opened.feeds:
            landing.prepare()
        yield opened


def order(number: int, client: str, **changed: Any) -> dict[str, Any]:
    at = f"{AT + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"
    lines = [{"product": "GR01", "quantity": 2, "price_minor": 1500}]
    fixed = {"kind": "sale", "channel": "web", "place": "web", "device": f"d{client}", "refund_of": None}
    own = {"order": f"O{number}", "client": client, "at": at, "card": f"k{client}", "address": HER_STREET}
    return {**fixed, **own, "lines": lines, **changed}


def result(*rows: dict[str, Any]) -> bytes:
    return Result(rows, "accuracy", 0.7, "chance", 0.5, "higher").content(data_digest="d", code_digest="c", seed=1)


def recommended(client: str, *products: str) -> list[dict[str, Any]]:
    return [
        {"client": client, "rank": rank, "product": product, "strength": 1 / rank, "reason": "bought before"}
        for rank, product in enumerate(products, 1)
    ]


AFFINITY = {"product": "TO01", "rank": 1, "other": "TO02", "strength": 0.9}
WEIGHTS = {**dict.fromkeys(FEATURES, 0.0), "cards_of_device": 2.0, INTERCEPT: 0.0, THRESHOLD: 2.5}


async def deliver(place: Place, **contents: bytes | list[dict[str, Any]]) -> None:
    for feed, content in contents.items():
        suffix = "csv" if isinstance(content, bytes) else "json"
        await place.landing(feed).deliver(f"{feed}.{suffix}", content if isinstance(content, bytes) else _json(content))
    await place.collect()


def _json(records: list[dict[str, Any]]) -> bytes:
    return json.dumps(records).encode()


async def test_an_order_is_suspicious_in_the_generation_that_has_it(place: Place) -> None:
    """One browser, one card after the other: from the fourth on."""
    await deliver(place, fraud_model=result(*({"feature": name, "weight": at} for name, at in WEIGHTS.items())))
    tested = [order(number, HIM, card=f"card{number}", order=f"T{number}") for number in range(5)]
    await deliver(place, omni_orders=[*tested, order(9, HER)])
    await place.measure()
    rows = await rows_by_kpi(place.store, await place.store.newest(GENERATIONS) or {})
    alerts = {row["order"]: row["reasons"] for row in rows["fraud_alerts"]}
    assert alerts == dict.fromkeys(("T3", "T4"), "many cards on one device")
    assert (await place.verified()).differences == []


async def test_recommendations_follow_client_and_basket(place: Place) -> None:
    await deliver(
        place,
        recommendations=result(*recommended(HER, "GR01", "TO01"), *recommended("(anybody)", "HY01")),
        omni_affinity=result(AFFINITY),
    )
    async with api(place) as site:
        assert await products(site, client=HER) == ["GR01", "TO01"]
        assert await products(site, client=HER, basket="TO01") == ["TO02", "GR01"]
        assert await products(site, client="C-nobody") == await products(site) == ["HY01"]
        assert (await site.get(f"{ADDRESS}?kind=x")).status_code == 422


async def test_answers_in_memory_follow_what_is_stored(place: Place) -> None:
    """A newer result, and what is left when a client is erased, within seconds."""
    await deliver(place, recommendations=result(*recommended(HER, "GR01"), *recommended("(anybody)", "HY01")))
    async with api(place) as site:
        assert await products(site, client=HER) == ["GR01"]
        newer = result(*recommended(HER, "TO01"), *recommended("(anybody)", "HY01"))
        await place.landing("recommendations").deliver("newer.csv", newer)
        await place.collect()
        await answered(site, ["TO01"], client=HER)
        await place.erase(HER)
        await answered(site, ["HY01"], client=HER)


async def test_of_a_large_table_each_document_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOST_DOCUMENTS", 1)
    await deliver(place, recommendations=result(*recommended(HER, "GR01", "TO01")))
    async with api(place) as site:
        assert await products(site, client=HER) == ["GR01", "TO01"]


@asynccontextmanager
async def api(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    clock = Clock()
    sources = Sources(
        [place.domain], place.feeds, place.store, place.settings, clock, Meters(), Tasks(clock),
        place.folder / "latency.json", asyncio.Event(),
    )  # fmt: skip
    transport = httpx.ASGITransport(Api(sources).asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def products(site: httpx.AsyncClient, **query: str) -> list[str]:
    """The recommended ones."""
    answer = await site.get(ADDRESS, params=query)
    return [row["product"] for row in answer.json()["rows"]]


async def answered(site: httpx.AsyncClient, expected: list[str], **query: str) -> None:
    """Ask until these are recommended."""
    async with asyncio.timeout(PATIENCE_S):
        while await products(site, **query) != expected:  # noqa: ASYNC110 - what changes is in the database
            await asyncio.sleep(0.1)


async def deliver_two_persons(place: Place, *ids: str) -> None:
    """Every source has something of each; ids: as results name them."""
    persons = [
        {"client": client, "name": name, "city": "Lyon", "store": "S1", "loyal": True, "joined": "2026-01-02"}
        for client, name in ((HER, HER_NAME), (HIM, "Hugo Roux"))
    ]
    at = f"{AT:%Y-%m-%dT%H:%M:%SZ}"
    events = [
        {"event": f"E{number}", "session": f"V{number}", "at": at, "client": client, "kind": "view",
         "product": "GR01", "query": None, "order": None} for number, client in enumerate((HER, HIM))
    ]  # fmt: skip
    posts = [
        {"post": f"P{number}", "at": at, "kind": "review", "client": client, "product": "GR01", "stars": 4,
         "text": f"Signé {client}"} for number, client in enumerate((HER, HIM))
    ]  # fmt: skip
    gone = [{"kind": "gone", "key": each, "client": each, "label": "", "value": 1.0, "at": at} for each in (HER, HIM)]
    risks = [{"client": each, "action": "none", "probability": 0.1, "value_minor": 1} for each in ids]
    orders = [order(number, who, card=f"k{number}", device=f"d{number}") for number, who in enumerate((HER, HIM))]
    orders[1]["address"] = None
    await deliver(
        place, omni_clients=persons, omni_orders=orders, omni_events=events, omni_social=posts, omni_truth=gone,
        churn_risk=result(*risks), recommendations=result(*(row for each in ids for row in recommended(each, "GR01"))),
    )  # fmt: skip
    await place.measure()


@pytest.mark.slow
async def test_a_client_is_erased_from_every_source_and_result(place: Place) -> None:
    """Her key, her name and her address are in no file and in no document; his are, and all agrees."""
    await deliver_two_persons(place, HER, HIM)
    assert len(place.holding(HER)) == 14
    await place.erase(HER)
    assert [place.holding(text) for text in (HER, HER_NAME, HER_STREET)] == [[], [], []]
    assert len(place.holding(HIM)) == 14
    assert (await place.verified()).differences == []


@pytest.mark.slow
async def test_with_pseudonyms_no_document_names_a_client(place: Place) -> None:
    """Everything computed agrees, a site that asks gives the key as it has it, and `erase` takes that, too."""
    place = replace(place, domain=UNDER_PSEUDONYMS)
    pseudonym = Pseudonyms(KEY.encode()).of
    await deliver_two_persons(place, pseudonym(HER), pseudonym(HIM))
    stored = [
        repr(list(place.database[name].find()))
        for name in place.database.list_collection_names()
        if name != "system.views"
    ]
    assert [text for text in (HER, HIM, "Zelda", "Roux", HER_STREET) if any(text in each for each in stored)] == []
    assert {client["client"] for client in place.database.omni_clients.find()} == {*map(pseudonym, (HER, HIM))}
    assert (await place.verified()).differences == []
    assert {each.level for each in await _pseudonyms(place.store, [place.domain])} == {"ok"}
    assert {each.level for each in await _pseudonyms(place.store, [DOMAIN])} == {"fault"}
    async with api(place) as site:
        assert await products(site, client=HER) == ["GR01"]
    await place.erase(HER)
    assert [place.holding(text) for text in (HER, pseudonym(HER), HER_NAME, HER_STREET)] == [[], [], [], []]
    assert (await place.verified()).differences == []


def test_a_live_order_is_dated_now() -> None:
    """So what is hidden among the orders of the day comes in its order."""
    [feed] = [feed for feed in DOMAIN.feeds if feed.name == "omni_orders"]
    assert feed.simulate
    made = [feed.simulate(1, number, AT, AT) for number in range(3)]
    records = [record for each in made for record in feed.read(IncomingFile(feed.name, each.name, AT, each.content))]
    documents: list[Any] = [getattr(record, "record", record) for record in records]
    assert [document["at"] for document in documents] == [AT] * 3
    assert len({document["_id"] for document in documents}) == 3
