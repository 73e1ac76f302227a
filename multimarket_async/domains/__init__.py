"""Subject areas: a folder here is a domain, and so is what another package names as one (see `discovery`).

A domain declares, as data: its settings, its feeds (directories whose files become documents), its KPIs
(SQL and MongoDB pipelines over rollups of these documents), the same numbers as SQL over the received files, and
how its documents are listed; a star schema for the warehouse; and jobs, such as models. Nothing outside its folder
imports it.
"""

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast

from multimarket_async.columns import Column
from multimarket_async.dashboards import Chart, Dashboard, Finer, Tile
from multimarket_async.errors import Rejected, WrongSettings
from multimarket_async.feeds import (
    Derived,
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
from multimarket_async.polling import Answer, Http, Incomplete, Poll, Refused
from multimarket_async.settings import Business, Loaded
from multimarket_async.simulation import Rehearsal

if TYPE_CHECKING:
    from multimarket_async.results import ResultTable

Stage: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]
Expression: TypeAlias = Any
Engine: TypeAlias = Literal["local", "spark"]
S = TypeVar("S", bound=Business)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of documents: its path in MongoDB's dotted notation, and its type in SQL, as `VARCHAR` or `BIGINT[]`.

    A document that lacks it, or has another type there, is foreign, and left out of all numbers; unless `nullable`.
    """

    path: str
    type: str
    nullable: bool = False


@dataclass(frozen=True)
class Facts:
    """A table of MongoDB as a table of SQL (DuckDB), under `name`: what rollups and KPIs read.

    fields: values of a document, by column. columns: more columns, as expressions over these, over `local`, and over
        the columns before. event: the field, a TIMESTAMP in UTC, that says when it happened; `local` is the same in
        the business time zone. Reference tables may have none.
    period: expression for the period to which a row's rollups belong, as text.
    A row has also `_id`, the key of its document.
    """

    name: str
    collection: str
    fields: Mapping[str, Value]
    columns: Mapping[str, str] = field(default_factory=dict)
    event: str = ""
    period: str = "''"

    @cached_property
    def key(self) -> str:
        """The name, and a digest of everything that decides its rows."""
        fields = {name: (at.path, at.type, at.nullable) for name, at in self.fields.items()}
        parts = [self.collection, fields, list(self.columns.items()), self.event, self.period]
        return f"{self.name}_{digest(parts)}"


@dataclass(frozen=True)
class Rollup:
    """Aggregates of facts, kept by period: recomputed as a whole for each period in which something changed.

    query: SELECT over the facts, by their name, whose rows have the column `period` among their keys, and belong to one
        period each: sums, counts, extremes, `arg_max(value, time)` for the last one, or aggregates of aggregates.
    """

    name: str
    facts: Facts
    query: str

    @cached_property
    def key(self) -> str:
        """The name, and a digest of everything that decides its rows."""
        return f"{self.name}_{digest([self.facts.key, self.query])}"


@dataclass(frozen=True)
class Series:
    """Rows by period that follow from those of earlier periods too, such as a status that goes on: kept, too.

    reads: the rollups and facts that its query names. query: SELECT over these whose rows have the column `period`; and
        over `asked`, with the one `period` from which on rows are asked for, "" where all are.
    since: SELECT over the same for that period, where `asked` has the first one in which something changed.
    """

    name: str
    reads: "tuple[Rollup | Facts, ...]"
    query: str
    since: str

    @cached_property
    def key(self) -> str:
        """The name, and a digest of everything that decides its rows."""
        return f"{self.name}_{digest([[read.key for read in self.reads], self.query, self.since])}"


Source: TypeAlias = Rollup | Facts | Series


def sources(reads: Iterable[Source]) -> list[Source]:
    """These, and what the series among them read."""
    found = [each for read in reads for each in (read, *(read.reads if isinstance(read, Series) else ()))]
    return [*{each.key: each for each in found}.values()]


def facts_of(reads: Iterable[Source]) -> tuple[Facts, ...]:
    """The facts that all these come from."""
    found = (each.facts if isinstance(each, Rollup) else each for each in sources(reads))
    return tuple({facts.key: facts for facts in found if isinstance(facts, Facts)}.values())


def result_facts(table: "ResultTable") -> Facts:
    """The stored rows of a table of results, which KPIs read under the name `<name>_rows`."""
    return Facts(f"{table.name}_rows", table.name, {name: Value(name, type_) for name, type_ in table.types.items()})


def digest(value: Any) -> str:
    """12 hexadecimal digits that identify a value of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Kpi:
    """One table of numbers: its name, its columns, and two independent ways to compute it.

    reads: the rollups, series and facts that its query names.
    query: SELECT over these (DuckDB), with the macros of `multimarket_async.sql`. It gives the rows, in their order,
        each with exactly the declared columns.
    pipeline: MongoDB's stages over the rows of the query, where these are not yet those of the KPI.
    check: the same rows in SQL (DuckDB) over the tables of the domain's `received`, for `verify`.
    french: its words by their English text; the definition by the KPI's name.
    headline: one of the few that `demo` shows.
    key: columns that say what a row is about, where that is not its keys and times.
    historic: a rollup that it reads, of which the rows of the newest period have no part in its own, which are many: a
        generation refers to those of the one before, unless a digest of all that has a part is another one.
    place: position in lists; those without one come last, by name.
    """

    name: str
    title: str
    unit: str
    definition: str
    reads: tuple[Source, ...]
    columns: tuple[Column, ...]
    query: str
    pipeline: tuple[Stage, ...] = ()
    check: str = ""
    french: Mapping[str, str] = field(default_factory=dict)
    headline: bool = False
    key: tuple[str, ...] = ()
    historic: str = ""
    place: int = 1000

    @property
    def digest(self) -> str:
        """Everything that decides its rows; titles and prose do not."""
        columns = [(column.name, column.type, column.nullable) for column in self.columns]
        return digest([self.name, [read.key for read in self.reads], columns, self.query, self.pipeline])

    @property
    def facts(self) -> tuple[Facts, ...]:
        """The facts from which it is computed."""
        return facts_of(self.reads)

    def row_key(self, row: Row) -> tuple[Any, ...]:
        """The subject of a row: the same in every generation that has it."""
        names = self.key or [column.name for column in self.columns if column.says_what]
        return tuple(row[name] for name in names)


@dataclass(frozen=True, slots=True)
class StarTable:
    """A table of a star schema, a dimension or a fact, in the warehouse under `name`, such as `dim_station`.

    reads: the rollups and facts that its query names. It follows the documents, and is not in KPI generations: so it
        may have a row for each of them. All readers of the warehouse read it: no names and addresses.
    query: SELECT over these (DuckDB), with the macros of `multimarket_async.sql`. Rows from a rollup are computed
        again in those periods only in which something changed.
    columns: their types in PostgreSQL, as `text`, `bigint`, `date`, `timestamptz` (of a TIMESTAMP in UTC) or
        `numeric(18, 2)`. Money is exact: `numeric`, or `bigint` of minor units.
    key: the columns that no two rows agree in; they are never null.
    references: columns with a key of another table of the domain, which is declared before this one.
    """

    name: str
    title: str
    reads: tuple[Source, ...]
    query: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Everything that decides its rows and its definition."""
        declared = [list(self.columns.items()), self.key, sorted(self.references.items())]
        return digest([self.name, [read.key for read in self.reads], self.query, declared])


@dataclass(frozen=True, slots=True)
class Input:
    """A table that a job reads: a query over rollups and facts, as that of a KPI; it gives its rows in an order."""

    reads: tuple[Source, ...]
    query: str


@dataclass(frozen=True, slots=True)
class Job:
    """Work on what is stored, such as a model: its result lands as a CSV file of the feed `name`.

    module: has `run(inputs, seed)`, which gets the inputs by name, as tables of DuckDB, and a seed, and gives a
        `Result`: the same for the same of both; it raises NotEnough. It is imported in a process of the job alone,
        so that it may import the packages of the extra.
    packages, extra: without these it cannot run; the extra installs them.
    cron: the schedule, five fields as in crontab(5), in the time zone `timezone`; "": only on request. Runs that were
        missed are caught up by one, at the next start.
    tables: feeds of further tables of its result. grades: the one among them that lands also where the result does not
        beat its baseline, and then alone; "": all of it lands, and says so.
    engine: local: the inputs are made here, of the documents. spark: by Spark, of the lake; so their queries are SQL of
        both, over facts alone, and the module finds the session active.
    """

    name: str
    title: str
    inputs: Mapping[str, Input]
    module: str
    packages: tuple[str, ...]
    extra: str
    cron: str = ""
    timezone: str = "UTC"
    timeout_s: float = 900.0
    tables: tuple[str, ...] = ()
    grades: str = ""
    engine: Engine = "local"

    @property
    def feeds(self) -> tuple[str, ...]:
        """All feeds that it lands files in."""
        return (self.name, *self.tables)


@dataclass(frozen=True, slots=True)
class DatedExport:
    """A file for each date: data/exports/<domain>/<date>.csv, and beside it <date>.bulk.ndjson for Elasticsearch.

    table: their rows; its first column is the date, as text, and the file has them by its key. It is in no warehouse.
    complete: a query over what `table` reads for the dates, as `date`, that are over: only these have a file, which is
        written again when late data change it.
    index: the index that the second file is for. Longitude and latitude, where there are both, are a `location` there.
    """

    table: StarTable
    complete: str
    index: str

    @property
    def tables(self) -> tuple[StarTable, ...]:
        """Its rows and its dates."""
        dates = StarTable(f"{self.table.name}_dates", "Dates that are over.", self.table.reads, self.complete,
                          {"date": "text"}, ("date",))  # fmt: skip
        return self.table, dates


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of the lake whose place a domain chooses, such as `extracted_data/sales`.

    of: facts of a collection, in place of those that its KPIs read; or the name of a KPI. Nothing of it is at the place
        that it has otherwise. All readers of the lake read it: no names and addresses.
    """

    name: str
    of: Facts | str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the Grafana dashboard of a domain, over the warehouse.

    form: of Grafana, such as timeseries, barchart, table. unit: of Grafana, such as percent.
    query: SQL of PostgreSQL, with Grafana's $__timeFilter(column); of a timeseries the first column is `time`.
    """

    title: str
    form: str
    query: str
    unit: str = "short"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of documents in a listing. path: its path in a document, in MongoDB's dotted notation.

    personal: it identifies a person, and is shown by nothing but MongoDB itself.
    filtered: listings can be filtered by its value; by any of them, where its path leads to several.
    several: its path leads to a list, which views for BI tools leave out, as their columns are flat.
    """

    column: Column
    path: str
    personal: bool = False
    filtered: bool = False
    several: bool = False


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


# (collection, keys) -> the stored documents with these keys.
Find: TypeAlias = Callable[[str, Sequence[str]], Awaitable[list[Document]]]


@dataclass(frozen=True, slots=True)
class Lookup:
    """An immediate answer, at /api/<domain>/<name>, from documents whose keys follow from what is asked.

    parameters: of the query, each a text, with their descriptions. answer: rows of the columns.
    reads: the fields that it needs of documents, by collection: these are held in memory.
    """

    name: str
    title: str
    parameters: Mapping[str, str]
    columns: tuple[Column, ...]
    reads: Mapping[str, tuple[str, ...]]
    answer: Callable[[Find, Mapping[str, str]], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True)
class Received:
    """The received files as tables, in SQL (DuckDB), sharing nothing with the parser or the pipelines.

    tables: statements over `received (number, feed, name, content)`. They create the tables that KPIs are checked
        with, and `records (feed, record)`: a name for each document and follow-up, as often as it was delivered.
    documents: a query for what must be stored: `file`, a document as JSON, and columns that replace fields of it
        where they are not null; ordered by `_id`.
    csv: of feeds with receipts whose files are CSV, their headers. Such a feed is a table of its name: these columns as
        text, `version`, which sorts its files by time, and `row`, which numbers its rows. Rows that are rejected, and
        other versions of a row, are among them. delimiters: where they are not commas.
    utf8: of feeds with receipts whose files SQL cannot read as they are, or not always: what it reads in their place.
    lines: of feeds with receipts: the records of a file as JSON, one a line. Such a feed is a table of its name:
        `json`, and the `version` of its file. Its files are not in `files`.

    Files of feeds with receipts are not in `received` but in `files (feed, path, version)`; and the variable of the
    feed's name is the list of their paths, as in `read_json_objects(getvariable('measurements'))`. Where a feed takes
    JSON beside CSV, by their suffixes, it lists the JSON files. `no_file` lists one that is empty.
    """

    tables: str
    documents: str = "SELECT '' AS file LIMIT 0"
    csv: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delimiters: Mapping[str, str] = field(default_factory=dict)
    utf8: Mapping[str, Callable[[IncomingFile], Iterable[bytes]]] = field(default_factory=dict)
    lines: Mapping[str, Callable[[IncomingFile], Iterable[bytes]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """A record of a file as a declared format reads it, to be looked at.

    fields: the name of each, its value, and the expression that gives it. notes: sentences about all of it.
    record: the same as data. reasons: why it would be rejected. agrees: it adds up to what its sender says.
    """

    line: int
    key: str
    fields: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    record: Document
    reasons: tuple[Rejected, ...] = ()
    agrees: bool = True


@dataclass(frozen=True, slots=True)
class Formats:
    """Formats of files that are declared in files of their own.

    names: of all. described: the place of a declaration, and its title. source: its text. preview: the records of a
        file under it. These raise WrongSettings where there is no such format, or it is wrong.
    suggest: a declaration to begin with, for a file. Raises Rejected.
    """

    names: Callable[[], list[str]]
    described: Callable[[str], tuple[str, str]]
    source: Callable[[str], str]
    preview: Callable[[str, IncomingFile], Iterable[Preview]]
    suggest: Callable[[IncomingFile], str]


@dataclass(frozen=True)
class LoadedDomain:
    """A domain under given settings. `name` is also the word for its documents, in the plural.

    timezone: the business time zone, in which periods are cut; its offsets are in the table `zone` of all SQL.
    schedule: cron, in that zone: the domain is measured then, when its APIs have answered, instead of always.
    serve: from a seed and a clock, an ASGI application with simulated data, as the API that the domain polls has them.
    """

    name: str
    feeds: tuple[Feed, ...]
    kpis: tuple[Kpi, ...]
    received: Received | None = None
    listings: tuple[Listing, ...] = ()
    french: Mapping[str, str] = field(default_factory=dict)
    dashboards: tuple[Dashboard, ...] = ()
    timezone: str = "UTC"
    star: tuple[StarTable, ...] = ()
    export: DatedExport | None = None
    panels: tuple[Panel, ...] = ()
    jobs: tuple[Job, ...] = ()
    rehearsal: Rehearsal | None = None
    serve: Callable[[int, Callable[[], datetime]], Any] | None = None
    lake: tuple[LakeTable, ...] = ()
    schedule: str = ""
    lookups: tuple[Lookup, ...] = ()
    formats: Formats | None = None

    @cached_property
    def facts(self) -> tuple[Facts, ...]:
        """The facts that the KPIs read."""
        return tuple({facts.key: facts for kpi in self.kpis for facts in kpi.facts}.values())

    @cached_property
    def rollups(self) -> tuple[Rollup, ...]:
        """The rollups that the KPIs read."""
        found = (read for kpi in self.kpis for read in sources(kpi.reads) if isinstance(read, Rollup))
        return tuple({rollup.key: rollup for rollup in found}.values())

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """The series that the KPIs read."""
        found = (read for kpi in self.kpis for read in kpi.reads if isinstance(read, Series))
        return tuple({series.key: series for series in found}.values())


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


def french_of(kpis: Iterable[Kpi], *words: Mapping[str, str]) -> dict[str, str]:
    """The French of a domain: these words, and those of its KPIs."""
    return {english: word for each in (*words, *(kpi.french for kpi in kpis)) for english, word in each.items()}


def kpis_in(package: ModuleType, settings: Business) -> tuple[Kpi, ...]:
    """The KPIs of a folder, one a module: its function `kpi(settings)`. By `place`, then by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg)
    modules = (importlib.import_module(f"{package.__name__}.{name}") for name in names)
    return tuple(sorted((module.kpi(settings) for module in modules), key=lambda kpi: (kpi.place, kpi.name)))
