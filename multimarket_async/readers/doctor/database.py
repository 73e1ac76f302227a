"""Checks of MongoDB: version, rights, journal, names, clock, and what others put where ours should be."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta

from multimarket_async.clock import Clock
from multimarket_async.domains import LoadedDomain, Stage, Table
from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable
from multimarket_async.pseudonyms import OF_ANY_KEY
from multimarket_async.readers.doctor.findings import FAULT, OK, WARNING, Finding
from multimarket_async.settings import Settings, as_text
from multimarket_async.store import (
    GENERATION,
    GENERATIONS,
    RECEIPTS,
    ROWS,
    VERSION,
    VERSIONS,
    Server,
    Store,
    harmful,
    role,
    strangers,
    unfit,
)

LOWEST = (6, 0)
CLOCKS_WITHIN = timedelta(seconds=5)
FIRST = 100  # documents
OTHER_PSEUDONYMS = (
    "has IDs or pseudonyms of another key: a person counts as two, and `erase` does not find all of theirs. Set the"
    " earlier key again, or collect the archive anew into an empty database"
)
REQUIRED = ("find", "insert", "update", "remove")
OWN = (VERSIONS, RECEIPTS, ROWS)


async def examine_database(
    store: Store, settings: Settings, domains: Sequence[LoadedDomain], clock: Clock
) -> list[Finding]:
    """Findings about a MongoDB; one that cannot be used is the only one."""
    shown = as_text(settings.mongo_uri) if settings.mongo_uri else "the embedded server"
    try:
        await store.ping()
        return [Finding("MongoDB", OK, f"{shown} answers"), *await _examine(store, domains, clock)]
    except (Unavailable, CannotContinue) as why:
        ends = isinstance(why, CannotContinue)
        return [Finding("MongoDB", FAULT, f"{shown} cannot be used: {why}", ends=ends)]


async def _examine(store: Store, domains: Sequence[LoadedDomain], clock: Clock) -> list[Finding]:
    server, tables = Server(store), _tables(domains)
    findings = [
        await _version(server),
        await _clock(server, clock),
        await _rights(server, [*tables, *OWN, GENERATIONS]),
    ]
    if not findings[-1].ends:
        findings += [await _journal(server), await _name(server)]
        findings += await _collections(store, tables, [f"kpi_{kpi.name}" for domain in domains for kpi in domain.kpis])
        findings += await _documents(store)
        findings += await _pseudonyms(store, domains)
    return findings


def _tables(domains: Sequence[LoadedDomain]) -> list[str]:
    names = [table.name for domain in domains for feed in domain.feeds for table in feed.tables]
    return list(dict.fromkeys([*names, *(facts.collection for domain in domains for facts in domain.facts)]))


async def _version(server: Server) -> Finding:
    version = await server.version()
    lowest = ".".join(map(str, LOWEST))
    if tuple(map(int, version.split(".")[:2])) >= LOWEST:
        return Finding("MongoDB version", OK, version)
    found = f"{version}: {lowest} is the lowest supported one. Documents are stored, KPIs may fail: upgrade it"
    return Finding("MongoDB version", FAULT, found)


async def _clock(server: Server, clock: Clock) -> Finding:
    ahead = await server.now() - clock.now()
    if abs(ahead) <= CLOCKS_WITHIN:
        return Finding("clocks", OK, "this machine and MongoDB agree")
    way = "ahead of" if ahead > timedelta(0) else "behind"
    found = f"MongoDB's is {abs(ahead.total_seconds()):.0f} s {way} the one here: synchronise both with NTP"
    return Finding("clocks", WARNING, found)


async def _rights(server: Server, collections: Sequence[str]) -> Finding:
    if not await server.has_user():
        if await server.lets_everybody_in():
            return Finding("rights", WARNING, "MongoDB lets everybody in: turn its access control on")
        return Finding("rights", FAULT, "MongoDB wants a user and a password: write them into mongo_uri", ends=True)
    missing = await server.missing_rights(collections)
    if not missing:
        return Finding("rights", OK, "the user has all of them")
    lacks = f"the user lacks {', '.join(missing)}. Let an administrator run, in that database, db.runCommand("
    command = json.dumps(role(server.database))
    ends = not set(REQUIRED).isdisjoint(missing)
    found = f"{lacks}{command}), and give the role to the user with grantRolesToUser"
    return Finding("rights", FAULT if ends else WARNING, found, ends=ends)


async def _journal(server: Server) -> Finding:
    try:
        await server.write_nothing_durably(VERSIONS)
    except OperationFailed as why:
        found = f"nothing can be written durably: {why}. Start mongod with its journal"
        return Finding("journal", FAULT, found, ends=True)
    return Finding("journal", OK, "writes are acknowledged by a majority, journaled")


async def _name(server: Server) -> Finding:
    if other := await server.same_name_but_for_case():
        found = f"there is a database {other}, and MongoDB allows no two that differ in case: set mongo_database to it"
        return Finding("database", FAULT, found, ends=True)
    return Finding("database", OK, server.database)


async def _collections(store: Store, tables: Sequence[str], views: Sequence[str]) -> list[Finding]:
    ours = (*tables, *OWN, GENERATIONS)
    try:
        described = await store.describe(*ours, *views)
        indexes = [(name, await store.indexes(name)) for name in ours if _is_collection(described.get(name))]
    except OperationFailed as why:
        return [Finding("collections", WARNING, f"they cannot be looked at: {why}")]
    return [
        *(finding for name in ours if name in described for finding in _collection(name, described[name])),
        *(
            Finding("collections", FAULT, f"{name} is not MultiMarket's view: rename or drop it")
            for name in views
            if _is_collection(described.get(name))
        ),
        *(Finding("indexes", FAULT, f"{name}: {why}") for name, listed in indexes for why in harmful(listed)),
    ] or [Finding("collections", OK, "none, and no index, is in the way")]


def _is_collection(described: dict[str, object] | None) -> bool:
    return described is not None and described["type"] == "collection"


def _collection(name: str, described: dict[str, object]) -> Iterator[Finding]:
    options = described.get("options")
    if why := unfit(described):
        found = f"nothing can be stored in {name}: it is {why}; rename or drop it, and MultiMarket creates its own"
        yield Finding("collections", FAULT, found)
    elif isinstance(options, dict) and "validator" in options and name != GENERATIONS:
        found = f"{name} has a validator, which may refuse documents of ours: remove it with collMod"
        yield Finding("collections", WARNING, found)


async def _pseudonyms(store: Store, domains: Sequence[LoadedDomain]) -> list[Finding]:
    """The tables that name persons: under IDs, under pseudonyms, or, after a change, under several of these.

    The documents that were stored first show a change.
    """
    found = []
    for table in _of_persons(domains):
        expected = f"^{table.pseudonyms.prefix}" if table.pseudonyms else f"^(?!{OF_ANY_KEY[1:]})"
        stages: list[Stage] = [
            {"$match": {table.person: {"$type": "string"}}},
            {"$limit": FIRST},
            {"$match": {table.person: {"$not": {"$regex": expected}}}},
            {"$limit": 1},
        ]
        if [document async for document in store.aggregate(table.name, stages)]:
            found.append(Finding("pseudonyms", FAULT, f"{table.name} {OTHER_PSEUDONYMS}"))
        elif table.pseudonyms:
            found.append(Finding("pseudonyms", OK, f"{table.name} has them in place of {table.person}"))
    return found


def _of_persons(domains: Sequence[LoadedDomain]) -> list[Table]:
    """The tables that name persons, without results: these have what is in the tables that they are computed from."""
    tables = {feed.table.name: feed.table for domain in domains for feed in domain.feeds if feed.table.person}
    computed = {result for domain in domains for job in domain.jobs for result in job.feeds}
    return [table for name, table in tables.items() if name not in computed]


async def _documents(store: Store) -> list[Finding]:
    """The documents of others, as the newest generation has counted them."""
    newest = await store.newest(GENERATIONS, GENERATION) or {}
    found = {
        **newest.get("foreign", {}),
        GENERATIONS: await strangers(store, GENERATIONS, {"$nor": [GENERATION]}),
        VERSIONS: await strangers(store, VERSIONS, {"$nor": [VERSION]}),
    }
    return [
        Finding("documents", WARNING, f"{count} of {name} are not MultiMarket's: they are left out of all KPIs")
        for name, count in found.items()
        if count
    ]
