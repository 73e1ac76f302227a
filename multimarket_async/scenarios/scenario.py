"""What a scenario file says: read, checked, and listed."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from multimarket_async.errors import WrongSettings
from multimarket_async.producer import Period
from multimarket_async.scenarios.facts import AMOUNTS, Expected, FactName
from multimarket_async.settings import Loaded, Settings

FOLDER = Path(__file__).parent
SUFFIX = ".toml"
BY_FLAG = "--"


class Day(NamedTuple):
    """A day of a scenario. files: for each channel. away: MongoDB is stopped all day."""

    period: Period
    files: int
    away: bool


class Amount(BaseModel):
    """Where the amounts come from: the sum of this column, in minor units, over all rows of this KPI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kpi: str
    column: str


class Scenario(BaseModel):
    """The keys of a scenario file.

    title: what happens. watch: what to look at meanwhile. why: why what was seen is right.
    orders_per_channel: how many, over all days. first_day, days: from when on, and how busy each day is beside the
        others. seconds_a_day: how long a day takes at least.
    torn_for_s: how long torn files stay half written, seconds. away_on: days on which MongoDB is stopped; 1: the first.
    settings: any settings of the program, such as faults.
    kpis: tables to show at the end, of these days where a row has a date. example: the code of the bad file to show.
    amount: where the facts about amounts come from.
    expect: facts and what they must be: a number, another fact, or {at_least, at_most, more_than} one of these.
    next: commands to go on with, and what for; {example} is the name of the bad file shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    watch: str
    why: str
    orders_per_channel: int = Field(ge=1, le=1_000_000)
    first_day: date
    days: tuple[Annotated[float, Field(ge=0, le=1e6)], ...] = Field(min_length=1, max_length=60)
    seconds_a_day: float = Field(1.0, ge=0, le=60)
    torn_for_s: float = Field(0.0, ge=0, le=60)
    away_on: frozenset[int] = frozenset()
    settings: Mapping[str, Any] = Field(default_factory=dict)
    kpis: tuple[str, ...] = ()
    example: str = ""
    amount: Amount | None = None
    expect: Mapping[FactName, Expected] = Field(min_length=1)
    next: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        if not sum(self.days):
            raise ValueError("days: no day has any orders")
        if not self.away_on <= set(range(1, len(self.days) + 1)):
            raise ValueError(f"away_on: there are days 1 to {len(self.days)}")
        if AMOUNTS & {*self.expect} and not self.amount:
            raise ValueError("expect: amounts need the table [amount]")
        if "follow_ups" in self.settings:
            raise ValueError("settings: follow_ups: a scenario tells of orders, not of their later states")
        return self

    def calendar(self) -> Iterator[Day]:
        """The days in their order, with their files."""
        midnight, busiest = datetime.combine(self.first_day, time(), UTC), sum(self.days)
        sums = [round(self.orders_per_channel * part / busiest) for part in accumulate(self.days, initial=0.0)]
        for number, (before, after) in enumerate(pairwise(sums)):
            begins = midnight + timedelta(days=number)
            yield Day(Period(begins, begins + timedelta(days=1)), after - before, number + 1 in self.away_on)

    def under(self, loaded: Loaded) -> Loaded:
        """The settings with those of the scenario. Raises WrongSettings."""
        for name in ("faults", "follow_ups"):
            if loaded.sources[name].startswith(BY_FLAG):
                raise WrongSettings(f"The scenario {self.name} itself says what goes wrong: leave out --{name}.")
        known = loaded.of(Settings)
        changes = {"faults": "", **self.settings, "follow_ups": False}
        try:
            mine = Settings.model_validate({**known.model_dump(), **changes})
        except ValidationError as error:
            raise WrongSettings(_what_is_wrong(f"{self.name}{SUFFIX}", error, "settings")) from error
        return replace(loaded, models={**loaded.models, "": mine})


def every() -> Iterator[Scenario]:
    """All there are, by name. Raises WrongSettings."""
    return (_read(file) for file in sorted(FOLDER.glob(f"*{SUFFIX}")))


def find(name: str) -> Scenario:
    """The one of this name, or in this file where the name ends in .toml. Raises WrongSettings."""
    file = Path(name) if name.endswith(SUFFIX) else FOLDER / f"{name}{SUFFIX}"
    if not file.is_file():
        names = ", ".join(sorted(one.stem for one in FOLDER.glob(f"*{SUFFIX}")))
        raise WrongSettings(f"There is no scenario {name}; there are {names}, or name a file of your own, lesson.toml.")
    return _read(file)


def _read(file: Path) -> Scenario:
    try:
        return Scenario.model_validate({"name": file.stem, **tomllib.loads(file.read_text("utf-8"))})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{file} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise WrongSettings(_what_is_wrong(file.name, error)) from error


def _what_is_wrong(file: str, error: ValidationError, *table: str) -> str:
    faults = error.errors(include_url=False)
    return "\n".join(f"{file}: {_sentence('.'.join(map(str, (*table, *one['loc']))), one)}" for one in faults)


def _sentence(key: str, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"there is no key {key}"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": ")
