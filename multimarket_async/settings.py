"""Every setting, spelled once: flag > environment > config/multimarket.toml > default."""

import difflib
import ipaddress
import json
import re
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from multimarket_async.errors import WrongSettings

MongoDriver: TypeAlias = Literal["motor", "pymongo"]

FILE = Path("config/multimarket.toml")
PREFIX = "MULTIMARKET_"

# Time zones change every year. Only the pinned tzdata counts, here as in the embedded MongoDB, so that
# both cut months alike, whatever the operating system has.
zoneinfo.reset_tzpath(())


def _split(value: Any) -> Any:
    """A list in the environment: JSON, or words separated by commas."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else [word.strip() for word in value.split(",") if word.strip()]


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


# What an Authorization header can carry (RFC 6750, section 2.1), too long to be guessed.
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")


class Token(SecretStr):
    """A secret of which nothing is ever shown."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Pace(StrEnum):
    """When simulated deliveries come."""

    RANDOM = "random"
    POISSON = "poisson"
    DAY = "day"
    BURST = "burst"


class Business(BaseModel):
    """What every domain may ask. A domain's own settings extend it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    timezone: str = Field(
        "UTC", description="business time zone (IANA name): naive dates are in it, months are cut in it"
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in zoneinfo.available_timezones():
            raise ValueError(f"no such time zone: {name!r}; expected an IANA name such as Africa/Casablanca")
        return name


class Settings(Business):
    """The engine's settings."""

    data_dir: Path = Field(
        Path("data"), description="the folder that holds sources, archive, quarantine, logs and mongo"
    )
    mongo_uri: SecretStr | None = Field(
        None, description="your own MongoDB; empty: an embedded server under the data folder"
    )
    mongo_driver: MongoDriver = Field(
        "motor", description="what talks to MongoDB: motor, or pymongo, its successor in PyMongo itself"
    )
    mongo_database: str = Field("multi_market", min_length=1, description="database name")
    mongo_port: int = Field(
        0, ge=0, le=65535, description="port of the embedded MongoDB; 0: any free one, kept from then on"
    )
    mongo_cache_gb: float = Field(0.5, ge=0.25, description="memory for the embedded MongoDB's cache, GiB")
    log_format: Literal["json", "console", "auto"] = Field(
        "auto", description="auto: console on a terminal, JSON elsewhere"
    )
    seed: int = Field(1, ge=0, lt=10**6, description="seed of the simulated deliveries")
    pace: Pace = Field(
        Pace.RANDOM,
        description="when simulated deliveries come: random (pauses between the two below), poisson, day (poisson,"
        " following the hour, the weekday and the season) or burst",
    )
    pause_min_s: float = Field(
        2.0, ge=0, description="shortest pause between two simulated deliveries of a channel, seconds"
    )
    pause_max_s: float = Field(
        5.0, ge=0, description="longest such pause, seconds; the other paces have the mean of both as their mean"
    )
    burst_files: int = Field(50, ge=1, le=100_000, description="deliveries that come at once when the pace is burst")
    time_scale: float = Field(
        1.0, gt=0, le=100_000, description="how many times faster simulated time runs; 60: an hour a minute"
    )
    max_backlog_files: int = Field(
        0, ge=0, description="a history pauses while so many files wait in a channel for a collector; 0: it never does"
    )
    follow_ups: bool = Field(False, description="made-up orders are followed by their later states")
    faults: str = Field(
        "",
        description="shares of the simulated deliveries to be struck, such as duplicate=0.02, conflict=0.01, torn=0.01,"
        " late=0.01, skew=0.01, bad=0.01",
    )
    scan_every_s: float = Field(0.2, gt=0, description="pause between two looks into the landing directories, seconds")
    quiet_period_s: float = Field(
        3.0, ge=0, description="how long a file that does not read well must stay unchanged to be called bad, seconds"
    )
    batch_files: int = Field(1000, ge=1, le=100_000, description="most files in one batch")
    batch_bytes: int = Field(8 << 20, ge=1, description="most bytes in one batch")
    max_file_bytes: int = Field(4 << 20, ge=1, le=16 << 20, description="a larger file is set aside unread")
    latency_budget_s: float = Field(
        10.0, gt=0, description="every file is stored or set aside within this time, seconds"
    )
    snapshot_every_s: float = Field(5.0, gt=0, description="pause between two KPI generations, seconds")
    full_recompute_every_generations: int = Field(
        500, ge=1, description="every so many KPI generations, one is computed from scratch and compared"
    )
    stale_after_s: float = Field(
        60.0,
        gt=0,
        description="orders stored this long without being in a KPI generation make the numbers stale, seconds",
    )
    keep_all_days: float = Field(1.0, ge=0, description="how long every KPI generation is kept, days")
    keep_hourly_days: float = Field(
        31.0, ge=0, description="how long the last generation of each hour is kept, days; after that of each day"
    )
    until_empty_timeout_s: float = Field(
        10.0, gt=0, description="how long `collect --until-empty` waits for an absent MongoDB, seconds"
    )
    http_port: int = Field(
        8000, ge=0, le=65535, description="port of the HTTP server of `run`, or the next free one; 0: any free one"
    )
    http_host: str = Field(
        "127.0.0.1", min_length=1, description="address it listens on; beyond this machine only with http_token"
    )
    http_token: Token | None = Field(
        None, description="what HTTP clients must show, at least 16 characters; empty: nothing, on this machine only"
    )
    http_allowed_hosts: Words = Field(
        (), description="names by which clients may call the HTTP server, besides localhost and IP addresses"
    )
    shutdown_timeout_s: float = Field(
        4.0, ge=0, description="how long a stopping `run` goes on storing what waits, seconds"
    )

    @field_validator("http_token", mode="before")
    @classmethod
    def _given_token(cls, token: Any) -> Any:
        return token or None

    @field_validator("http_token")
    @classmethod
    def _long_enough(cls, token: Token | None) -> Token | None:
        if token and not TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("it must have at least 16 characters, of A-Z a-z 0-9 - . _ ~ + / =")
        return token

    @model_validator(mode="after")
    def _guarded(self) -> "Settings":
        if not self.http_token and not _is_loopback(self.http_host):
            raise ValueError(f"http_host = {self.http_host!r} opens HTTP to other machines: set http_token too")
        return self

    @model_validator(mode="after")
    def _pauses(self) -> "Settings":
        if self.pause_min_s > self.pause_max_s:
            raise ValueError(f"pause_min_s = {self.pause_min_s} is longer than pause_max_s = {self.pause_max_s}")
        return self


@dataclass(frozen=True)
class Value:
    """A setting's value as given, and where it came from."""

    value: Any
    source: str


@dataclass(frozen=True)
class Loaded:
    """The settings of the engine and of every domain, with the origin of each value."""

    models: tuple[Business, ...]
    sources: Mapping[str, str]

    def of(self, model: type["B"]) -> "B":
        """The loaded settings of exactly this class."""
        return next(loaded for loaded in self.models if type(loaded) is model)


B = TypeVar("B", bound=Business)


def load(
    models: Sequence[type[Business]], flags: Mapping[str, Any], environ: Mapping[str, str], file: Path = FILE
) -> Loaded:
    """Layer the four sources and check each model's share. Raises WrongSettings."""
    known = fields(models)
    values = {**_from_file(file), **_from_environment(environ), **_from_flags(flags)}
    for name, value in values.items():
        if name not in known:
            raise WrongSettings(_unknown(name, value.source, known))
    sources = {name: values[name].source if name in values else "default" for name in known}
    return Loaded(tuple(_validated(model, values) for model in models), sources)


def fields(models: Sequence[type[Business]]) -> dict[str, FieldInfo]:
    """Every setting there is, by name."""
    return {name: field for model in models for name, field in model.model_fields.items()}


def _from_file(file: Path) -> dict[str, Value]:
    if not file.exists():
        return {}
    try:
        return {name: Value(value, str(file)) for name, value in tomllib.loads(file.read_text("utf-8")).items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{file} is not valid TOML: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Value]:
    ours = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    return {name.removeprefix(PREFIX).lower(): Value(text, name) for name, text in ours.items()}


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Value]:
    given = {name: value for name, value in flags.items() if value is not None}
    return {name: Value(value, "--" + name.replace("_", "-")) for name, value in given.items()}


def _unknown(name: str, source: str, known: Mapping[str, FieldInfo]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else " `config show` lists them all."
    return f"There is no setting {name} (given in {source}).{hint}"


def _validated(model: type[B], values: Mapping[str, Value]) -> B:
    mine = {name: values[name].value for name in model.model_fields if name in values}
    try:
        return model.model_validate(mine)
    except (ValidationError, json.JSONDecodeError) as error:
        raise WrongSettings(_what_is_wrong(error, values, model)) from error


def _what_is_wrong(error: Exception, values: Mapping[str, Value], model: type[Business]) -> str:
    if not isinstance(error, ValidationError):
        return f"A list among the settings is not valid JSON: {error}"
    lines = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        where = _given(name, values[name], model.model_fields[name]) if name in values else "settings"
        lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def _given(name: str, value: Value, field: FieldInfo) -> str:
    given = "***" if {SecretStr, Token} & {*get_args(field.annotation)} else repr(value.value)
    return f"{name} = {given} (from {value.source})"


@dataclass(frozen=True)
class Shown:
    """A setting as `config show` tells it."""

    name: str
    text: str
    source: str
    description: str


def shown(loaded: Loaded) -> list[Shown]:
    """Every setting in force; a password in the MongoDB URI is left out."""
    known = fields([type(model) for model in loaded.models])
    values = {name: getattr(model, name) for model in loaded.models for name in type(model).model_fields}
    return [
        Shown(name, as_text(values[name]), loaded.sources[name], field.description or "")
        for name, field in known.items()
    ]


def as_text(value: Any) -> str:
    """A value as it would be given in the environment."""
    if value is None:
        return ""
    if isinstance(value, Token):
        return "***"
    if isinstance(value, SecretStr):
        return _without_passwords(value.get_secret_value())
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _without_passwords(uri: str) -> str:
    """A MongoDB URI to show, even one not well formed: neither who logs in nor any password among its options."""
    scheme, separator, rest = uri.partition("://") if "://" in uri else ("", "", uri)
    shown = "***@" + rest.rpartition("@")[2] if "@" in rest else rest
    return scheme + separator + re.sub(r"(?i)(password=)[^&]*", r"\1***", shown)
