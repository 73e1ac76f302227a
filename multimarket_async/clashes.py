"""Clashes between domains that are on together: refused at start, each in a sentence."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from multimarket_async.domains import LoadedDomain, Source, StarTable, Table
from multimarket_async.errors import WrongSettings
from multimarket_async.mistakes import mistakes

OWN_COLLECTIONS = re.compile(r"kpi_|system\.|(receipts|erasures)$")  # the engine's and MongoDB's
OWN_VIEWS = re.compile(
    r"(snapshots|rows|partition_versions|sinks|alerts|alert_messages)$|rollups_"
)  # the same, of names behind kpi_
OWN_STARS = re.compile(r"kpi_|(held|generations|kpis|stars|star_new|star_gone)$")  # the engine's in the warehouse
OWN_LISTINGS = frozenset(("kpis", "status", "quarantine", "events"))  # the other operations below /api


def check(domains: Sequence[LoadedDomain]) -> None:
    """Refuse domains that cannot be on together. Raises WrongSettings with the first clash."""
    for sentence in clashes(domains):
        raise WrongSettings(sentence)


def clashes(domains: Sequence[LoadedDomain]) -> Iterator[str]:
    """A sentence for each clash, with the domains that it is in."""
    yield from _shared("The feed", {domain.name: [feed.name for feed in domain.feeds] for domain in domains})
    yield from _shared("The KPI", {domain.name: [kpi.name for kpi in domain.kpis] for domain in domains})
    yield from _shared(
        "The listing", {domain.name: [listing.name for listing in domain.listings] for domain in domains}
    )
    yield from _shared("The table", {domain.name: _collections(domain) for domain in domains})
    yield from _shared("The star table", {domain.name: [table.name for table in domain.star] for domain in domains})
    yield from _shared("The lake table", {domain.name: [table.name for table in domain.lake] for domain in domains})
    yield from _views(domains)
    for domain in domains:
        yield from _reserved(domain)
        yield from _tables(domain)
        yield from _rollups(domain)
        yield from _stars(domain)
        yield from _lake(domain)
        yield from _jobs(domain)
        yield from mistakes(domain)


def _shared(kind: str, names: dict[str, Iterable[str]]) -> Iterator[str]:
    """Names that are declared more than once."""
    declared = [(name, domain) for domain, listed in names.items() for name in listed]
    for name, times in Counter(name for name, _ in declared).items():
        if times > 1:
            owners = " and ".join(dict.fromkeys(domain for other, domain in declared if other == name))
            yield f"{kind} {name} is declared {times} times, by {owners}: rename one, or turn a domain off (`domains`)."


def _collections(domain: LoadedDomain) -> set[str]:
    """The collections that a domain writes to or reads, each once."""
    written = {table.name for feed in domain.feeds for table in feed.tables}
    return written | {facts.collection for facts in domain.facts} | {at.collection for at in domain.listings}


def _reserved(domain: LoadedDomain) -> Iterator[str]:
    """Names that the engine needs for itself."""
    for name in sorted(_collections(domain)):
        if OWN_COLLECTIONS.match(name):
            yield f"The table {name} of {domain.name} has the name of a collection of the engine's own: rename it."
    for name in [kpi.name for kpi in domain.kpis if OWN_VIEWS.match(kpi.name)]:
        yield f"The view kpi_{name} of {domain.name} has the name of a collection of the engine's own: rename the KPI."
    for name in [listing.name for listing in domain.listings if listing.name in OWN_LISTINGS]:
        yield f"The listing {name} of {domain.name} has the address of something else, /api/{name}: rename it."


def _views(domains: Sequence[LoadedDomain]) -> Iterator[str]:
    """KPIs whose view is the history of another one."""
    names = {kpi.name for domain in domains for kpi in domain.kpis}
    for name in sorted(names & {f"{other}_history" for other in names}):
        yield f"The KPI {name} has the name of the view with the history of {name.removesuffix('_history')}: rename it."


def _tables(domain: LoadedDomain) -> Iterator[str]:
    """Tables that are declared in two ways, or in a way that has no meaning."""
    for table, other in combinations({id(feed.table): feed.table for feed in domain.feeds}.values(), 2):
        if table.name == other.name and not _agree(table, other):
            yield f"The table {table.name} of {domain.name} is declared in two ways: give its feeds the same Table."
    feeds = Counter(feed.table.name for feed in domain.feeds)
    tables: dict[str, Table] = {feed.table.name: feed.table for feed in domain.feeds}
    for table in tables.values():
        if table.mode == "replace" and feeds[table.name] > 1:
            yield (
                f"The table {table.name} of {domain.name} is replaced by each file, and {feeds[table.name]} feeds"
                " write to it: each would remove the rows of the other."
            )
        if table.lifecycle and table.mode != "insert":
            yield f"The table {table.name} of {domain.name} has a lifecycle, and its mode is {table.mode}, not insert."


def _agree(table: Table, other: Table) -> bool:
    """True if both mean the same, but for documents with versions beside those that never change."""
    if "insert" in (table.mode, other.mode) and any(each.mode == "upsert" and each.version for each in (table, other)):
        return table.person == other.person
    return _meaning(table) == _meaning(other)


def _meaning(table: Table) -> tuple[object, ...]:
    return table.mode, table.lifecycle, table.person


def _stars(domain: LoadedDomain) -> Iterator[str]:
    """Tables of a star schema that PostgreSQL could not have."""
    declared: dict[str, StarTable] = {}
    for table in domain.star:
        name = f"The star table {table.name} of {domain.name}"
        if OWN_STARS.match(table.name):
            yield f"{name} has the name of a table of the engine's own: rename it."
        if unknown := {*table.key, *table.references} - {*table.columns} or not table.key:
            yield f"{name} has keys that are none of its columns: {unknown}."
        for other in table.references.values():
            if other not in declared or len(declared[other].key) != 1:
                yield f"{name} refers to {other}, which is not declared before it with a key of one column."
        declared[table.name] = table


def _lake(domain: LoadedDomain) -> Iterator[str]:
    """Tables of the lake of nothing that there is."""
    known = {kpi.name for kpi in domain.kpis} | _collections(domain)
    for table in domain.lake:
        of = table.of if isinstance(table.of, str) else table.of.collection
        if of not in known:
            yield f"The lake table {table.name} of {domain.name} is of {of}, which {domain.name} does not have."


def _jobs(domain: LoadedDomain) -> Iterator[str]:
    """Jobs whose results nothing could take."""
    feeds = {feed.name: feed for feed in domain.feeds}
    for job in domain.jobs:
        for name in (name for name in job.feeds if name not in feeds or ".csv" not in feeds[name].suffixes):
            which = "of its name" if name == job.name else f"{name} for its results"
            yield f"The job {job.name} of {domain.name} has no feed {which}, for CSV files: declare it."


def _rollups(domain: LoadedDomain) -> Iterator[str]:
    """Facts, rollups and series under one name: a query could not tell them apart."""
    declared: list[Source] = [*domain.facts, *domain.rollups, *domain.series]
    names = Counter(read.name for read in declared)
    for name in [name for name, times in names.items() if times > 1]:
        yield f"{name} of {domain.name} is declared as facts or rollup in {names[name]} ways: rename one of them."
