"""Orders and their follow-ups, on a real MongoDB: whatever comes first, however often, the end is the same."""

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector.lifecycle import followed_up
from multimarket_async.collector.reader import document_of
from multimarket_async.collector.writer import Writer
from multimarket_async.domains import FollowUp, IncomingFile
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import Unavailable
from multimarket_async.records import EncodedFollowUp
from multimarket_async.settings import load
from multimarket_async.store import (
    PARTITION_DOCUMENTS,
    Change,
    Exists,
    Filling,
    Inserted,
    Outcome,
    Partitions,
    Refused,
    Store,
)
from tests.corpus.case import good
from tests.files import AT, read

WEB = ORDERS.under(load({"orders": OrderSettings}, {}, {}, Path("/nowhere"))).feeds[0]
STATES = OrderSettings().followup_statuses
PLACED = datetime(2025, 4, 26, 14, tzinfo=UTC)
DAYS = st.integers(-2, 4)
OF_THE_ARRIVAL = {"_id", "ingested_at", "partition"}
numbers = itertools.count()


def order(number: str, **fields: Any) -> bytes:
    return json.dumps({**json.loads(good(number)), "date_commande": PLACED.isoformat(), **fields}).encode()


def follow_up(number: str, etat: str, days: int, **more: Any) -> bytes:
    """`days` after the order."""
    date = (PLACED + timedelta(days=days)).isoformat()
    return json.dumps({"order_id": number, "canal": "web", "suivi": {"etat": etat, "date_etat": date, **more}}).encode()


class World:
    """A writer, and what it wrote."""

    def __init__(self, store: Store, database: Database[Any]) -> None:
        self.store, self.database = store, database
        self.writer = Writer(store, Partitions(store, Clock()))
        self.filling = Filling(Clock())

    async def write(self, *contents: bytes) -> list[Outcome]:
        """A batch of files, each named after its digest."""
        documents, partition = [], self.filling.reserve("commandes", PARTITION_DOCUMENTS)
        for content in contents:
            sha256 = hashlib.sha256(content).hexdigest()
            file = IncomingFile(WEB.name, f"{sha256[:8]}.json", AT, content)
            documents.append(document_of(WEB, file, sha256, datetime.now(UTC), partition, latest=datetime.now(UTC)))
        return await self.writer.write(WEB, documents)

    def document(self, number: str) -> Any:
        return self.database["commandes"].find_one({"_id": f"web:{number}"})

    def partition(self, number: str) -> Any:
        return self.document(number)["ingestion"]["partition"]

    def versions(self) -> dict[Any, int]:
        return {found["partition"]: found["version"] for found in self.database["kpi_partition_versions"].find()}

    def changed(self, before: dict[Any, int]) -> set[Any]:
        """The partitions whose version is not what it was."""
        return {partition for partition, version in self.versions().items() if version != before.get(partition)}


@pytest.fixture
async def world(mongo_uri: str, database: Database[Any]) -> AsyncIterator[World]:
    store = Store(mongo_uri, database.name)
    yield World(store, database)
    await store.aclose()


def timeless(document: Any) -> Any:
    """Without the times of collection and the partition, which are the only things that may differ."""
    if isinstance(document, dict):
        return {name: timeless(value) for name, value in document.items() if name not in OF_THE_ARRIVAL}
    return [timeless(item) for item in document] if isinstance(document, list) else document


EVENTS = st.lists(st.tuples(st.sampled_from(STATES), DAYS), max_size=5, unique=True)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), events=EVENTS, with_order=st.booleans(), own=st.sampled_from(OrderSettings().order_statuses))
async def test_any_arrival_gives_the_same_document(
    world: World, data: st.DataObject, events: list[tuple[str, int]], with_order: bool, own: str
) -> None:
    """Any order, any batches, any repetitions: as a model says, which knows nothing of arrivals."""
    number = f"n{next(numbers)}"
    files = [follow_up(number, *event) for event in events]
    files += [order(number, statut_commande=own)] if with_order else []
    again = data.draw(st.lists(st.sampled_from(files), max_size=4)) if files else []
    arrivals = data.draw(st.permutations([*files, *again]))
    for batch in batches(arrivals, data.draw(st.sets(st.integers(0, len(arrivals))))):
        await world.write(*batch)
    assert lifecycle_of(world.document(number)) == model(events, own if with_order else None)


def batches(files: Sequence[bytes], cuts: set[int]) -> list[Sequence[bytes]]:
    edges = sorted({0, len(files), *cuts})
    return [files[start:end] for start, end in itertools.pairwise(edges)]


def lifecycle_of(document: Any) -> Any:
    """State, and the history as (state, days after the order)."""
    if document is None:
        return None
    history = [
        (item["etat"], (item["date_etat"].replace(tzinfo=UTC) - PLACED).days) for item in document.get("suivi", [])
    ]
    return document.get("statut_commande"), history


def model(events: Sequence[tuple[str, int]], own: str | None) -> Any:
    """A set of states, sorted once."""
    if not events:
        return own and (own, [])
    entries = [(days, STATES.index(etat), 1, etat) for etat, days in events]
    entries += [(0, STATES.index(own), 0, own)] if own else []
    history = [(etat, days) for days, _, _, etat in sorted(entries)]
    return (history[-1][0] if own else None), history


async def test_documents_are_the_same_to_the_byte(world: World) -> None:
    """Field by field and in the order of the fields, whichever of the six arrivals it was."""
    files = [order("1", remarque="$nom"), follow_up("1", "expédiée", 1), follow_up("1", "livrée", 3)]
    found = set()
    for arrival in itertools.permutations(files):
        for file in arrival:
            await world.write(file)
        found.add(repr(timeless(world.document("1"))))
        world.database["commandes"].delete_many({})
    assert len(found) == 1


async def test_the_newer_state_wins(world: World) -> None:
    """It is the truth of now; what the order was delivered with stays in the history."""
    await world.write(order("1", statut_commande="payée"))
    await world.write(follow_up("1", "livrée", 3, transporteur="$DHL"))
    await world.write(follow_up("1", "expédiée", 1))
    document = world.document("1")
    assert document["statut_commande"] == "livrée"
    assert [event["etat"] for event in document["suivi"]] == ["payée", "expédiée", "livrée"]
    assert document["suivi"][0] == {"etat": "payée", "date_etat": PLACED.replace(tzinfo=None)}
    last = document["suivi"][-1]
    assert (last["transporteur"], last["ingestion"]["feed"]) == ("$DHL", "site_web")


async def test_of_two_states_at_the_same_instant_the_later_in_a_life_wins(world: World) -> None:
    """Whichever came last."""
    await world.write(order("1"), follow_up("1", "livrée", 1))
    await world.write(follow_up("1", "expédiée", 1))
    assert world.document("1")["statut_commande"] == "livrée"


async def test_a_state_older_than_the_order_changes_nothing_but_the_history(world: World) -> None:
    """The state an order is delivered with counts from its date on."""
    await world.write(order("1", statut_commande="annulée"), follow_up("1", "payée", -1))
    assert lifecycle_of(world.document("1")) == ("annulée", [("payée", -1), ("annulée", 0)])


async def test_a_follow_up_before_its_order_is_kept_and_is_no_order(world: World) -> None:
    """Nothing is there that could be taken for an order; no KPI is to look."""
    assert await world.write(follow_up("1", "livrée", 3)) == [Inserted()]
    document = world.document("1")
    assert set(document) == {"_id", "ingestion", "suivi"}
    assert document["ingestion"] == {"partition": "(awaited)"}
    assert "(awaited)" not in world.versions()
    assert await world.store.digests("commandes", ["web:1"]) == {}


async def test_outcomes(world: World) -> None:
    """Stored once, a duplicate afterwards, and an order that comes after its follow-up is stored, not a conflict."""
    first, second = order("1"), follow_up("1", "livrée", 3)
    sha256 = hashlib.sha256(first).hexdigest()
    assert await world.write(second, first) == [Inserted(), Inserted()]
    assert await world.write(follow_up("2", "livrée", 3)) == [Inserted()]
    assert await world.write(order("2")) == [Inserted()]
    again = await world.write(first, b" " + second)
    assert again[0] == Exists(sha256)
    assert isinstance(again[1], Exists)


async def test_two_deliveries_of_an_order_that_is_awaited_are_one(world: World) -> None:
    """In the same batch: one is stored, the other one a duplicate, or in conflict."""
    await world.write(follow_up("1", "livrée", 3))
    other = order("1", client_id="other")
    outcomes = await world.write(order("1"), b" " + order("1"), other)
    assert [type(outcome) for outcome in outcomes] == [Inserted, Exists, Exists]
    assert world.document("1")["client_id"] != "other"


async def test_the_same_event_with_other_words_is_told_apart(world: World) -> None:
    """By its digest; white space is no difference."""
    [stored] = await world.write(follow_up("1", "livrée", 3))
    [same, other] = await world.write(
        b"\n" + follow_up("1", "livrée", 3), follow_up("1", "livrée", 3, transporteur="DHL")
    )
    digest = world.document("1")["suivi"][0]["ingestion"]["document_sha256"]
    assert (stored, same, other) == (Inserted(), Exists(digest), Exists(digest))


async def test_a_follow_up_moves_its_order(world: World) -> None:
    """Unless the event is there already: then its partition changes all the same, as its writer may have died."""
    await world.write(order("1"))
    left, before = world.partition("1"), world.versions()
    await world.write(follow_up("1", "annulée", 400))
    moved = world.partition("1")
    assert (moved != left, world.changed(before)) == (True, {moved})
    before = world.versions()
    await world.write(follow_up("1", "annulée", 400))
    assert world.partition("1") == moved
    assert moved in world.changed(before)


async def test_an_order_stored_without_a_partition_moves_too(world: World) -> None:
    """It was stored before there were partitions."""
    await world.write(order("1"))
    world.database["commandes"].update_one({}, {"$unset": {"ingestion.partition": ""}})
    before = world.versions()
    await world.write(order("1"))
    assert None in world.changed(before)
    before = world.versions()
    await world.write(follow_up("1", "annulée", 1))
    assert world.changed(before) == {world.partition("1")}


async def test_an_order_that_is_joined_is_in_the_partition_of_its_own_writer(world: World) -> None:
    """Both deliveries of one, too: the second one finds it there."""
    await world.write(follow_up("1", "livrée", 3))
    before = world.versions()
    await world.write(order("1"))
    joined = world.partition("1")
    assert world.changed(before) == {joined}
    before = world.versions()
    await world.write(order("1"))
    assert (world.partition("1"), joined in world.changed(before)) == (joined, True)


@pytest.mark.parametrize("known", [False, True])
async def test_a_document_that_exists_changes_its_partition_after_it_was_found(world: World, *, known: bool) -> None:
    """Its first writer may have died before it did; whether it is looked up first, or its insert is refused."""
    await world.write(order("1"), order("2"))
    if known:
        await world.write(order("1"), order("2"))
    before, verb = world.versions(), "existing" if known else "insert"
    at_the_write, real = dict[Any, int](), getattr(world.store, verb)

    async def watched(*given: Any) -> Any:
        found = await real(*given)
        at_the_write.update(world.versions())
        return found

    setattr(world.store, verb, watched)
    assert [type(outcome) for outcome in await world.write(order("1"), order("2"))] == [Exists, Exists]
    stored = world.partition("1")
    assert (at_the_write[stored], world.versions()[stored]) == (before[stored], before[stored] + 1)


async def test_an_order_that_comes_while_it_is_followed_up_changes_its_partition(world: World) -> None:
    """Its own may have been measured before the follow-up changed it."""
    real, before = world.store.update_with_pipeline, dict[Any, int]()

    async def change(collection: str, changes: Sequence[Change]) -> dict[int, Refused]:
        world.store.update_with_pipeline = real  # type: ignore[method-assign]
        await world.write(order("1"))
        before.update(world.versions())
        return await real(collection, changes)

    world.store.update_with_pipeline = change  # type: ignore[method-assign]
    await world.write(follow_up("1", "annulée", 1))
    assert world.partition("1") in world.changed(before)
    assert world.document("1")["statut_commande"] == "annulée"


async def test_a_change_without_an_answer_is_announced(world: World) -> None:
    """It may have been made: the partition that the order moves to is read again."""
    await world.write(order("1"))
    before = world.versions()

    async def change(*_: Any) -> dict[int, Refused]:
        raise Unavailable("planted")

    world.store.update_with_pipeline = change  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.write(follow_up("1", "annulée", 1))
    assert world.changed(before)


async def test_documents_alone_cost_no_more_than_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version twice and an insert; nothing is looked up."""
    calls: list[str] = []
    for verb in ("upsert", "update", "insert", "update_with_pipeline", "aggregate"):
        monkeypatch.setattr(world.store, verb, _noted(calls, verb, getattr(world.store, verb)))
    await world.write(order("1"), order("2"))
    assert calls == ["update", "insert", "update"]


def _noted(calls: list[str], verb: str, real: Any) -> Any:
    def call(*given: Any, **named: Any) -> Any:
        calls.append(verb)
        return real(*given, **named)

    return call


async def test_odd_names_and_texts_survive_the_joining(world: World) -> None:
    """A name with a dot or a dollar, a text that looks like a path: as if the order had come first."""
    odd = {"$set": "$nom", "a.b": {"$c": ["$$ROOT", {"d.e": None}]}, "": 1}
    for number, files in (("1", (0, 1)), ("2", (1, 0))):
        content = [order(number, **odd), follow_up(number, "livrée", 3, **odd)]
        for index in files:
            await world.write(content[index])
    first, second = world.document("1"), world.document("2")
    assert {name: first[name] for name in odd} == odd
    assert list(first) == list(second)
    assert {name: second["suivi"][1][name] for name in odd} == odd


async def test_what_mongodb_refuses_is_refused_alone(world: World) -> None:
    """A history that grew too large says so; the others of the batch are applied."""
    big = "x" * (4 << 20)
    await world.write(order("1"))
    for days in range(3):
        assert await world.write(follow_up("1", "expédiée", days, note=big)) == [Inserted()]
    [refused, applied] = await world.write(follow_up("1", "livrée", 8, note=big), follow_up("2", "livrée", 8))
    assert isinstance(refused, Refused)
    assert applied == Inserted()
    assert world.document("1")["statut_commande"] == "expédiée"


async def test_follow_ups_of_one_order_at_the_same_time(world: World) -> None:
    """Two processes, both before the order: none is lost, nobody fails."""
    files = [follow_up("1", "expédiée", days) for days in range(1, 9)] + [order("1")]
    await asyncio.gather(*(world.write(file) for file in files))
    assert len(world.document("1")["suivi"]) == 9


def test_the_stages_hold_the_event_as_text() -> None:
    """The text of an event is never executed."""
    [said] = read(WEB, follow_up("1", "livrée", 1, note="$$ROOT"))
    assert isinstance(said, FollowUp)
    assert WEB.table.lifecycle
    news = EncodedFollowUp(said.key, "", {**said.event, "ingestion": {}})
    assert "{'$literal': {'etat'" in repr(followed_up(news, WEB.table.lifecycle).stages)
