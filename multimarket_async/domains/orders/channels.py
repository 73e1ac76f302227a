"""Sales channels: each is a directory whose files are orders of one format."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import from_json

CONTRACT = "contract"
Delivery: TypeAlias = Literal["required", "forbidden", "either"]
DIRECTORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
CURRENCY = re.compile(r"([A-Z]{3})?")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Channel:
    """A sales channel.

    directory: of its files, under data/sources. canal: its name, in orders and KPIs.
    format: of its files, `contract` or one that `formats list` lists.
    delivery: whether its orders have an address; None: of the contract as delivery_required and delivery_forbidden say
        of `canal`, of other formats as it comes.
    shop: the system that numbers its orders, part of their key; "": none but the channel.
    currency: of orders that name none; "": the setting `currency`.
    enabled: False takes it out.
    """

    directory: str
    canal: str
    format: str = CONTRACT
    delivery: Delivery | None = None
    shop: str = ""
    currency: str = ""
    enabled: bool = True

    def __str__(self) -> str:
        """Its directory, and what is in there."""
        return f"{self.directory} ({', '.join(filter(None, (self.canal, self.format, self.shop, self.currency)))})"


CHANNELS = {"site_web": "web", "application_mobile": "mobile", "boutique_physique": "boutique"}  # without settings
BUILT_IN = tuple(Channel(directory, canal) for directory, canal in CHANNELS.items())
_ADAPTER = TypeAdapter(Channel)


def merged(given: Any) -> Any:
    """The built-in channels with those that are given: tables by directory, also as JSON. Raises ValueError.

    Of a built-in channel only what differs has to be given; another one is called as its directory unless it says so.
    """
    if isinstance(given, str):
        given = from_json(given) if given.strip() else {}
    if not isinstance(given, Mapping):
        return given
    tables = {channel.directory: asdict(channel) for channel in BUILT_IN}
    for directory, table in given.items():
        tables[directory] = {**tables.get(directory, {"canal": directory}), **_table(directory, table)}
    channels = [_channel(directory, {**table, "directory": directory}) for directory, table in tables.items()]
    return tuple(channel for channel in channels if channel.enabled)


def _table(directory: str, table: Any) -> dict[str, Any]:
    if not DIRECTORY.fullmatch(directory):
        raise ValueError(f"{directory!r} is no name of a directory: use letters, digits, _ and -")
    if not isinstance(table, Mapping):
        raise ValueError(f"{directory} must be a table, [orders.channels.{directory}]")  # noqa: TRY004 - what pydantic makes a sentence of
    return {**table}


def _channel(directory: str, table: dict[str, Any]) -> Channel:
    for fault in _faults(directory, table):
        raise ValueError(fault)
    return _ADAPTER.validate_python(table)


def _faults(directory: str, table: dict[str, Any]) -> Iterator[str]:
    try:
        channel = _ADAPTER.validate_python(table)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        yield f"{directory}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        return
    for name in ("canal", "shop"):
        word = getattr(channel, name)
        if word != word.strip() or ":" in word or "\0" in word or not (word or name == "shop"):
            yield f"{directory}: {name} must be a name without a colon and blanks around it, and is {word!r}"
    if channel.format == CONTRACT and (channel.shop or channel.currency):
        yield f"{directory}: shop and currency are of other formats than contract, whose orders have neither"
    if not CURRENCY.fullmatch(channel.currency):
        yield f"{directory}: currency must be three letters of ISO 4217, and is {channel.currency!r}"
