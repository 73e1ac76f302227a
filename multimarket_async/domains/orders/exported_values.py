"""Values of exported orders, and their faults, all of which are listed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from pydantic_core import PydanticCustomError

from multimarket_async.domains.orders.currencies import number
from multimarket_async.domains.orders.fields import ID_CHARS, instant_in, plain
from multimarket_async.domains.orders.settings import listed
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import pointer_to, shown

Fields: TypeAlias = Mapping[str, Any]
Instant: TypeAlias = Callable[[Any], datetime]
# The steps to an object in an order: none to the order itself, `produits`, 0 to its first line.
Place: TypeAlias = tuple[str | int, ...]
MOST_FAULTS = 100


def _named(place: Place, field: str) -> str:
    """A field for people: quantite of item 1 of produits."""
    *above, index = place or ("", "")
    return f"{field} of item {int(index) + 1} of {above[-1]}" if above[-1] else field


class Faults:
    """The faults of an order."""

    def __init__(self) -> None:
        self._found: list[Rejected] = []

    def add(self, code: str, demand: str, place: Place, field: str, given: Any = None) -> None:
        """Note one, such as: nom must not be empty, and is ''."""
        if len(self._found) < MOST_FAULTS:
            behind = "" if given is None else f", and is {shown(given)}"
            pointer = pointer_to(*place, field)
            self._found.append(Rejected(code, f"{_named(place, field)} {demand}{behind}.", pointer))

    def missing(self, place: Place, field: str) -> None:
        """Note that a field is missing."""
        self.add("missing_field", "is missing", place, field)

    def end(self) -> None:
        """Raises Rejected if there are any."""
        if self._found:
            first, *others = self._found
            raise Rejected(first.code, first.sentence, first.pointer, also=tuple(others))


def identifier(order: Fields, field: str, place: Place, faults: Faults, *, required: bool = False) -> str | None:
    """A text that is not blank, or a whole number as text."""
    value = order.get(field)
    if type(value) is int:
        return str(value)
    if isinstance(value, str) and (found := value.strip()):
        if len(found) <= ID_CHARS and "\0" not in found:
            return found
        faults.add(
            "out_of_range", f"must have at most {ID_CHARS} characters and no NUL among them", place, field, value
        )
    elif value is not None and not isinstance(value, str):
        faults.add("wrong_type", "must be a text or a whole number", place, field, value)
    elif required and value is None:
        faults.missing(place, field)
    elif required:
        faults.add("empty_text", "must not be empty", place, field, value)
    return None


def text(order: Fields, field: str, place: Place, faults: Faults, *, required: bool = False) -> str | None:
    """A text with composed accents and no blanks around it; None if it is blank."""
    value = order.get(field)
    if isinstance(value, str):
        if found := plain(value):
            return found
        if required:
            faults.add("empty_text", "must not be empty", place, field, value)
    elif value is not None:
        faults.add("wrong_type", "must be a text", place, field, value)
    elif required:
        faults.missing(place, field)
    return None


def amount(order: Fields, field: str, place: Place, faults: Faults, *, signed: bool = False) -> Decimal | None:
    """An amount of money, or a quantity; None where there is none."""
    value = order.get(field)
    if value is None or value == "":
        return None
    if (found := number(value)) is None:
        faults.add("wrong_type", "must be a number", place, field, value)
    elif found < 0 and not signed:
        faults.add("out_of_range", "must be 0 or more", place, field, value)
    return found


def items(order: Fields, field: str, place: Place, faults: Faults) -> list[tuple[Fields, Place]]:
    """The objects of a list, with their places."""
    value = order.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        faults.add("wrong_type", "must be a list", place, field, value)
        return []
    found = list[tuple[Fields, Place]]()
    for index, item in enumerate(value):
        inner = (*place, field, index)
        if isinstance(item, dict):
            found.append((item, inner))
        else:
            faults.add("wrong_type", "must be an object", inner, field, item)
    return found


def instants(timezone: str) -> Callable[[Fields, str, Place, Faults], datetime | None]:
    """Dates and times as UTC instants; naive ones are in this time zone."""
    parse: Any = instant_in(timezone).func

    def instant(order: Fields, field: str, place: Place, faults: Faults) -> datetime | None:
        value = order.get(field)
        if value is None:
            faults.missing(place, field)
            return None
        try:
            return parse(value)  # type: ignore[no-any-return]
        except PydanticCustomError as fault:
            faults.add(fault.type, fault.message(), place, field, value)
            return None

    return instant


def among(words: Iterable[str], code: str) -> Callable[[Fields, str, Place, Faults], str | None]:
    """One of these words, whatever the blanks, case and accents of how it is written; None where there is none."""
    accepted = [*words]
    by_form = {folded(word): word for word in reversed(accepted)}

    def word(order: Fields, field: str, place: Place, faults: Faults) -> str | None:
        value = order.get(field)
        if value is None or value in accepted:
            return value
        found = by_form.get(folded(value)) if isinstance(value, str) else None
        if found is None:
            faults.add(code, f"must be one of {listed(accepted)}", place, field, value)
        return found

    return word


def folded(word: str) -> str:
    """A word without the differences that do not count."""
    return plain(word).lower()
