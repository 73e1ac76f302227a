"""What the files of orders have in common: their fields, the place of ours among them, and words for what is wrong."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from multimarket_async.domains.orders.settings import CHANNELS, OrderSettings, listed
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import pointer_to, shown

ID_CHARS = 200
# A million million pieces: nine million such lines can be summed in 64 bits.
LARGEST_QUANTITY = 10**12
# Before it no shop took orders by computer, and a date in year 1 has a month that begins in year 0.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# ISO 8601 date and time; datetime.fromisoformat alone would also take weeks, a bare date, any separator.
DATE_AND_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-5][0-9])?)?"
)


class Channel(NamedTuple):
    """What the validators of fields ask: whose file this is, and what its orders may say."""

    canal: str
    settings: OrderSettings


def _channel(info: ValidationInfo) -> Channel:
    return cast("Channel", info.context)


def _identifier(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "must be a text or a whole number")
    if not value.strip():
        raise PydanticCustomError("empty_text", "must not be empty")
    if len(value) > ID_CHARS or "\0" in value:
        raise PydanticCustomError("out_of_range", "must have at most 200 characters and no NUL among them")
    return value


def _instant(value: Any, info: ValidationInfo) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "must be a date in text, such as 2025-04-26T14:00:00")
    try:
        found = instant(value, ZoneInfo(_channel(info).settings.timezone))
    except (ValueError, OverflowError):
        raise PydanticCustomError("bad_date", "must be a date and a time such as 2025-04-26T14:00:00") from None
    if found < EARLIEST:
        raise PydanticCustomError("bad_date", "must not be before 1970")
    return found


def instant(text: str, zone: tzinfo) -> datetime:
    """The UTC instant of a date, to the millisecond; a naive one is in `zone`. Raises ValueError, OverflowError.

    Each date goes through that zone, so that its month there is known to exist too.
    """
    moment = datetime.fromisoformat(text if DATE_AND_TIME.fullmatch(text) else "")
    local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    found = local.astimezone(UTC)
    return found.replace(microsecond=found.microsecond // 1000 * 1000) if found.microsecond else found


def _canal(value: str, info: ValidationInfo) -> str:
    own = _channel(info).canal
    if value == own:
        return value
    if value in CHANNELS.values():
        raise PydanticCustomError("wrong_channel", "must be '{own}' in this folder", {"own": own})
    raise PydanticCustomError("unknown_channel", "must be one of {words}", {"words": listed(CHANNELS.values())})


def _status(value: str, info: ValidationInfo) -> str:
    return _one_of(_channel(info).settings.order_statuses, value)


def _state(value: str, info: ValidationInfo) -> str:
    return _one_of(_channel(info).settings.followup_statuses, value)


def _one_of(accepted: Iterable[str], value: str) -> str:
    if value not in accepted:
        raise PydanticCustomError("unknown_status", "must be one of {words}", {"words": listed(accepted)})
    return value


Text = Annotated[str, Field(pattern=r"\S")]
Identifier = Annotated[str, PlainValidator(_identifier)]
Instant = Annotated[datetime, PlainValidator(_instant)]
Canal = Annotated[str, AfterValidator(_canal)]
Status = Annotated[str, AfterValidator(_status)]
State = Annotated[str, AfterValidator(_state)]
AS_DELIVERED = ConfigDict(extra="allow", strict=True)


# --- Faults ---------------------------------------------------------------------------------

# pydantic's names of faults -> ours, and what to say. Faults of our own validators bring both.
_FAULTS = {
    "missing": ("missing_field", "is missing"),
    "string_type": ("wrong_type", "must be a text"),
    "int_type": ("wrong_type", "must be a whole number"),
    "float_type": ("wrong_type", "must be a number"),
    "dict_type": ("wrong_type", "must be an object"),
    "list_type": ("wrong_type", "must be a list"),
    "string_pattern_mismatch": ("empty_text", "must not be empty"),
    "too_short": ("out_of_range", "must have at least one line"),
    "greater_than": ("out_of_range", "must be above 0"),
    "greater_than_equal": ("out_of_range", "must be 0 or more"),
    "less_than_equal": ("out_of_range", f"must be at most {LARGEST_QUANTITY}"),
    "none_required": ("delivery_not_allowed", "must be absent: orders of this channel are not delivered"),
}


def rejected(error: ValidationError) -> Rejected:
    """The first fault in the order of the fields, and how many more are known of."""
    first, *more = error.errors(include_url=False)
    code, demand = _code_and_demand(first)
    given = "" if first["type"] == "missing" else f", and is {shown(first['input'])}"
    facts = {"more_faults": len(more)} if more else None
    return Rejected(code, f"{_named(first['loc'])} {demand}{given}.", pointer_to(*first["loc"]), facts=facts)


def _named(place: tuple[str | int, ...]) -> str:
    match place:
        case ("produits", int(index)):
            return f"item {index + 1} of produits"
        case ("produits", int(index), field):
            return f"{field} of item {index + 1} of produits"
        case _:
            return str(place[-1])


def _code_and_demand(fault: ErrorDetails) -> tuple[str, str]:
    if fault["loc"] == ("livraison",) and (fault["type"] == "missing" or fault["input"] is None):
        return "delivery_missing", "must be given: orders of this channel are delivered"
    return _FAULTS.get(fault["type"], (fault["type"], fault["msg"]))
