"""The fields that orders and follow-ups share, and the sentences for a value that is rejected."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, GetPydanticSchema, PlainValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from multimarket_async.domains.orders.settings import listed
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


# An identifier is a text that is not blank and holds no NUL, or a whole number, which becomes a text. pydantic-core
# decides it without calling Python; `_identifier_fault` says what is wrong with another value.
_NOT_BLANK = r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$"
_IDENTIFIER = core_schema.union_schema(
    [
        core_schema.str_schema(strict=True, pattern=_NOT_BLANK, max_length=ID_CHARS),
        core_schema.no_info_after_validator_function(str, core_schema.int_schema(strict=True)),
    ],
    mode="left_to_right",
    custom_error_type="identifier",
    custom_error_message="must be an identifier",
)
Identifier = Annotated[str, GetPydanticSchema(lambda *_: _IDENTIFIER)]
Text = Annotated[str, Field(pattern=r"[^\s\x1c-\x1f]")]
AS_DELIVERED = ConfigDict(extra="allow", strict=True)


def one_of(words: Iterable[str], code: str, demand: str, **context: str) -> GetPydanticSchema:
    """A text that is one of these words, which it becomes; another text is rejected with this code and demand.

    Blanks around it, letter case and decomposed accents are no difference.
    """
    text, exact, by_form = core_schema.str_schema(strict=True), [*words], dict[str, str]()
    for word in reversed(exact):
        by_form[_folded(word)] = word
    alike = core_schema.no_info_before_validator_function(
        lambda given: by_form.get(_folded(given)), core_schema.literal_schema(exact)
    )
    either = core_schema.union_schema([core_schema.literal_schema(exact), alike], mode="left_to_right")
    among = core_schema.custom_error_schema(either, code, custom_error_message=demand, custom_error_context=context)
    return GetPydanticSchema(lambda *_: core_schema.chain_schema([text, among]))


def _folded(word: str) -> str:
    return plain(word).lower()


def plain(text: str) -> str:
    """The text without blanks around it, each accent in one character with its letter (NFC)."""
    return normalize("NFC", text.strip())


def channel(canal: str, canals: Iterable[str]) -> GetPydanticSchema:
    """The channel whose folder this is, one of all."""
    return one_of([canal], "wrong_channel", f"must be '{canal}' in this folder", canals=listed(canals))


def status(accepted: Iterable[str]) -> GetPydanticSchema:
    """One of the accepted statuses."""
    return one_of(accepted, "unknown_status", f"must be one of {listed(accepted)}")


def instant_in(timezone: str) -> PlainValidator:
    """A date and time as a UTC instant, to the millisecond; a naive one is in this time zone.

    Each goes through that zone, so that its month there is known to exist too.
    """
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)  # UTC by itself takes less time

    def instant(value: Any) -> datetime:
        if not isinstance(value, str):
            raise PydanticCustomError("wrong_type", "must be a date in text, such as 2025-04-26T14:00:00")
        try:
            moment = datetime.fromisoformat(value if DATE_AND_TIME.fullmatch(value) else "")
            local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
            utc = local if local.tzinfo is UTC else local.astimezone(UTC)
        except (ValueError, OverflowError):
            raise PydanticCustomError("bad_date", "must be a date and a time such as 2025-04-26T14:00:00") from None
        if utc < EARLIEST:
            raise PydanticCustomError("bad_date", "must not be before 1970")
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000) if utc.microsecond else utc

    return PlainValidator(instant)


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


FRENCH = {
    "{}, and is {}": "{}, et vaut {}",
    "item {} of produits": "la ligne {} de produits",
    "{} of item {} of produits": "{} de la ligne {} de produits",
    "A file must hold one order, an object, and not {}": "Un fichier doit contenir une commande, un objet, et non {}",
    "{} is missing": "{} manque",
    "{} must be a text": "{} doit être un texte",
    "{} must be a text or a whole number": "{} doit être un texte ou un nombre entier",
    "{} must be a whole number": "{} doit être un nombre entier",
    "{} must be a number": "{} doit être un nombre",
    "{} must be an object": "{} doit être un objet",
    "{} must be a list": "{} doit être une liste",
    "{} must not be empty": "{} ne doit pas être vide",
    "{} must have at least one line": "{} doit avoir au moins une ligne",
    "{} must be empty: a credit note sells nothing": "{} doit être vide : un avoir ne vend rien",
    "{} must be at most the amount of the line": "{} doit être au plus le montant de la ligne",
    "{} must have at most {} decimals": "{} doit avoir au plus {} décimales",
    "{} of item {} of {}": "{} de la ligne {} de {}",
    "{} must be above 0": "{} doit être supérieur à 0",
    "{} must be 0 or more": "{} doit être au moins 0",
    "{} must be at most {}": "{} doit être au plus {}",
    "{} must have at most {} characters and no NUL among them": "{} doit avoir au plus {} caractères, sans NUL",
    "{} must be absent: orders of this channel are not delivered": (
        "{} doit être absent : les commandes de ce canal ne sont pas livrées"
    ),
    "{} must be given: orders of this channel are delivered": (
        "{} doit être donné : les commandes de ce canal sont livrées"
    ),
    "{} must be {} in this folder": "{} doit être {} dans ce dossier",
    "{} must be one of {}": "{} doit être l'un de {}",
    "{} must be a date in text, such as 2025-04-26T14:00:00": (
        "{} doit être une date en texte, comme 2025-04-26T14:00:00"
    ),
    "{} must be a date and a time such as 2025-04-26T14:00:00": (
        "{} doit être une date et une heure, comme 2025-04-26T14:00:00"
    ),
    "{} must not be before 1970": "{} ne doit pas être avant 1970",
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
    given = fault["input"]
    if fault["loc"] == ("livraison",) and (fault["type"] == "missing" or given is None):
        return "delivery_missing", "must be given: orders of this channel are delivered"
    if fault["type"] == "wrong_channel" and _folded(given) not in fault["ctx"]["canals"].lower().split(", "):
        return "unknown_channel", f"must be one of {fault['ctx']['canals']}"
    if fault["type"] == "identifier":
        return _identifier_fault(given)
    return _FAULTS.get(fault["type"], (fault["type"], fault["msg"]))


def _identifier_fault(value: Any) -> tuple[str, str]:
    if not isinstance(value, str):
        return "wrong_type", "must be a text or a whole number"
    if not value.strip():
        return "empty_text", "must not be empty"
    return "out_of_range", f"must have at most {ID_CHARS} characters and no NUL among them"
