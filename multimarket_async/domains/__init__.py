"""WHAT the company measures. A folder here is a subject area, found by `discover`.

A domain declares, as data: its settings, its feeds (directories whose files become
documents), its cubes (how these are summed up), its KPIs (MongoDB pipelines over the sums),
an audit (the same KPIs by another path), and how its documents are listed.
Nothing outside its folder names it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from multimarket_async.settings import Business, Loaded

Document: TypeAlias = dict[str, Any]
Stage: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]
Expression: TypeAlias = Any
S = TypeVar("S", bound=Business)

STORED, DUPLICATE = "stored", "duplicate"  # what becomes of a good file


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file a source delivers: its name (ending in .json) and its bytes.

    expected: what must become of it: "stored", "duplicate", or the code under which it is quarantined.
    fault: what was done to it on request; "" is nothing.
    follows: the name of the delivery of which this is a follow-up; "" where it is none.
    """

    name: str
    content: bytes
    expected: str = "stored"
    fault: str = ""
    follows: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A later state of the document `key`, which may come before that document, late, and more than once.

    event: what is kept of it, with the state and the time that the feed's `Lifecycle` names.
    """

    key: str
    event: Document


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How follow-ups change a document: all of them are kept in it, in order, and the newest says its state.

    history: the document's field that holds them, once there are any; the state the document came with is one of them.
    state, at: fields of an event: which state, and since when. Two that agree in both are the same event.
    own_state, own_at: the document's own fields for these; `own_state` becomes the newest one.
    states: in the order of a life: of two states at the same instant the later one here is the newer one.
    """

    history: str
    state: str
    at: str
    own_state: str
    own_at: str
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corruptions:
    """How deliveries of a feed can be wrong.

    ways: by name, from the bytes of a good one to those of a bad one, and the code it must be rejected with.
    contradict: from the bytes of a delivery to others under the same key.
    """

    ways: Mapping[str, Callable[[bytes], tuple[bytes, str]]]
    contradict: Callable[[bytes], bytes]


class Simulate(Protocol):
    """Made-up deliveries of one feed, each by its number: the same bytes on every machine, in any order."""

    def __call__(self, seed: int, number: int, earliest: datetime, latest: datetime, /) -> Delivery:
        """Delivery `number` of this seed, its event dated between the two instants."""

    @property
    def share(self) -> float:
        """How many of all deliveries come through this feed, beside the shares of the others."""

    @property
    def peak(self) -> float:
        """No instant is busier than this."""

    def busyness(self, at: datetime) -> float:
        """How many times busier than in the mean hour it is at that instant."""

    def made_of(self, seed: int) -> Mapping[str, str | int]:
        """All that decides what a delivery is, besides its feed, its number and its period."""


@dataclass(frozen=True, slots=True)
class ScheduledFollowUp:
    """A follow-up that a source delivers `after_s` seconds after its document; before it, where that is negative."""

    after_s: float
    delivery: Delivery


# (seed, delivery of a document, until) -> the follow-ups of it that have arrived by that instant, as they arrive.
SimulateFollowUps: TypeAlias = Callable[[int, Delivery, datetime], Sequence[ScheduledFollowUp]]


def single_partition(_: Document) -> str:
    """The partition of each document where a collection has but one."""
    return "all"


@dataclass(frozen=True, slots=True)
class Feed:
    """A directory under data/sources and what its files become.

    parse: bytes -> documents, each with its key in `_id`, or follow-ups of such; raises Rejected.
    partition: where a document is measured; it is kept in `ingestion.partition`, so it depends
        on what never changes, neither settings nor definitions.
    simulate: made-up deliveries; None where only real systems deliver. simulate_follow_ups: and their follow-ups.
    corruptions: how these can be corrupted on request; None: not at all.
    life: what follow-ups do; None where there are none. Feeds of one collection have the same.
    """

    name: str
    collection: str
    parse: Callable[[bytes], Sequence[Document | FollowUp]]
    simulate: Simulate | None = None
    simulate_follow_ups: SimulateFollowUps | None = None
    partition: Callable[[Document], str] = single_partition
    corruptions: Corruptions | None = None
    life: Lifecycle | None = None


@dataclass(frozen=True, slots=True)
class Rollup:
    """Rollups: sums over the documents of one partition and period, from which KPIs are computed.

    by: what a cell is about, besides its `period`. sums: what is added up in it.
    prepare: stages over the cube's facts that come before.
    reduce: stages over all cells of one period that give what the period keeps of them,
        where keeping them all would cost too much.
    """

    name: str
    by: Mapping[str, Expression]
    sums: Mapping[str, Expression]
    prepare: tuple[Stage, ...] = ()
    reduce: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Cube:
    """How the documents of a collection are summed up on the way to KPIs: by partition, then by period.

    period: expression for the business period of a document, as text. event: field that says when it happened.
    facts: the expressions that rollups build upon, by name.
    """

    collection: str
    event: str
    period: Expression
    facts: Mapping[str, Expression]
    rollups: tuple[Rollup, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a KPI. unit: "" where the number is a plain count or a name. nullable: a rate over nothing."""

    name: str
    type: Literal["string", "integer", "double", "date"]
    title: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Kpi:
    """One table of numbers: what it is called, what its columns are, how it is computed.

    pipeline: aggregation stages over the cells of the rollup `rollup` of `collection`'s cube, one
        or more a period; they give the rows, in their order, each with exactly the declared columns.
        It runs inside a $facet, so that all KPIs of a generation see the same cells.
    headline: one of the few that `demo` shows.
    key: columns that say what a row is about, where that is not its text columns.
    """

    name: str
    title: str
    unit: str
    definition: str
    collection: str
    rollup: str
    columns: tuple[Column, ...]
    pipeline: list[Stage]
    headline: bool = False
    key: tuple[str, ...] = ()

    def row_key(self, row: Row) -> tuple[Any, ...]:
        """What a row is about: the same in every generation that has it."""
        names = self.key or [column.name for column in self.columns if column.type == "string"]
        return tuple(row[name] for name in names)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of documents, as they are listed. path: where it is in a document, in MongoDB's dotted notation.

    personal: it tells of a person, and is shown to nobody who did not ask MongoDB itself.
    filtered: one may ask for the documents that have a value of it.
    """

    column: Column
    path: str
    personal: bool = False
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """How the documents of a collection are shown one by one, newest first, under `name`, a word in the plural.

    dated: the attribute that says when it happened; an index on it and `_id` is kept. `_id` is a text.
    """

    name: str
    title: str
    collection: str
    dated: Attribute
    attributes: tuple[Attribute, ...]

    def public(self) -> list[Attribute]:
        """What may be shown; the date first."""
        return [one for one in (self.dated, *self.attributes) if not one.personal]


class Audit(Protocol):
    """The KPIs once more, from the archived files, by a path that shares nothing with the pipelines."""

    def add(self, content: bytes, follow_ups: Sequence[bytes] = ()) -> None:
        """Count one accepted file as it stands after these follow-ups, which come in any order."""

    def document(self, content: bytes, follow_ups: Sequence[bytes] = ()) -> Document:
        """What must be stored of that file as it stands after these follow-ups; nothing is counted.

        All of it but `ingestion`, in the document and in its history.
        """

    def rows(self) -> dict[str, list[Row]]:
        """Rows by KPI name, as the pipelines would give them."""


@dataclass(frozen=True, slots=True)
class LoadedDomain:
    """A domain under given settings."""

    name: str
    feeds: tuple[Feed, ...]
    cubes: tuple[Cube, ...]
    kpis: tuple[Kpi, ...]
    audit: Callable[[], Audit]
    listings: tuple[Listing, ...] = ()
    french: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Domain(Generic[S]):
    """A subject area. `name` is also what its documents are called, in the plural.

    french: its titles and units by their English text, and its definitions by the KPI's name; what
        is missing stays English.
    """

    name: str
    settings: type[S]
    feeds: Callable[[S], Sequence[Feed]]
    cubes: Callable[[S], Sequence[Cube]]
    kpis: Callable[[S], Sequence[Kpi]]
    audit: Callable[[S], Audit]
    french: Callable[[S], Mapping[str, str]] = lambda _: {}
    listings: Callable[[S], Sequence[Listing]] = lambda _: ()

    def under(self, loaded: Loaded) -> LoadedDomain:
        """The domain with its settings."""
        settings = loaded.of(self.settings)
        feeds, cubes, kpis = self.feeds(settings), self.cubes(settings), self.kpis(settings)
        audit, french, listings = partial(self.audit, settings), self.french(settings), tuple(self.listings(settings))
        return LoadedDomain(self.name, tuple(feeds), tuple(cubes), tuple(kpis), audit, listings, french)


def discover() -> list[Domain[Any]]:
    """Every Domain declared by a folder of this package, by folder name."""
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    modules = [importlib.import_module(f"{__name__}.{folder}") for folder in folders]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Domain)]


def settings_models() -> dict[str, type[Business]]:
    """The class of each domain's own settings, by the domain's name: the sections of the settings file."""
    return {domain.name: domain.settings for domain in discover()}
