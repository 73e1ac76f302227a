"""Settings of the bikes domain."""

from typing import Literal, TypeAlias

from pydantic import Field, field_validator

from multimarket_async.cron import check_cron
from multimarket_async.domains import Engine
from multimarket_async.formats.dates import DateOrder
from multimarket_async.settings import Business

Order: TypeAlias = Literal["auto"] | DateOrder


class BikeSettings(Business):
    """Settings of the bikes domain."""

    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="what prices are in (ISO 4217), with two decimals")
    order_dates: Order = Field(
        "auto",
        description="order of dates in files of orders: mdy, dmy, ymd, or auto: found over the whole column, and a file"
        " that does not decide is quarantined",
    )
    birth_dates: Order = Field("auto", description="the same, of birth dates in files of customers")
    models_schedule: str = Field(
        "30 3 * * *",
        description="when its models are computed, as cron in the business time zone; empty: only by `job run`",
    )
    engine: Engine = Field("local", description="what computes its models: local, or spark, from the lake")
    usual_quantity: int = Field(10, ge=1, description="an order line of more pieces is flagged, and counts")

    _models_schedule = field_validator("models_schedule")(check_cron)


def declared(order: Order) -> DateOrder | None:
    """The declared order of dates; None: it is to be found."""
    return None if order == "auto" else order
