"""The rules in config/alerts.toml: a section each, its name that of the alert."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from multimarket_async import settings
from multimarket_async.domains import Kpi, LoadedDomain
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.settings import Settings

FILE = settings.FILE.with_name("alerts.toml")
NAME = re.compile(r"[\w-]{1,60}")
Scalar: TypeAlias = bool | int | str
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class Rule(BaseModel):
    """Any rule. for_minutes: how long its condition holds before the alert begins."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    for_minutes: float = Field(0, ge=0, allow_inf_nan=False)
    remind_hours: Positive = 24


class Measured(Rule):
    """A rule over a column of a KPI. where: values of its keys, any of several; all rows where none are given."""

    kpi: str
    column: str
    where: dict[str, Scalar | list[Scalar]] = {}


class Figure(Measured):
    """The number of the chosen rows, added up, or of each group of them, beyond a bound; amounts in whole units."""

    when: Literal["kpi"]
    days: Literal["yesterday", "7 days"] | None = None
    by: tuple[str, ...] = ()
    above: Bound | None = None
    below: Bound | None = None

    @model_validator(mode="after")
    def _has_one_bound(self) -> "Figure":
        if (self.above is None) == (self.below is None):
            raise ValueError("expected either above or below")
        return self

    @property
    def bound(self) -> float:
        """The one of the two that is given."""
        return next(bound for bound in (self.above, self.below) if bound is not None)


class Change(Measured):
    """A change of yesterday against the same weekday, or of the last seven days against the week before."""

    when: Literal["change"]
    against: Literal["same weekday", "week before"] = "same weekday"
    fell_pct: Positive | None = None
    rose_pct: Positive | None = None

    @model_validator(mode="after")
    def _has_one_bound(self) -> "Change":
        if (self.fell_pct is None) == (self.rose_pct is None):
            raise ValueError("expected either fell_pct or rose_pct")
        return self


class Late(Rule):
    """So many files over their budget in the last hour, or one that waits beyond it now."""

    when: Literal["late"]
    files: Annotated[int, Field(ge=1)] = 1


class Quarantined(Rule):
    """A share of the files of the last hour in quarantine."""

    when: Literal["quarantined"]
    above_pct: Annotated[float, Field(ge=0, lt=100)]
    files: Annotated[int, Field(ge=1)] = 1


class Away(Rule):
    """An API that fails or is not asked, or, of the feeds that are named, a directory in which nothing arrives."""

    when: Literal["source_away"]
    feeds: tuple[str, ...] = ()
    minutes: Positive


class Behind(Rule):
    """A sink that has not held the newest generation for so long. sinks: those of the settings where none is named."""

    when: Literal["sink_behind"]
    sinks: tuple[str, ...] = ()
    minutes: Positive


class Stale(Rule):
    """KPIs that lack what was stored longer ago than stale_after_s, or that fail."""

    when: Literal["stale"]


Any_: TypeAlias = Figure | Change | Late | Quarantined | Away | Behind | Stale
Rules: TypeAlias = dict[str, Any_]
KINDS = ("kpi", "change", "late", "quarantined", "source_away", "sink_behind", "stale")
_GIVEN: TypeAdapter[Rules] = TypeAdapter(dict[str, Annotated[Any_, Field(discriminator="when")]])


def rules(file: Path, domains: Sequence[LoadedDomain], settings: Settings) -> Rules:
    """The rules in a file; none where there is no file. Raises WrongSettings with the file and the key."""
    found = _read(file)
    for name, rule in found.items():
        for wrong in _wrong(name, rule, domains, settings):
            raise WrongSettings(f"{file}: [{name}] {wrong}")
    return found


def _read(file: Path) -> Rules:
    try:
        given = tomllib.loads(file.read_text("utf-8-sig")) if file.exists() else {}
        return _GIVEN.validate_python(given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{file} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise WrongSettings(f"{file}: {_fault(error.errors()[0])}") from error


def _fault(fault: Any) -> str:
    """The section, the key, and what is wrong there."""
    rule, *places = (str(part) for part in fault["loc"])
    key = ".".join(place for place in places[1:] if not place.isidentifier() or place not in ("bool", "int", "str"))
    match fault["type"]:
        case "union_tag_not_found":
            return f"[{rule}] when is missing: expected one of {', '.join(KINDS)}"
        case "union_tag_invalid":
            tag = fault["ctx"]["tag"]
            return f"[{rule}] when = {tag!r}: expected one of {', '.join(KINDS)}.{did_you_mean(tag, KINDS)}"
        case "extra_forbidden":
            return f"[{rule}] {key}: this rule has no such key"
        case "missing":
            return f"[{rule}] {key} is missing"
    return f"[{rule}] {key}: {fault['msg'].removeprefix('Value error, ')}".replace("] : ", "] ")


def _wrong(name: str, rule: Any_, domains: Sequence[LoadedDomain], settings: Settings) -> Iterator[str]:
    """Sentences about what the settings and the domains that are on do not have."""
    if not NAME.fullmatch(name):
        yield "is no name for an alert: use letters, digits, - and _, at most 60"
    feeds = [feed.name for domain in domains for feed in domain.feeds]
    match rule:
        case Figure() | Change():
            yield from _wrong_columns(rule, {kpi.name: kpi for domain in domains for kpi in domain.kpis})
        case Away():
            yield from _unknown("feeds", rule.feeds, feeds)
        case Behind():
            yield from _unknown("sinks", rule.sinks, settings.sinks)


def _wrong_columns(rule: Figure | Change, kpis: dict[str, Kpi]) -> Iterator[str]:
    if rule.kpi not in kpis:
        yield from _unknown("kpi", [rule.kpi], kpis)
        return
    kpi = kpis[rule.kpi]
    yield from _unknown("column", [rule.column], [column.name for column in kpi.columns if column.is_number])
    keys = [column.name for column in kpi.columns if column.role in ("key", "time")]
    yield from _unknown("where", rule.where, keys)
    yield from _unknown("by", rule.by if isinstance(rule, Figure) else (), keys)
    timed = isinstance(rule, Change) or rule.days
    if timed and not any(column.role == "time" for column in kpi.columns):
        yield f"{rule.kpi} has no days: choose a KPI by day"


def _unknown(key: str, given: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    known = [*known]
    for name in given:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            yield f"{key} names {name!r}, which there is not; {there}.{did_you_mean(name, known)}"
