"""Rules of the files of bikes: name, demand, and consequence: lines are rejected, or flagged and stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from multimarket_async.formats.columns import Demand

File: TypeAlias = Literal["bikes", "bikeshops", "orders", "customers"]
Dimension: TypeAlias = Literal["completeness", "validity", "consistency", "uniqueness", "accuracy", "timeliness"]


@dataclass(frozen=True)
class Rule:
    """A rule of the lines of a file. words: its demand, as the end of a sentence."""

    file: File
    name: str
    dimension: Dimension
    action: Literal["reject", "flag"]
    words: str

    def demand(self, holds: Callable[[Any], bool]) -> Demand:
        """The rule as a demand on a column: a value that breaks it rejects its line."""
        return Demand(self.name, self.words, holds)


PRICE = Rule("bikes", "price_positive", "validity", "reject", "a price is more than 0")
FRAME = Rule("bikes", "frame_known", "validity", "flag", "a frame is of Aluminum or Carbon")
LATITUDE = Rule("bikeshops", "latitude_on_earth", "validity", "reject", "a latitude is from -90 to 90")
LONGITUDE = Rule("bikeshops", "longitude_on_earth", "validity", "reject", "a longitude is from -180 to 180")
STATE = Rule("bikeshops", "state_code", "validity", "flag", "a state is two capital letters")
QUANTITY = Rule("orders", "quantity_positive", "validity", "reject", "a quantity is 1 or more")
PAST = Rule("orders", "dated_before_file", "timeliness", "reject", "an order is at most a day later than its file")
USUAL = Rule("orders", "quantity_usual", "accuracy", "flag", "a quantity is at most usual_quantity, a setting")
LISTED = Rule("orders", "product_listed", "consistency", "flag", "the product is in the newest list of bikes")
SHOP = Rule("orders", "shop_known", "consistency", "flag", "the customer is in the newest list of shops")
ONE_DATE = Rule("orders", "order_has_one_date", "consistency", "flag", "all lines of an order have the same date")
ONE_SHOP = Rule("orders", "order_has_one_shop", "consistency", "flag", "all lines of an order are of the same customer")
GENDER = Rule("customers", "gender_given", "completeness", "flag", "a gender is given")
BORN = Rule("customers", "born_plausibly", "accuracy", "flag", "a birth date is in 1900 or later")
INCOME = Rule("customers", "income_not_negative", "validity", "reject", "an income is 0 or more")
IS_SHOP = Rule("customers", "customer_is_shop", "consistency", "flag", "a customer is in the newest list of shops")

# The rejections of any file; a code that is none of them is a fault of validity, too.
BROKEN = {
    "missing_value": "a value that is needed is there",
    "not_an_integer": "a whole number is one",
    "not_an_amount": "a price is an amount with at most 2 decimals",
    "not_a_number": "a coordinate is a number",
    "bad_date": "a date is one, in the order of its column",
    "wrong_field_count": "a line has as many fields as the header",
    "bad_quoting": "a quoted value ends at a delimiter",
    "unclosed_quote": "a quote that is opened is closed",
}
FILES: tuple[File, ...] = ("bikes", "bikeshops", "orders", "customers")
COLUMNS_OF: dict[File, tuple[str, ...]] = {
    "bikes": ("not_an_integer", "not_an_amount"),
    "bikeshops": ("not_an_integer", "not_a_number"),
    "orders": ("not_an_integer", "bad_date"),
    "customers": ("not_an_integer", "bad_date", "not_an_amount"),
}
SHARED = ("missing_value", "wrong_field_count", "bad_quoting", "unclosed_quote")


def _of_any(file: File) -> tuple[Rule, ...]:
    """The rules of a file that follow from its format, and that a key is in it once."""
    kinds: dict[str, Dimension] = {"missing_value": "completeness"}
    names = (*SHARED, *COLUMNS_OF[file])
    broken = (Rule(file, name, kinds.get(name, "validity"), "reject", BROKEN[name]) for name in names)
    return *broken, Rule(file, "key_once", "uniqueness", "flag", "a key is in a file once; the last line counts")


RULES: tuple[Rule, ...] = (
    *(PRICE, FRAME, LATITUDE, LONGITUDE, STATE, QUANTITY, PAST, USUAL, LISTED, SHOP, ONE_DATE, ONE_SHOP, GENDER, BORN),
    *(INCOME, IS_SHOP),
    *(rule for file in FILES for rule in _of_any(file)),
)


def before(latest: datetime) -> Demand:
    """An order is dated no later than this instant."""
    return PAST.demand(lambda day: bool(day <= latest))


def flags(*checked: tuple[Rule, bool]) -> list[str]:
    """The names of the rules that do not hold."""
    return [rule.name for rule, holds in checked if not holds]
