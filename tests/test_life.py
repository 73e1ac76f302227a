"""An order's life through the whole system: files, documents, KPIs, and whether `verify` agrees."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.clock import Clock
from multimarket_async.collector import Collector
from multimarket_async.domains import Feed, LoadedDomain, Table
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.landing import Landing
from multimarket_async.readers.verify import Report, verify
from multimarket_async.settings import Loaded, Settings, load
from multimarket_async.snapshots import Snapshotter
from multimarket_async.store import Store
from tests.corpus.case import good

MINOR = 17_000_00  # of one order
LONG_AGO, LATELY = "2025-01-15T10:00:00", "2026-03-02T10:00:00"


def loaded(folder: Path, **given: Any) -> Loaded:
    return load(
        {"orders": OrderSettings}, {"quiet_period_s": 0, "scan_every_s": 0.001, **given}, {}, folder / "absent.toml"
    )


@dataclass
class World:
    """The web channel, its collector, and what measures it."""

    folder: Path
    store: Store
    database: Database[Any]
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def domain(self) -> LoadedDomain:
        return ORDERS.under(loaded(self.folder, **self.given))

    @property
    def channel(self) -> tuple[Feed, Landing]:
        return self.domain.feeds[0], Landing(self.folder, "site_web")

    async def deliver(self, name: str, content: bytes | dict[str, Any]) -> None:
        """One file, collected at once."""
        _, landing = self.channel
        landing.prepare()
        await landing.deliver(f"{name}.json", content if isinstance(content, bytes) else json.dumps(content).encode())
        settings = loaded(self.folder).of(Settings)
        await Collector([self.channel], self.store, settings, Clock()).until_empty()

    def snapshotter(self) -> Snapshotter:
        return Snapshotter([self.domain], self.store, Clock())

    async def measured(self) -> dict[str, tuple[int, int, int]]:
        """By month: orders, cancelled orders, revenue; from what was touched only."""
        rows = (await self.snapshotter().refresh())["kpis"]["revenue_by_month_and_channel"]["rows"]
        return {row["month"]: (row["orders"], row["cancelled_orders"], row["revenue_minor"]) for row in rows}

    async def verify(self) -> Report:
        generation = await self.snapshotter().refresh()
        domain = replace(self.domain, feeds=self.domain.feeds[:1])
        return await verify([domain], [self.channel], self.store, generation)

    def quarantined(self) -> list[str]:
        return [file.reason["code"] for file in self.channel[1].quarantine.list()]


@pytest.fixture
async def world(mongo_uri: str, database: Database[Any], tmp_path: Path) -> AsyncIterator[World]:
    store = Store(mongo_uri, database.name)
    yield World(tmp_path, store, database)
    await store.aclose()


def order(number: str, date: str = LONG_AGO, statut: str = "payée") -> dict[str, Any]:
    return {**json.loads(good(number)), "date_commande": date, "statut_commande": statut}


def follow_up(number: str, etat: str, date: str = LATELY, **more: Any) -> dict[str, Any]:
    return {"order_id": number, "canal": "web", "suivi": {"etat": etat, "date_etat": date, **more}}


async def test_a_cancellation_reaches_the_month_of_its_order(world: World) -> None:
    """Fourteen months ago: by what was touched, as from scratch, and as the files say."""
    await world.deliver("1", order("1"))
    await world.deliver("2", order("2", LATELY))
    assert await world.measured() == {"2025-01": (1, 0, MINOR), "2026-03": (1, 0, MINOR)}
    await world.deliver("1 annulée", follow_up("1", "annulée"))
    refreshed = await world.snapshotter().refresh()
    assert await world.measured() == {"2025-01": (1, 1, 0), "2026-03": (1, 0, MINOR)}
    rebuilt = await world.snapshotter().rebuild()
    assert (refreshed["kpis"], rebuilt["drift"]) == (rebuilt["kpis"], 0)
    assert (await world.verify()).differences == []


async def test_a_cancellation_that_comes_first_counts_when_its_order_comes(world: World) -> None:
    """Until then there is no order to count, and the follow-up is told as early."""
    await world.deliver("1 annulée", follow_up("1", "annulée"))
    assert await world.measured() == {}
    report = await world.verify()
    assert (report.differences, report.feeds[0].early, report.feeds[0].stored) == ([], 1, 1)
    await world.deliver("1", order("1"))
    assert await world.measured() == {"2025-01": (1, 1, 0)}
    report = await world.verify()
    assert (report.differences, report.feeds[0].early, report.feeds[0].stored) == ([], 0, 2)


async def test_a_state_that_was_overtaken_changes_no_number(world: World) -> None:
    """The cancellation was taken back two days later, and comes last."""
    await world.deliver("1", order("1"))
    await world.deliver("1 livrée", follow_up("1", "livrée", "2025-01-20T10:00:00"))
    await world.deliver("1 annulée", follow_up("1", "annulée", "2025-01-18T10:00:00"))
    assert await world.measured() == {"2025-01": (1, 0, MINOR)}
    assert (await world.verify()).differences == []


@pytest.mark.slow
async def test_whether_returned_orders_count_is_a_setting(world: World) -> None:
    """As sold, unless it says otherwise."""
    await world.deliver("1", order("1"))
    await world.deliver("1 retournée", follow_up("1", "retournée"))
    assert await world.measured() == {"2025-01": (1, 0, MINOR)}
    world.given = {"orders.cancelled_statuses": ("annulée", "retournée")}
    assert await world.measured() == {"2025-01": (1, 1, 0)}
    assert (await world.verify()).differences == []


async def test_every_file_is_accounted_for(world: World) -> None:
    """received = stored + duplicate + quarantined, with follow-ups as with orders."""
    await world.deliver("1", order("1"))
    for name in ("a", "b"):
        await world.deliver(name, follow_up("1", "expédiée"))
    await world.deliver("c", b"\n" + json.dumps(follow_up("1", "expédiée")).encode())
    await world.deliver("d", follow_up("1", "expédiée", transporteur="DHL"))
    await world.deliver("e", follow_up("1", "perdue"))
    report = await world.verify()
    [channel] = report.feeds
    assert report.differences == []
    assert (channel.received, channel.stored, channel.duplicate) == (6, 2, 2)
    assert channel.quarantined == {"conflict": 1, "unknown_status": 1}


async def test_an_order_delivered_with_another_state_is_a_conflict(world: World) -> None:
    """Only a follow-up changes a state, be the order followed up or not."""
    await world.deliver("1", order("1"))
    await world.deliver("1 annulée", order("1", statut="annulée"))
    await world.deliver("1 livrée", follow_up("1", "livrée"))
    await world.deliver("1 en attente", order("1", statut="en attente"))
    await world.deliver("1 encore", order("1"))
    assert world.quarantined() == ["conflict", "conflict"]
    assert world.database["commandes"].find_one()["statut_commande"] == "livrée"
    assert (await world.verify()).differences == []


async def test_a_conflict_names_the_fields_that_differ(world: World) -> None:
    """As delivered, whatever a follow-up changed since or we computed; and no value, which may be of a person."""
    first = order("1")
    await world.deliver("1", order("1"))
    await world.deliver("1 livrée", follow_up("1", "livrée"))
    await world.deliver("a", json.dumps(first, indent=1).encode())
    [line] = first["produits"]
    other = {"client_id": "Jean Dupont", "produits": [line | {"prix_unitaire": 5.5}], "source": "caisse", "a": 1}
    await world.deliver("b", first | other)
    written, changed = (file.reason for file in world.channel[1].quarantine.list())
    assert written["sentence"] == (
        "web:1 is stored already with other content (no field, only how it is written): a person must decide"
    )
    assert changed["differs"] == ["client_id", "produits.prix_unitaire", "source", "a"]
    assert changed["sentence"] == (
        "web:1 is stored already with other content (client_id, produits.prix_unitaire, source and 1 more): "
        "a person must decide"
    )


async def test_a_conflict_of_follow_ups_tells_both_digests(world: World) -> None:
    """And of which order."""
    await world.deliver("a", follow_up("1", "expédiée"))
    await world.deliver("b", follow_up("1", "expédiée", transporteur="DHL"))
    [one] = world.channel[1].quarantine.list()
    assert one.reason["sentence"].startswith(
        "this follow-up of web:1 is stored already with other content (transporteur)"
    )
    assert (one.reason["key"], len(one.reason["sha256_stored"]), len(one.reason["sha256_delivered"])) == (
        "web:1",
        64,
        64,
    )


async def test_a_lost_follow_up_is_found(world: World) -> None:
    """Archived, and not in its document; the document's state alone would not show it."""
    await world.deliver("1", order("1"))
    await world.deliver("x", follow_up("1", "expédiée"))
    await world.deliver("y", follow_up("1", "livrée", "2026-03-03T10:00:00"))
    world.database["commandes"].update_one({}, {"$pull": {"suivi": {"etat": "expédiée"}}})
    report = await world.verify()
    assert "site_web: x.json is archived, but web:1 has no such follow-up" in report.differences
    known = "2 stored, 0 duplicate, 0 superseded"
    assert f"site_web: 3 files are archived, but MongoDB knows {known}" in report.differences


async def test_a_wrong_state_is_found(world: World) -> None:
    """The files say another one, and the KPIs follow the document."""
    await world.deliver("1", order("1"))
    await world.deliver("x", follow_up("1", "annulée"))
    world.database["commandes"].update_one({}, {"$set": {"statut_commande": "payée"}})
    await world.snapshotter().rebuild()
    assert any(line.startswith("cancellation_rate_by_channel row 1") for line in (await world.verify()).differences)


async def test_a_removed_follow_up_file_is_not_seen(world: World) -> None:
    """Stored without the file it came from: that much verify cannot see, and says so."""
    await world.deliver("1", order("1"))
    await world.deliver("x", follow_up("1", "livrée"))
    next(path for path in world.channel[1].archive_files() if path.name == "x.json").unlink()
    report = await world.verify()
    assert (report.differences, report.unseen(["site_web"])) == ([], 1)


async def test_a_feed_without_a_life_cycle_has_no_follow_ups(world: World) -> None:
    """A fault of the domain: told as such, and nobody else is stopped."""
    feed, landing = world.channel
    landing.prepare()
    await landing.deliver("1.json", json.dumps(follow_up("1", "livrée")).encode())
    lifeless = Feed(feed.name, Table(feed.table.name), feed.read)
    await Collector([(lifeless, landing)], world.store, loaded(world.folder).of(Settings), Clock()).until_empty()
    assert world.quarantined() == ["parser_failed"]
