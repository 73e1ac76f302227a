"""Settings of the mobility domain."""

from typing import Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from multimarket_async.polling import check_cron
from multimarket_async.settings import Business, EnvironmentKey, empty_is_none

ADDRESS = r"^(https?://[^\s/]+[^\s]*)?$"


class MobilitySettings(Business):
    """Settings of the mobility domain."""

    points_url: str = Field(
        "",
        pattern=ADDRESS,
        description="address of the dataset of points (Opendatasoft Explore v2.1), below which /records and /exports"
        " lie; empty: only files",
    )
    weather_url: str = Field("", pattern=ADDRESS, description="address of the weather; empty: only files")
    weather_provider: Literal["open-meteo", "infoclimat", "openweather"] = Field(
        "open-meteo", description="whose API that is: open-meteo (no key), infoclimat or openweather"
    )
    api_key: EnvironmentKey | None = Field(
        None, description="key of the weather's API, in the environment only; of infoclimat _auth, a blank, and _c"
    )
    points_every: float = Field(600.0, gt=0, description="pause between two polls of the points, seconds")
    weather_every: float = Field(10_800.0, gt=0, description="pause between two polls of the weather, seconds")
    schedule: str = Field(
        "",
        description="when to poll both, and to measure, instead of always, as cron in the business time zone:"
        " */15 * * * *; missed runs are caught up",
    )
    city: str = Field("Paris", pattern=r"^[^'\x00-\x1f@]{1,100}$", description="the place that the weather is of")
    latitude: float = Field(48.8566, ge=-90, le=90, description="its latitude, degrees")
    longitude: float = Field(2.3522, ge=-180, le=180, description="its longitude, degrees")
    local_timezone: str = Field("Europe/Paris", description="time zone (IANA name) of times that are given without one")
    stale_after: float = Field(
        86_400.0, ge=1, le=366 * 86_400, description="a status counts as unknown from so long after it changed, seconds"
    )
    simulated_points: int = Field(100, ge=1, le=20_000, description="points of the simulated city")

    @field_validator("points_url", "weather_url")
    @classmethod
    def _without_slash(cls, address: str) -> str:
        return address.rstrip("/")

    _api_key_or_none = field_validator("api_key", mode="before")(empty_is_none)

    @field_validator("local_timezone")
    @classmethod
    def _available(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"no such time zone: {name!r}; expected an IANA name such as Europe/Paris")
        return name

    _schedule = field_validator("schedule")(check_cron)
