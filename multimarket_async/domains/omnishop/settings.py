"""Settings of the omnishop domain."""

from pydantic import Field, field_validator

from multimarket_async.cron import check_cron
from multimarket_async.domains import Engine
from multimarket_async.settings import WithPseudonyms


class OmniSettings(WithPseudonyms):
    """Settings of the omnishop domain."""

    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="what prices are in (ISO 4217), with two decimals")
    omnishop_schedule: str = Field(
        "30 4 * * *",
        description="when its models are computed, as cron in the business time zone; empty: only by `job run`",
    )
    engine: Engine = Field("local", description="what computes churn_risk: local, or spark, from the lake")
    alert_days: int = Field(60, ge=1, le=400, description="orders of so many days are watched for fraud")
    shoppers: int = Field(1500, ge=20, le=100_000, description="clients of the simulated shop at any one time")
    campaign_every_days: int = Field(6, ge=6, le=60, description="days from one of its campaigns to the next")

    _schedule = field_validator("omnishop_schedule")(check_cron)
