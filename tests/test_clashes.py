"""Domains that cannot be on together are refused, each clash in one sentence; what may be shared is not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from multimarket_async.clashes import check, clashes
from multimarket_async.domains import (
    Attribute,
    Column,
    Facts,
    Feed,
    Kpi,
    Lifecycle,
    Listing,
    LoadedDomain,
    Rollup,
    Table,
    Value,
)
from multimarket_async.errors import WrongSettings

LIFECYCLE = Lifecycle("states", "state", "at", "state", "at", ("open", "closed"))
DATED = Attribute(Column("at", "date", "At"), "at")


def domain(name: str, *tables: Table, **parts: Any) -> LoadedDomain:
    """A domain with a feed for each table, or one."""
    chosen = tables or (Table(name),)
    feeds = tuple(Feed(f"{name}_{place}", table, lambda _: []) for place, table in enumerate(chosen))
    return LoadedDomain(name, **{"feeds": feeds, "kpis": (), **parts})


def kpi(name: str, collection: str, rollup: str = "daily", **sums: Any) -> Kpi:
    facts = Facts(f"all_{collection}", collection, {"at": Value("at", "TIMESTAMP")}, event="at")
    query = f"SELECT period, count(*) AS {', '.join(sums) or 'visits'} FROM all_{collection} GROUP BY ALL"
    return Kpi(name, name, "", name, (Rollup(rollup, facts, query),), (), f"SELECT * FROM {rollup}")


def listing(name: str, collection: str) -> Listing:
    return Listing(name, name, collection, DATED, ())


def clash(*domains: LoadedDomain) -> str:
    [sentence] = clashes(domains)
    with pytest.raises(WrongSettings) as refused:
        check(domains)
    assert str(refused.value) == sentence
    return sentence


def test_domains_that_share_nothing() -> None:
    """A rollup's name is the domain's own."""
    doors = domain("doors", kpis=(kpi("visits", "doors"),), listings=(listing("visitors", "doors"),))
    gates = domain("gates", kpis=(kpi("cars", "gates", cars=1),))
    check([doors, gates])


def with_feed(name: str, feed: str) -> LoadedDomain:
    return domain(name, feeds=(Feed(feed, Table(name), lambda _: []),))


RENAME = ": rename one, or turn a domain off (`domains`)."


def test_two_feeds_of_one_directory() -> None:
    """Each would read the other's files."""
    expected = f"The feed counts is declared 2 times, by doors and gates{RENAME}"
    assert clash(with_feed("doors", "counts"), with_feed("gates", "counts")) == expected


def test_two_kpis_of_one_name() -> None:
    """Also in one domain."""
    two = (kpi("visits", "doors"), kpi("visits", "doors"))
    assert clash(domain("doors", kpis=two)) == f"The KPI visits is declared 2 times, by doors{RENAME}"
    doors, gates = domain("doors", kpis=two[:1]), domain("gates", kpis=(kpi("visits", "gates"),))
    assert clash(doors, gates) == f"The KPI visits is declared 2 times, by doors and gates{RENAME}"


def test_a_kpi_named_as_the_history_of_another_one() -> None:
    """Their views would be one."""
    two = (kpi("visits", "doors"), kpi("visits_history", "doors"))
    expected = "The KPI visits_history has the name of the view with the history of visits: rename it."
    assert clash(domain("doors", kpis=two)) == expected


@pytest.mark.parametrize("name", ["snapshots", "rows", "partition_versions", "rollups_by_period"])
def test_a_kpi_named_as_a_collection_of_the_engine(name: str) -> None:
    """Its view would have the name of that collection."""
    expected = f"The view kpi_{name} of doors has the name of a collection of the engine's own: rename the KPI."
    assert clash(domain("doors", kpis=(kpi(name, "doors"),))) == expected


def test_two_listings_of_one_name() -> None:
    """They have one address."""
    doors = domain("doors", listings=(listing("visits", "doors"),))
    gates = domain("gates", listings=(listing("visits", "gates"),))
    assert clash(doors, gates) == f"The listing visits is declared 2 times, by doors and gates{RENAME}"


def test_a_listing_named_as_another_address() -> None:
    """Of /api."""
    expected = "The listing status of doors has the address of something else, /api/status: rename it."
    assert clash(domain("doors", listings=(listing("status", "doors"),))) == expected


@pytest.mark.parametrize(
    "gates",
    [
        domain("gates", Table("doors")),
        domain("gates", kpis=(kpi("cars", "doors"),)),
        domain("gates", listings=(listing("cars", "doors"),)),
    ],
)
def test_a_table_of_two_domains(gates: LoadedDomain) -> None:
    """By a feed, a rollup or a listing: a domain knows no other domain."""
    expected = f"The table doors is declared 2 times, by doors and gates{RENAME}"
    assert clash(domain("doors"), gates) == expected


@pytest.mark.parametrize("name", ["kpi_snapshots", "kpi_visits", "receipts", "system.views"])
def test_a_table_named_as_a_collection_of_the_engine(name: str) -> None:
    """Documents would be written into it; a longer name is free."""
    check([domain("doors", Table("receipts_of_doors"))])
    expected = f"The table {name} of doors has the name of a collection of the engine's own: rename it."
    assert clash(domain("doors", Table(name))) == expected


def test_a_table_declared_in_two_ways() -> None:
    """The same one may be declared twice."""
    ways = Table("doors"), Table("doors", "upsert")
    expected = "The table doors of doors is declared in two ways: give its feeds the same Table."
    assert clash(domain("doors", *ways)) == expected
    assert clash(domain("doors", Table("doors"), Table("doors", lifecycle=LIFECYCLE))) == expected
    check([domain("doors", Table("doors"), Table("doors"))])
    check([domain("doors", Table("doors"), Table("doors", "upsert", version=lambda document: document.get("at")))])


def test_a_table_that_two_feeds_replace() -> None:
    """One feed may."""
    table = Table("prices", "replace")
    check([domain("doors", table)])
    assert clash(domain("doors", table, table)).startswith("The table prices of doors is replaced by each file, and 2 ")


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_a_lifecycle_of_documents_that_change(mode: Any) -> None:
    """Follow-ups belong to documents that never change."""
    expected = f"The table doors of doors has a lifecycle, and its mode is {mode}, not insert."
    assert clash(domain("doors", Table("doors", mode, lifecycle=LIFECYCLE))) == expected


def test_two_rollups_of_one_name() -> None:
    """They are the same one, or one of them has another name."""
    doors: Sequence[Kpi] = (kpi("visits", "doors"), kpi("cars", "doors", cars=1))
    told = "daily of doors is declared as facts or rollup in 2 ways: rename one of them."
    assert clash(domain("doors", kpis=doors)) == told
    check([domain("doors", kpis=(doors[0], replace(doors[0], name="visitors")))])
