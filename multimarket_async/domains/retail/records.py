"""The contract of the five kinds of records: their fields, as JSON and CSV deliver them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, GetPydanticSchema, with_config
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import TypedDict

ALL_STORES = "(all)"
ID_CHARS, TEXT_CHARS = 200, 1000
LARGEST_COUNT, LARGEST_AMOUNT = 10**9, 10**10
OLDEST = 120

# A text that is not blank and holds no NUL, or a whole number, which becomes a text.
_IDENTIFIER = core_schema.union_schema(
    [
        core_schema.str_schema(strict=True, pattern=r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$", max_length=ID_CHARS),
        core_schema.no_info_after_validator_function(str, core_schema.int_schema(strict=True)),
    ],
    mode="left_to_right",
    custom_error_type="identifier",
    custom_error_message="must be a text of 1 to 200 characters, or a whole number",
)
Identifier = Annotated[str, GetPydanticSchema(lambda *_: _IDENTIFIER)]


def _of_one_store(identifier: str) -> str:
    if identifier == ALL_STORES:
        raise PydanticCustomError("reserved", "(all) stands for all stores together")
    return identifier


StoreId = Annotated[Identifier, AfterValidator(_of_one_store)]
Text = Annotated[str, Field(pattern=r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$", max_length=TEXT_CHARS)]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Amount = Annotated[float, Field(ge=0, le=LARGEST_AMOUNT, allow_inf_nan=False)]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
DELIVERED = ConfigDict(extra="ignore", strict=True)


def _hour(given: Any) -> Any:
    """An hour as text, as in "7", is a number."""
    return int(given) if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) <= 2 else given  # noqa: PLR2004


_HOUR = core_schema.no_info_before_validator_function(_hour, core_schema.int_schema(strict=True, ge=0, le=24))
Hour = Annotated[int, GetPydanticSchema(lambda *_: _HOUR)]


@with_config(DELIVERED)
class Store(TypedDict):
    """A store."""

    id: StoreId
    name: Text
    location: Text
    capacity: Count
    opening_hour: Hour
    closing_hour: Hour


@with_config(DELIVERED)
class Product(TypedDict):
    """A product of a price list. since: the day from which its cost holds; without it, that of the file."""

    id: Identifier
    name: Text
    category: Text
    price: Amount
    cost: Amount
    since: NotRequired[Day | None]


@with_config(DELIVERED)
class Client(TypedDict):
    """A client."""

    id: Identifier
    name: Text
    age: Annotated[int, Field(ge=0, le=OLDEST)]
    gender: Literal["Homme", "Femme"]
    loyalty_card: bool
    city: Text


@with_config(DELIVERED)
class Footfall(TypedDict):
    """An hour of a store. sales: the number of tickets."""

    store_id: StoreId
    store_name: Text
    date: Day
    hour: Annotated[int, Field(ge=0, le=23)]
    visitors: Count | None
    sales: Count | None


@with_config(DELIVERED)
class Sale(TypedDict):
    """A line of a ticket."""

    sale_id: Identifier
    nb_type_product: Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
    product_id: Identifier
    client_id: Identifier
    store_id: StoreId
    quantity: Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
    sale_amount: Amount
    sale_date: Day
    sale_time: Annotated[str, Field(pattern=r"^[0-9]{2}:[0-9]{2}:[0-9]{2}$")]
