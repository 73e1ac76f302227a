"""The APIs of a city, polled: every point though pages shift, and nothing of an answer that is an error."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
import uvicorn

from multimarket_async.domains.mobility import MOBILITY
from multimarket_async.domains.mobility.api import service
from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.errors import WrongSettings
from multimarket_async.poller import Outcome, Poller
from multimarket_async.polling import PollState, poll_file
from multimarket_async.proving.trial import Trial, on_trial
from multimarket_async.readers.polls import polled_sources
from multimarket_async.settings import load
from tests.poller.source import Asked, Reply, Source, serving

STATUSES = "mobility_statuses"


async def polled(trial: Trial, feed_name: str = STATUSES) -> Outcome:
    """Ask a source once, and collect."""
    [(feed, landing)] = [parts for parts in trial.feeds if parts[0].name == feed_name]
    settings = trial.settings.model_copy(update={"poll_tries": 1})
    outcome = await Poller(feed, landing, settings, trial.clock).once()
    await trial.collect()
    return outcome


async def stored(trial: Trial, table: str = STATUSES) -> dict[str, Any]:
    return {document["_id"]: document async for document in trial.store.aggregate(table, [])}


@asynccontextmanager
async def city(points: int, hours: list[int]) -> AsyncIterator[str]:
    """The simulated city as it was so many hours after this day began; they may change meanwhile."""
    settings = MOBILITY.settings.model_validate({"simulated_points": points})
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    listener = socket.create_server(("127.0.0.1", 0))
    app = service(1, settings, lambda: midnight + timedelta(hours=hours[0]))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def inject(address: str, fault: str, times: int = 1) -> None:
    urlopen(Request(f"{address}/faults/{fault}?times={times}", method="POST"), timeout=60).read()


@pytest.mark.slow
async def test_nothing_is_lost_and_nothing_doubled_by_a_fault(mongo_uri: str, tmp_path: Path) -> None:
    """Of the city that ships: each fault lands nothing, shifting pages all points, and asking again adds nothing.

    After six hours without a poll the next one catches up.
    """
    hours = [-6]
    async with city(250, hours) as address:
        urls = {"points_url": f"{address}/api/explore/v2.1/catalog/datasets/belib", "weather_url": address}
        domain = MOBILITY.declare(MOBILITY.settings.model_validate(urls))
        async with on_trial(domain, mongo_uri, tmp_path) as trial:
            await nothing_lands_of_a_fault(trial, address)
            await asyncio.to_thread(inject, address, "shifting", 9)
            assert (await polled(trial)).how == "answered"
            observed = await stored(trial)
            assert 245 <= len(observed) <= 250  # some are absent on any day
            assert (await polled(trial)).how == "answered"  # with a mark: they are the same, in another order
            assert await stored(trial) == observed
            hours[0] = 0
            await back_after_six_hours(trial, observed)
            outcome = await trial.outcome([])
            assert outcome.report.differences == []
            [points, weather] = outcome.rows["mobility_source_freshness"]
            assert (points["source"], weather["source"]) == ("points", "weather")


async def nothing_lands_of_a_fault(trial: Trial, address: str) -> None:
    """A quota that is used up is waited for."""
    for fault in ("error", "html", "half", "interrupted", "empty", "quota"):
        await asyncio.to_thread(inject, address, fault)
        outcome = await polled(trial)
        assert (outcome.how, outcome.files) == ("failed", 0), fault
    assert outcome.next_at > datetime.now(UTC) + timedelta(minutes=50)
    assert await stored(trial) == {}


async def back_after_six_hours(trial: Trial, before: dict[str, Any]) -> None:
    """Away, and `status` says so; what was there stays, and what changed since is there."""
    feeds, later = [feed for feed, _ in trial.feeds], datetime.now(UTC) + timedelta(hours=6)
    states = {source.feed: source.state for source in polled_sources(feeds, trial.settings, later)}
    assert states == {STATUSES: "overdue", "mobility_weather": "never asked"}
    assert (await polled(trial)).how == "answered"
    after = await stored(trial)
    assert len(after) > len(before)
    assert before.items() <= after.items()
    assert (await polled(trial, "mobility_weather")).how == "answered"
    assert len(await stored(trial, "mobility_weather")) == 8 * 24


class Dataset:
    """A planned dataset, read from the front while points are added there: each page moves by one."""

    def __init__(self, points: int, *, moving: bool = False) -> None:
        self.points, self.moving, self.begin = points, moving, 1000

    def __call__(self, asked: Asked) -> Reply:
        address = urlsplit(asked.path)
        query = {name: int(values[0]) for name, values in parse_qs(address.query).items() if values[0].isdecimal()}
        records = [record(number) for number in range(self.begin, 1000 + self.points)]
        if address.path.endswith("/exports/json"):
            return Reply(json.dumps(records).encode())
        assert query["limit"] <= 100
        assert query["offset"] + query["limit"] <= 10_000
        page = records[query["offset"] : query["offset"] + query["limit"]]
        if self.moving:
            self.begin += 1 if query["offset"] else 0  # the first point goes, and the next page misses one
        return Reply(json.dumps({"total_count": len(records), "results": page}).encode())


def record(number: int, status: str = "Disponible", changed: str = "2026-11-17T03:30:03+00:00") -> dict[str, Any]:
    return {"id_pdc": f"FR*V75*E{number:05}*01*1", "statut_pdc": status, "last_updated": changed, "coordonneesxy": None,
            "adresse_station": None, "code_insee_commune": "75105", "arrondissement": "5e Arrondissement"}  # fmt: skip


@pytest.fixture
def source() -> Any:
    with serving() as source:
        yield source


async def observed(trial: Trial) -> list[str]:
    return sorted(document["id_pdc"] for document in (await stored(trial)).values())


@pytest.mark.slow
@pytest.mark.parametrize(("points", "moving"), [(2104, True), (10_101, False)])
async def test_a_dataset_is_read_whole(
    mongo_uri: str, tmp_path: Path, source: Source, points: int, moving: bool
) -> None:
    """A dataset that shrinks between two pages, and one that has more points than pages give: then as an export."""
    source.answers(Dataset(points, moving=moving))
    domain = MOBILITY.declare(MOBILITY.settings.model_validate({"points_url": f"{source.url}/datasets/belib"}))
    async with on_trial(domain, mongo_uri, tmp_path) as trial:
        assert (await polled(trial)).how == "answered"
        expected = [record(number)["id_pdc"] for number in range(1000, 1000 + points)]
        assert await observed(trial) == expected
        assert sum("/exports/" in path for path in source.paths) == 1


async def test_a_quota_is_explained_and_a_key_is_nowhere(mongo_uri: str, tmp_path: Path, source: Source) -> None:
    """By the API's own words, and until when it rests, as `status` shows it."""
    reset = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    quota = {
        "errorcode": 10002,
        "reset_time": f"{reset:%Y-%m-%dT%H:%M:%SZ}",
        "error": "Too many requests on the domain",
    }
    source.answers(Reply(json.dumps(quota).encode(), 429))
    key = "a-key-of-the-weather"
    urls = {"points_url": f"{source.url}/belib", "weather_url": source.url, "weather_provider": "openweather"}
    domain = MOBILITY.declare(MOBILITY.settings.model_validate({**urls, "api_key": key}))
    async with on_trial(domain, mongo_uri, tmp_path) as trial:
        outcome = await polled(trial)
        assert outcome.next_at == reset
        assert "Too many requests on the domain" in outcome.why
        source.answers(Reply(json.dumps({"cod": 401, "message": f"Invalid API key {key}"}).encode(), 401))
        outcome = await polled(trial, "mobility_weather")
        assert f"appid={key}" in source.paths[-1]
        assert "Invalid API key ***" in outcome.why
        state = poll_file(trial.settings.data_dir, "mobility_weather").read_text()
        assert key not in state
        assert PollState.model_validate_json(state).failures == 1


def test_a_key_is_taken_from_the_environment_only(tmp_path: Path) -> None:
    """A file of settings gets into repositories; the refusal does not repeat the key."""
    file = tmp_path / "multimarket.toml"
    file.write_text('[mobility]\napi_key = "a-key-of-the-weather"\n')
    with pytest.raises(WrongSettings, match="MULTIMARKET_MOBILITY_API_KEY only") as stop:
        load({"mobility": MobilitySettings}, {}, {}, file)
    assert "a-key" not in str(stop.value)
    environ = {"MULTIMARKET_MOBILITY_API_KEY": "a-key-of-the-weather"}
    given = load({"mobility": MobilitySettings}, {}, environ, tmp_path / "absent.toml")
    assert given.of(MobilitySettings).api_key is not None
