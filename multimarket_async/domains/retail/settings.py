"""Settings of the retail domain."""

from datetime import date

from pydantic import Field, field_validator

from multimarket_async.columns import EXPONENTS
from multimarket_async.cron import check_cron
from multimarket_async.settings import WithPseudonyms, empty_is_none


class RetailSettings(WithPseudonyms):
    """Settings of the retail domain."""

    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="what prices are in (ISO 4217)")
    most_visitors_per_hour: int = Field(
        5000, ge=1, description="a store's hour with more visitors is a fault of its counter, and is imputed"
    )
    api_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+[^\s]*)?$",
        description="address of its API, http://host:port; empty: only files",
    )
    poll_every_s: float = Field(3600.0, gt=0, description="pause between two polls of it, seconds")
    schedule: str = Field(
        "",
        description="when to poll it, and to measure, instead of always, as cron in the business time zone: 0 6 * * *;"
        " missed runs are caught up",
    )
    late_days: int = Field(
        7, ge=0, le=400, description="each poll asks again for so many days, which may get late data"
    )
    api_since: date | None = Field(None, description="the first poll asks for the days from here on; empty: late_days")
    api_page_rows: int = Field(
        0, ge=0, le=1_000_000, description="rows of a page; 0: the whole answer, as it has no pages"
    )
    simulated_stores: int = Field(10, ge=1, le=200, description="stores of the simulated chain")
    simulated_clients: int = Field(20_000, ge=1, le=1_000_000, description="its clients")
    simulated_share: float = Field(
        0.1, gt=0, le=1, description="share of the visitors of a real chain that it has; 1: 93,000 lines a day"
    )
    simulated_faults: float = Field(
        0.003, ge=0, le=0.5, description="share of its hours whose counter is at fault: no number, or one too high"
    )
    oversold: bool = Field(
        False, description="draw its tickets independently of visitors: some hours sell to more than came"
    )

    @field_validator("api_url")
    @classmethod
    def _without_slash(cls, address: str) -> str:
        return address.rstrip("/")

    _schedule = field_validator("schedule")(check_cron)

    _day_or_none = field_validator("api_since", mode="before")(empty_is_none)

    @property
    def exponent(self) -> int:
        """Decimals of the minor unit of the currency."""
        return EXPONENTS.get(self.currency, 2)
