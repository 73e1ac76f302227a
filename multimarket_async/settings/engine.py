"""The engine's settings, each declared once: default, limits and meaning."""

import ipaddress
import re
import zoneinfo
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from multimarket_async.pseudonyms import Pseudonyms
from multimarket_async.settings.receivers import Receivers
from multimarket_async.settings.values import Token, Words, empty_is_none

MongoDriver: TypeAlias = Literal["motor", "pymongo"]
LogFormat: TypeAlias = Literal["json", "console", "auto"]

# Time zone rules change every year: only the pinned tzdata counts, as in the embedded MongoDB, so that both cut
# months alike, whatever the operating system has.
zoneinfo.reset_tzpath(())


# Allowed in an Authorization header (RFC 6750, section 2.1), and too long to be guessed.
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")

KEY_CHARS = 16
MAX_DATABASE_BYTES = 63  # https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
NOT_IN_DATABASE = frozenset('/\\. "$*<>:|?%\0\t\n\r')  # and what a URI would have to escape


def _days(words: str) -> tuple[str, float]:
    """Table and days of `commandes=730`. Raises ValueError."""
    name, _, days = words.partition("=")
    try:
        return name.strip(), float(days)
    except ValueError:
        raise ValueError(f"keep_documents: {words!r} is not a table and days, such as commandes=730") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Pace(StrEnum):
    """Arrival processes of simulated deliveries."""

    RANDOM = "random"
    POISSON = "poisson"
    DAY = "day"
    BURST = "burst"


class Business(BaseModel):
    """Settings that the engine and all domains share. A domain's own settings extend it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    timezone: str = Field(
        "UTC", description="business time zone (IANA name): dates without an offset are in it, months are cut in it"
    )

    @field_validator("timezone")
    @classmethod
    def _available(cls, name: str) -> str:
        if name not in zoneinfo.available_timezones():
            raise ValueError(f"no such time zone: {name!r}; expected an IANA name such as Africa/Casablanca")
        return name


class WithPseudonyms(Business):
    """Settings of a domain whose records name persons."""

    pseudonym_key: Token | None = Field(
        None,
        description="key, of at least 16 characters, for pseudonyms in place of the IDs of persons; their names and"
        " addresses are not stored then; empty: none",
    )

    @property
    def pseudonyms(self) -> Pseudonyms | None:
        """The pseudonyms of persons; None if they are off."""
        return Pseudonyms(self.pseudonym_key.get_secret_value().encode()) if self.pseudonym_key else None

    _key_or_none = field_validator("pseudonym_key", mode="before")(empty_is_none)

    @field_validator("pseudonym_key")
    @classmethod
    def _long_enough(cls, key: Token | None) -> Token | None:
        if key and len(key.get_secret_value()) < KEY_CHARS:
            raise ValueError(f"it must have at least {KEY_CHARS} characters")
        return key


class Engine(Business):
    """Settings of its work."""

    domains: Words = Field(
        ("orders",),
        min_length=1,
        description="subject areas that are on, by name: folders of `domains`, or of other packages",
    )
    data_dir: Path = Field(Path("data"), description="folder of sources, archive, quarantine, logs and mongo")
    mongo_uri: SecretStr | None = Field(
        None, description="your own MongoDB; empty: an embedded server under the data folder"
    )
    sinks: Words = Field(
        (),
        description="systems that KPI generations are also written to: warehouse (PostgreSQL), lake (Delta), cassandra",
    )
    postgres_uri: SecretStr | None = Field(
        None, description="your own PostgreSQL; empty: an embedded server under the data folder"
    )
    postgres_port: int = Field(
        0, ge=0, le=65535, description="port of the embedded PostgreSQL; 0: a free one, then kept"
    )
    postgres_schema: str = Field(
        "multimarket", pattern="^[a-z_][a-z0-9_]{0,62}$", description="schema in PostgreSQL that the tables are in"
    )
    lake_url: str = Field("", description="folder or s3://bucket/prefix of the lake; empty: lake under the data folder")
    cassandra_hosts: Words = Field(
        ("127.0.0.1",), min_length=1, description="hosts of your Cassandra, with their port where it is not 9042"
    )
    cassandra_user: str = Field("", description="user in Cassandra; empty: it asks for none")
    cassandra_password: SecretStr | None = Field(None, description="the password of that user")
    cassandra_keyspace: str = Field(
        "multimarket", pattern="^[a-z][a-z0-9_]{0,47}$", description="keyspace in Cassandra; made if there is none"
    )
    spark_master: str = Field(
        "local[2]",
        min_length=1,
        description="Spark that computes the jobs whose engine is spark: local[2], or an address such as"
        " spark://host:7077",
    )
    mongo_driver: MongoDriver = Field("motor", description="MongoDB driver: motor, or pymongo, its successor")
    mongo_database: str = Field("multi_market", min_length=1, description="database name")
    mongo_port: int = Field(0, ge=0, le=65535, description="port of the embedded MongoDB; 0: a free one, then kept")
    mongo_cache_gb: float = Field(0.5, ge=0.25, description="cache of the embedded MongoDB, GiB")
    log_format: LogFormat = Field("auto", description="log format; auto: console on a terminal, JSON elsewhere")
    seed: int = Field(1, ge=0, lt=10**6, description="seed of the simulated deliveries")
    pace: Pace = Field(
        Pace.RANDOM,
        description="arrivals of simulated deliveries: random (pauses from pause_min_s to pause_max_s), poisson, day"
        " (poisson, following the hour, the weekday and the season) or burst",
    )
    pause_min_s: float = Field(2.0, ge=0, description="shortest pause between simulated deliveries of a feed, seconds")
    pause_max_s: float = Field(
        5.0, ge=0, description="longest such pause, seconds; the other paces have the mean of both as their mean"
    )
    burst_files: int = Field(50, ge=1, le=100_000, description="deliveries in a burst when the pace is burst")
    time_scale: float = Field(
        1.0,
        gt=0,
        le=100_000,
        description="speed of simulated time; 60: an hour a minute; it begins in the past and ends at the clock",
    )
    max_backlog_files: int = Field(
        0, ge=0, description="a backfill pauses while so many files of a feed wait to be collected; 0: no limit"
    )
    follow_ups: bool = Field(False, description="simulate the later states of each document, as follow-ups")
    faults: str = Field(
        "",
        description="shares of the simulated deliveries to inject faults into, such as duplicate=0.02, conflict=0.01,"
        " torn=0.01, late=0.01, skew=0.01, bad=0.01",
    )
    scan_every_s: float = Field(0.2, gt=0, description="pause between two scans of the landing directories, seconds")
    quiet_period_s: float = Field(
        3.0, ge=0, description="an unreadable file is quarantined after it has not changed for this long, seconds"
    )
    max_ahead_days: float = Field(
        1.0, ge=0, le=36_500, description="a record dated later than this after now is rejected, days"
    )
    batch_files: int = Field(1000, ge=1, le=100_000, description="most files in one batch")
    batch_bytes: int = Field(8 << 20, ge=1, description="most bytes in one batch")
    max_file_bytes: int = Field(4 << 20, ge=1, le=16 << 20, description="a larger file is quarantined unread")
    max_feed_gb: float = Field(
        0.0,
        ge=0,
        description="a feed whose files, waiting, archived and in quarantine, take more of the disk is held: they wait;"
        " GiB, 0: no limit",
    )
    latency_budget_s: float = Field(
        10.0, gt=0, description="time within which every file is to be stored or quarantined, seconds"
    )
    poll_timeout_s: float = Field(
        120.0, gt=0, description="longest duration of one poll of an API, all pages and retries included, seconds"
    )
    poll_tries: int = Field(5, ge=1, le=100, description="most tries of one request to a polled API")
    snapshot_every_s: float = Field(5.0, gt=0, description="pause between two KPI generations, seconds")
    full_recompute_every_generations: int = Field(
        500, ge=1, description="after so many KPI generations one is recomputed from scratch and compared"
    )
    stale_after_s: float = Field(
        60.0, gt=0, description="KPIs are stale when they lack documents stored longer than this ago, seconds"
    )
    keep_all_days: float = Field(1.0, ge=0, description="age up to which every KPI generation is kept, days")
    keep_hourly_days: float = Field(
        31.0, ge=0, description="age up to which the last generation of each hour is kept, then of each day; days"
    )
    keep_archive_days: float = Field(
        0.0, ge=0, description="age from which archived files are removed, if they are stored, days; 0: kept for ever"
    )
    keep_quarantine_days: float = Field(
        0.0, ge=0, description="age from which quarantined files are removed, days; 0: kept for ever"
    )
    keep_documents: Words = Field(
        (),
        description="days after which documents of a table are removed, since they were stored or changed last, such as"
        " commandes=730; at least a day more than keep_archive_days",
    )
    keep_logs_days: float = Field(
        0.0, ge=0, description="age from which lines of logs are removed, days; 0: the last 60 MB are kept"
    )
    until_empty_timeout_s: float = Field(
        10.0,
        gt=0,
        description="longest wait of `collect --until-empty` and `sink --once` for an absent server, seconds",
    )
    http_port: int = Field(8000, ge=0, le=65535, description="HTTP port, or the next free one; 0: any free one")
    http_host: str = Field(
        "127.0.0.1", min_length=1, description="HTTP listen address; beyond this machine only with http_token"
    )
    http_token: Token | None = Field(
        None, description="token that HTTP clients must send, at least 16 characters; empty: none, loopback only"
    )
    http_allowed_hosts: Words = Field(
        (), description="host names of the HTTP server, besides localhost and IP addresses"
    )
    shutdown_timeout_s: float = Field(
        4.0, ge=0, description="longest time that a stopping `run` spends on storing the backlog, seconds"
    )

    def latest_date(self, now: datetime) -> datetime:
        """The latest time that a record may be dated, `max_ahead_days` after now."""
        return now + timedelta(days=self.max_ahead_days)

    @property
    def documents_days(self) -> dict[str, float]:
        """Days to keep the documents of tables. Raises ValueError."""
        return dict(map(_days, self.keep_documents))

    _secret_or_none = field_validator("mongo_uri", "postgres_uri", "cassandra_password", "http_token", mode="before")(
        empty_is_none
    )

    @field_validator("mongo_database")
    @classmethod
    def _usable(cls, name: str) -> str:
        if len(name.encode()) > MAX_DATABASE_BYTES or NOT_IN_DATABASE.intersection(name):
            raise ValueError(
                f'expected at most {MAX_DATABASE_BYTES} bytes, without blanks, dots and any of / \\ " $ * < > : | ? %'
            )
        if name in ("admin", "config", "local"):
            raise ValueError("this database is MongoDB's own: choose another name")
        return name

    @field_validator("http_token")
    @classmethod
    def _long_enough(cls, token: Token | None) -> Token | None:
        if token and not TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("it must have at least 16 characters, of A-Z a-z 0-9 - . _ ~ + / =")
        return token

    @model_validator(mode="after")
    def _consistent(self) -> "Engine":
        if not self.http_token and not _is_loopback(self.http_host):
            raise ValueError(f"http_host = {self.http_host!r} opens HTTP to other machines: set http_token too")
        if self.pause_min_s > self.pause_max_s:
            raise ValueError(f"pause_min_s = {self.pause_min_s} is longer than pause_max_s = {self.pause_max_s}")
        if self.keep_documents and not 0 < self.keep_archive_days <= min(self.documents_days.values()) - 1:
            raise ValueError("keep_documents takes keep_archive_days, at least a day less: files go first")
        return self


class Settings(Receivers, Engine):
    """The engine's settings."""
