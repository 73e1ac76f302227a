"""Subject areas: a folder here is a domain, and so is what another package names as one (see `discovery`).

A domain declares, as data: its settings, its feeds (directories whose files become documents), its KPIs
(MongoDB pipelines over rollups of these documents), the same numbers as SQL over the received files, and
how its documents are listed. Nothing outside its folder imports it.
"""

import hashlib
import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any, Generic, TypeAlias, TypeVar, cast

from multimarket_async.columns import Column
from multimarket_async.dashboards import Chart, Dashboard, Tile
from multimarket_async.errors import WrongSettings
from multimarket_async.feeds import (
    Document,
    Feed,
    FollowUp,
    IncomingFile,
    Lifecycle,
    Located,
    Record,
    RejectedRecord,
    Table,
)
from multimarket_async.polling import Answer, Http, Poll, Refused
from multimarket_async.settings import Business, Loaded

Stage: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]
Expression: TypeAlias = Any
S = TypeVar("S", bound=Business)


@dataclass(frozen=True, slots=True)
class Facts:
    """The values of a collection's documents that its rollups add up. Rollups of one collection share them.

    period: expression for the business period of a document, as text. event: the field that says when it happened.
    values: expressions by name.
    """

    collection: str
    event: str
    period: Expression
    values: Mapping[str, Expression]


@dataclass(frozen=True)
class Rollup:
    """Sums over the documents of one partition and period, from which KPIs are computed.

    by: the keys of a row, besides its `period`. sums: the facts that are added up.
    prepare: stages over the facts that come before.
    reduce: stages over all rows of one period that give what is kept of them, where all would cost too much.
    """

    name: str
    facts: Facts
    by: Mapping[str, Expression]
    sums: Mapping[str, Expression]
    prepare: tuple[Stage, ...] = ()
    reduce: tuple[Stage, ...] = ()

    @cached_property
    def key(self) -> str:
        """The name and a digest of everything that decides its numbers: a changed rollup is another one."""
        parts = [self.facts.collection, self.facts.period, self.by, self.sums, self.prepare, self.reduce]
        text = json.dumps(parts, sort_keys=True)
        used = {name: value for name, value in self.facts.values.items() if re.search(rf"\b{name}\b", text)}
        return f"{self.name}_{digest([parts, used])}"


@dataclass(frozen=True, slots=True)
class Cube:
    """The rollups of a collection, by their keys: computed together, from the same documents."""

    collection: str
    rollups: Mapping[str, Rollup]

    @property
    def facts(self) -> Facts:
        """The facts that they share. Raises ValueError where theirs differ."""
        facts, *others = (rollup.facts for rollup in self.rollups.values())
        if any(other != facts for other in others):
            raise ValueError(f"the rollups of {self.collection} have different facts")
        return facts


def digest(value: Any) -> str:
    """12 hexadecimal digits that identify a value of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Kpi:
    """One table of numbers: its name, its columns, and two independent ways to compute it.

    pipeline: aggregation stages over the rows of `rollup`, one or more a period; they give the rows, in their order,
        each with exactly the declared columns. It runs inside a $facet: all KPIs of a generation read the same rollups.
    check: the same rows in SQL (DuckDB) over the tables of the domain's `received`, for `verify`.
    french: its words by their English text; the definition by the KPI's name.
    headline: one of the few that `demo` shows.
    key: columns that say what a row is about, where that is not its keys and times.
    place: position in lists; those without one come last, by name.
    """

    name: str
    title: str
    unit: str
    definition: str
    rollup: Rollup
    columns: tuple[Column, ...]
    pipeline: list[Stage]
    check: str = ""
    french: Mapping[str, str] = field(default_factory=dict)
    headline: bool = False
    key: tuple[str, ...] = ()
    place: int = 1000

    @property
    def digest(self) -> str:
        """Everything that decides its rows; titles and prose do not."""
        columns = [(column.name, column.type, column.nullable) for column in self.columns]
        return digest([self.name, self.rollup.key, columns, self.pipeline])

    def row_key(self, row: Row) -> tuple[Any, ...]:
        """The subject of a row: the same in every generation that has it."""
        names = self.key or [column.name for column in self.columns if column.says_what]
        return tuple(row[name] for name in names)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of documents in a listing. path: its path in a document, in MongoDB's dotted notation.

    personal: it identifies a person, and is shown by nothing but MongoDB itself.
    filtered: listings can be filtered by its value.
    """

    column: Column
    path: str
    personal: bool = False
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of the documents of a collection, newest first, under `name`, a word in the plural.

    dated: the attribute that says when it happened; an index on it and `_id` is kept. `_id` is a text.
    """

    name: str
    title: str
    collection: str
    dated: Attribute
    attributes: tuple[Attribute, ...]

    def public(self) -> list[Attribute]:
        """Attributes that may be shown; the date first."""
        return [attribute for attribute in (self.dated, *self.attributes) if not attribute.personal]


@dataclass(frozen=True, slots=True)
class Received:
    """The received files as tables, in SQL (DuckDB), sharing nothing with the parser or the pipelines.

    tables: statements over `received (number, feed, name, content)`. They create the tables that KPIs are checked
        with, and `records (feed, record)`: a name for each document and follow-up, as often as it was delivered.
    documents: a query for what must be stored: `file`, a document as JSON, and columns that replace fields of it
        where they are not null; ordered by `_id`.
    timezone: naive dates are in it; its offsets are in the table `zone`, for the macros of `readers.audit`.
    csv: of feeds with receipts whose files are CSV, their headers. Such a feed is a table of its name: these columns as
        text, `version`, which sorts its files by time, and `row`, which numbers its rows. Rows that are rejected, and
        other versions of a row, are among them. delimiters: where they are not commas.

    Files of feeds with receipts are not in `received` but in `files (feed, path, version)`; and the variable of the
    feed's name is the list of their paths, as in `read_json_objects(getvariable('measurements'))`.
    """

    tables: str
    documents: str = "SELECT '' AS file LIMIT 0"
    timezone: str = "UTC"
    csv: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delimiters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedDomain:
    """A domain under given settings. `name` is also the word for its documents, in the plural."""

    name: str
    feeds: tuple[Feed, ...]
    kpis: tuple[Kpi, ...]
    received: Received | None = None
    listings: tuple[Listing, ...] = ()
    french: Mapping[str, str] = field(default_factory=dict)
    dashboards: tuple[Dashboard, ...] = ()

    @cached_property
    def cubes(self) -> tuple[Cube, ...]:
        """The rollups that the KPIs read, by collection."""
        rollups = {kpi.rollup.key: kpi.rollup for kpi in self.kpis}
        collections = sorted({rollup.facts.collection for rollup in rollups.values()})
        return tuple(
            Cube(name, {key: rollups[key] for key in sorted(rollups) if rollups[key].facts.collection == name})
            for name in collections
        )


@dataclass(frozen=True, slots=True)
class Domain(Generic[S]):
    """A subject area: its name, its own settings, and its declarations under these."""

    name: str
    settings: type[S]
    declare: Callable[[S], LoadedDomain]

    def under(self, loaded: Loaded) -> LoadedDomain:
        """The domain with its settings. Raises WrongSettings if they lack something."""
        if self.name in loaded.lacking:
            raise WrongSettings(loaded.lacking[self.name])
        return self.declare(cast("S", loaded.models[self.name]))


def kpis_in(package: ModuleType, settings: Business) -> tuple[Kpi, ...]:
    """The KPIs of a folder, one a module: its function `kpi(settings)`. By `place`, then by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg)
    modules = (importlib.import_module(f"{package.__name__}.{name}") for name in names)
    return tuple(sorted((module.kpi(settings) for module in modules), key=lambda kpi: (kpi.place, kpi.name)))
