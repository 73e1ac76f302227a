"""Columns of KPIs and listings: their types, and the roles by which readers regroup, add up and draw them."""

import re
from dataclasses import KW_ONLY, dataclass
from typing import Literal, TypeAlias

Type: TypeAlias = Literal["string", "integer", "double", "date", "boolean", "money", "percent"]
Role: TypeAlias = Literal["key", "time", "sum", "ratio", "other"]

ROLES: dict[str, Role] = {"string": "key", "boolean": "key", "date": "time", "integer": "sum", "money": "sum"}
NUMBERS = frozenset(("integer", "double", "money", "percent"))
CURRENCY = re.compile(r"[A-Z]{3}")
# ISO 4217: the exponents that are not 2.
WITHOUT_MINOR_UNIT = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV")
EXPONENTS = {
    **dict.fromkeys((*WITHOUT_MINOR_UNIT, "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a KPI.

    type: money is an integer of minor units of the currency `unit` (int64), percent a double.
    unit: "" where the number is a plain count or a name. nullable: a rate over nothing.
    role: without one, texts and booleans are keys, dates are times, integers and money are sums, a column with `of` is
        a ratio, and the rest is `other`: a rank, a maximum, a share of all, a count of distinct things. Only sums are
        added up, stacked or regrouped; of a time as text, a period such as 2026, 2026-Q2, 2026-05 or 2026-05-12.
    of: the two sums of the same row that a ratio is the quotient of; amounts count in whole units, and a percent is
        100 times it. It is rounded half-up: a double to 2 decimals, money to its minor unit; null over nothing.
    exact: the money column that says the same as this double without rounding, and is shown to people in its place.
    hidden: left out of tables for people.
    decimals: of an amount that is not kept in the minor units of ISO 4217.
    labels: words for its values. total: the value of a key that stands for all others together: rows with it are left
        out where rows are added up or drawn.
    sentences: its values are words or sentences of the domain, which people read in their language, by their templates.
    """

    name: str
    type: Type
    title: str
    unit: str = ""
    nullable: bool = False
    _: KW_ONLY
    role: Role | Literal[""] = ""
    of: tuple[str, str] | None = None
    exact: str = ""
    hidden: bool = False
    decimals: int | None = None
    labels: tuple[tuple[str | int | bool, str], ...] = ()
    total: str = ""
    sentences: bool = False

    def __post_init__(self) -> None:
        if not self.role:
            role = "ratio" if self.of else "other" if self.exact else ROLES.get(self.type, "other")
            object.__setattr__(self, "role", role)

    @property
    def is_number(self) -> bool:
        """A quantity, not a name, a rank or a time."""
        return self.type in NUMBERS and self.role not in ("key", "time")

    @property
    def is_amount(self) -> bool:
        """Counts whole units of a currency, as a double."""
        return self.type == "double" and bool(CURRENCY.fullmatch(self.unit))

    @property
    def says_what(self) -> bool:
        """Says what its row is about."""
        return self.role in ("key", "time") and not self.hidden

    @property
    def is_shown(self) -> bool:
        """Is in tables for people."""
        return not self.hidden and not self.exact

    @property
    def digits(self) -> int:
        """Decimals that people are shown: those of its currency, none of an integer, or 2."""
        if self.decimals is not None:
            return self.decimals
        if self.type == "money":
            return EXPONENTS.get(self.unit, 2)
        return 0 if self.type == "integer" else 2
