"""Values as senders spell them, in the spelling of an order: texts, identifiers, exact amounts, dates."""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from multimarket_async.domains.orders.currencies import number
from multimarket_async.domains.orders.fields import plain
from multimarket_async.domains.orders.formats.paths import Get, compiled, steps

Spell: TypeAlias = Callable[[Any], Any]
NOTHING = (None, "", False)
WHOLE = re.compile(r"(-?[0-9]+)\.0+")
GROUPS = re.compile(r"[\s\u00a0\u202f'\u2019]")
BARE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ANY = "*"


class Field(NamedTuple):
    """A field of an order: its name, and its value in a record as the sender has it.

    key: where the expression is the name of a value, which is then looked up without a function; else `get` finds it.
    """

    name: str
    key: str | None
    get: Get
    spell: Spell


def first_of(name: str, paths: Sequence[str], spell: Spell) -> Field:
    """The first of the values that is there, spelled; None if none is."""
    [get, *others] = [compiled(path) for path in paths]
    if not others:
        return Field(name, _only_name(paths), get, spell)

    getters = [get, *others]

    def first(tree: Any) -> Any:
        for each in getters:
            if (found := each(tree)) not in NOTHING:
                return found
        return None

    return Field(name, None, first, spell)


def _only_name(paths: Sequence[str]) -> str | None:
    names = steps(paths[0]) if len(paths) == 1 else None
    return names[0] if names and len(names) == 1 else None


def gathered(fields: Sequence[Field]) -> Callable[[Any], dict[str, Any]]:
    """The function that finds those fields of a record that are there."""
    named = [(field.name, field.key, field.spell) for field in fields if field.key is not None]
    others = [(field.name, field.get, field.spell) for field in fields if field.key is None]

    def gather(tree: Any) -> dict[str, Any]:
        found = {}
        if isinstance(tree, dict):
            for name, key, spell in named:
                if (value := tree.get(key)) is not None and (value := spell(value)) is not None:
                    found[name] = value
        for name, get, spell in others:
            if (value := get(tree)) is not None and (value := spell(value)) is not None:
                found[name] = value
        return found

    return gather


def value_of(field: Field | None) -> Get:
    """The function that finds one field."""
    return (lambda tree: field.spell(field.get(tree))) if field else lambda _: None


def text(value: Any) -> Any:
    """A text; a list of texts as one; None for a blank one."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, list):
        return ", ".join(map(str, filter(None, value))) or None
    return value


def unescaped(value: Any) -> Any:
    """A text that was escaped for HTML."""
    found = text(value)
    return html.unescape(found) if isinstance(found, str) else found


def identifier(value: Any) -> Any:
    """A number that has come as a float is the whole one that it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return text(value)


def client_in(no_client: Iterable[str | int]) -> Spell:
    """An identifier of a client; None where it is one of those that mean none."""
    nobody = {str(each) for each in no_client}

    def client(value: Any) -> Any:
        found = identifier(value)
        if isinstance(found, str) and (whole := WHOLE.fullmatch(found.strip())):
            found = whole[1]
        return None if found is not None and str(found).strip() in nobody else found

    return client


def word_in(words: dict[str, str]) -> Spell:
    """A word by what it means; another one is as `*` says, or stays."""
    known = {_folded(word): meaning for word, meaning in words.items()}

    def word(value: Any) -> Any:
        if value in NOTHING:
            return None
        return known.get(_folded(value), known.get(ANY, value))

    return word


def _folded(word: Any) -> str:
    return plain(str(word)).casefold()


# --- Amounts --------------------------------------------------------------------------------


def pointed(value: Any) -> Any:
    """A number with a decimal comma, as one with a point."""
    return GROUPS.sub("", value).replace(".", "").replace(",", ".") if isinstance(value, str) else value


def written(value: Decimal) -> str:
    """A number as text, never with an exponent."""
    return f"{value:f}"


def sum_of(name: str, paths: Sequence[str], spell: Spell) -> Field:
    """The exact sum of the values, each a number or a list of numbers; one behind `-` is subtracted.

    What is no number is given back as it is, for its fault to be named.
    """
    amount = _amount(spell)
    if len(paths) == 1 and not paths[0].startswith("-"):
        return Field(name, _only_name(paths), compiled(paths[0]), amount)
    parts = [(-1 if path.startswith("-") else 1, compiled(path.removeprefix("-"))) for path in paths]
    return Field(name, None, lambda tree: _summed([(sign, get(tree)) for sign, get in parts], spell), same)


def same(value: Any) -> Any:
    """The value as it is."""
    return value


def _amount(spell: Spell) -> Spell:
    """A number, or the sum of a list of numbers."""

    def amount(value: Any) -> Any:
        if isinstance(value, list):
            return _summed([(1, value)], spell)
        return None if value == "" or value is False else spell(value)

    return amount


def _summed(parts: Sequence[tuple[int, Any]], spell: Spell) -> Any:
    total: Decimal | None = None
    for sign, value in parts:
        for each in value if isinstance(value, list) else (value,):
            if each in ("", None) or each is False:
                continue
            if (amount := number(spell(each))) is None:
                return each
            total = (total or Decimal()) + sign * amount
    return None if total is None else written(total)


def ungrouped(value: Any) -> Any:
    """A number without commas between its thousands."""
    return GROUPS.sub("", value).replace(",", "") if isinstance(value, str) else value


def is_negative(value: Any) -> bool:
    """True for a number below 0."""
    found = number(value)
    return found is not None and found < 0


def unsigned(value: Any) -> Any:
    """A number without its sign; anything else as it is."""
    found = number(value)
    return value if found is None or found >= 0 else written(-found)


def in_units(value: Any, decimals: int) -> Any:
    """An amount in minor units, such as cents, in units of its currency."""
    found = number(value)
    return value if found is None else written(found.scaleb(-decimals))


# --- Dates ----------------------------------------------------------------------------------


def date_in(form: str, zone: str) -> Spell:
    """A date as ISO 8601. form: `iso`, `epoch`, `epoch_ms` or a pattern of strptime. zone: of one without an offset."""
    read = {"iso": _iso, "epoch": _epoch(1), "epoch_ms": _epoch(1000)}.get(form) or _pattern(form)
    if not zone:
        return read
    place = UTC if zone == "UTC" else ZoneInfo(zone)

    def date(value: Any) -> Any:
        found = read(value)
        try:
            moment = datetime.fromisoformat(found)
        except (ValueError, TypeError):
            return found
        return found if moment.tzinfo else moment.replace(tzinfo=place).isoformat()

    return date


def _iso(value: Any) -> Any:
    found = text(value)
    return f"{found}T00:00:00" if isinstance(found, str) and BARE_DATE.fullmatch(found) else found


def _epoch(parts: int) -> Spell:
    def date(value: Any) -> Any:
        found = number(value)
        try:
            return value if found is None else datetime.fromtimestamp(float(found / parts), UTC).isoformat()
        except (ValueError, OverflowError, OSError):
            return value

    return date


def _pattern(pattern: str) -> Spell:
    def date(value: Any) -> Any:
        try:
            return datetime.strptime(value.strip(), pattern).isoformat()  # noqa: DTZ007 - its zone comes later
        except (ValueError, AttributeError):
            return text(value)

    return date
