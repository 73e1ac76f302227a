"""The profile of the simulated shop: the profile.toml beside this file, overridden by a user's file."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from multimarket_async.errors import WrongSettings, did_you_mean

FILE = Path("config/profile.toml")
MOST_PRODUCTS = 300  # Faker knows some 400 family names
MOST_LINES = 10  # an order is drawn from one digest, which has no more words to spare


def _positive(weights: tuple[float, ...]) -> tuple[float, ...]:
    if not sum(weights):
        raise ValueError("needs a weight above 0")
    return weights


Weight: TypeAlias = Annotated[float, Field(ge=0, le=1e6)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Weights: TypeAlias = Annotated[tuple[Weight, ...], Field(min_length=1), AfterValidator(_positive)]
Hours: TypeAlias = Annotated[Weights, Field(min_length=24, max_length=24)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Customers(_Part):
    """Customers, drawn in proportion to 1 / (rank + regulars)."""

    pool: int = Field(ge=1, le=10**9)
    regulars: int = Field(ge=1, le=10**9)


class Channel(_Part):
    """The sales of one channel; every list holds weights."""

    share: Weight
    cancelled: Share
    click_and_collect: Share
    basket: Annotated[Weights, Field(max_length=MOST_LINES)]
    weekdays: Annotated[Weights, Field(min_length=7, max_length=7)]
    hours: Hours
    weekend_hours: Hours


class Category(_Part):
    """A category of products; prices in whole units of the currency."""

    name: str = Field(pattern=r"\S")
    lowest: int = Field(ge=0, le=10**6)
    highest: int = Field(ge=0, le=10**6)
    products: int = Field(ge=1)
    quantities: Weights | None = None

    @model_validator(mode="after")
    def _limits(self) -> "Category":
        if self.lowest > self.highest:
            raise ValueError("lowest is above highest")
        return self


class Catalogue(_Part):
    """Products, the one of rank r drawn in proportion to 1 / r ^ zipf."""

    zipf: float = Field(ge=0, le=5)
    quantities: Weights
    cents: Mapping[Annotated[int, Field(ge=0, le=99)], Weight] = Field(min_length=1)
    categories: tuple[Category, ...] = Field(min_length=1)

    @field_validator("categories")
    @classmethod
    def _named(cls, categories: tuple[Category, ...]) -> tuple[Category, ...]:
        if (products := sum(category.products for category in categories)) > MOST_PRODUCTS:
            raise ValueError(f"{products} products are more than there are names for: {MOST_PRODUCTS}")
        return categories


class Country(_Part):
    """A country of customers."""

    weight: Weight
    cities: tuple[str, ...]
    towns: int = Field(ge=0, le=200)
    streets: tuple[str, ...]


class Profile(_Part):
    """The whole profile; profile.toml explains each value."""

    growth: float = Field(gt=-1, le=100)
    months: Annotated[Weights, Field(min_length=12, max_length=12)]
    black_friday: Annotated[tuple[Weight, ...], Field(max_length=7)]
    end_of_month: Weight
    end_of_month_days: int = Field(ge=0, le=28)
    customers: Customers
    channels: Mapping[str, Channel]
    catalogue: Catalogue
    countries: Mapping[str, Country] = Field(min_length=1)


def simulated(file: str) -> frozenset[str]:
    """The channels that the profile describes; those of the package's own where the user's cannot be read."""
    try:
        return frozenset(read_profile(file).channels)
    except WrongSettings:  # raised when a delivery is to be made up
        return frozenset(_own()["channels"])


def _own() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("profile.toml").read_text("utf-8"))


def read_profile(file: str) -> Profile:
    """The package's profile, overridden by this file or by config/profile.toml. Raises WrongSettings."""
    own = _own()
    path = Path(file) if file else FILE
    if not file and not path.exists():
        return Profile.model_validate(own)
    try:
        return Profile.model_validate(_over(own, tomllib.loads(path.read_text("utf-8-sig"))))
    except OSError as error:
        raise WrongSettings(f"The profile {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise WrongSettings("\n".join(f"{path}: {fault}" for fault in _faults(error, own))) from error


def _over(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged; a list is replaced by the whole of another."""
    both = {
        name: _over(values[name], change) if isinstance(change, dict) and isinstance(values.get(name), dict) else change
        for name, change in changes.items()
    }
    return {**values, **both}


def _faults(error: ValidationError, known: Mapping[str, Any]) -> Iterable[str]:
    for fault in error.errors(include_url=False):
        name = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            yield f"a profile has no {name}.{_hint(fault['loc'], known)}"
        else:
            given = f" (is {fault['input']!r})" if isinstance(fault["input"], (str, int, float)) else ""
            yield f"{name}: {fault['msg'].removeprefix('Value error, ')}{given}"


def _hint(place: tuple[str | int, ...], known: Any) -> str:
    for step in place[:-1]:
        known = known[0] if isinstance(known, list) else known.get(step, {})
    return did_you_mean(str(place[-1]), known)
