"""The two feeds of mobility: answers about points, and answers about the weather."""

from multimarket_async.domains import Derived, Feed, Table
from multimarket_async.domains.mobility.points import Points
from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.domains.mobility.simulator import corruptions, simulated
from multimarket_async.domains.mobility.source import poll
from multimarket_async.domains.mobility.weather import Weather

STATUSES, WEATHER, POINTS = "mobility_statuses", "mobility_weather", "mobility_points"
LARGEST_BYTES = 64 << 20
BUDGET_S = 30  # an answer has thousands of records


def feeds(settings: MobilitySettings) -> tuple[Feed, ...]:
    """Observations are stored once; points are kept as of each day, forecasts of each run, and who was in an answer."""
    points, weather = Points(settings), Weather(settings)
    known = Derived(Table(POINTS, "upsert", version=lambda point: point["seen_at"]), points.known)
    answers = (Derived(Table("mobility_polls"), points.polls), Derived(Table("mobility_rosters"), points.rosters))
    return (
        Feed(
            STATUSES,
            Table(STATUSES, dated="last_updated"),
            points.observations,
            (".json", ".ndjson", ".jsonl", ".json.gz"),
            records="many",
            on_bad_record="keep_rest",
            max_file_bytes=LARGEST_BYTES,
            latency_budget_s=BUDGET_S,
            simulate=simulated(STATUSES, settings),
            corruptions=corruptions(),
            poll=poll(STATUSES, settings),
            derived=(known, *answers),
        ),
        Feed(
            WEATHER,
            Table(WEATHER, "upsert", version=lambda slot: slot["fetched_at"]),
            weather.slots,
            records="many",
            on_bad_record="keep_rest",
            simulate=simulated(WEATHER, settings),
            simulated_files=56,
            corruptions=corruptions(),
            poll=poll(WEATHER, settings),
            derived=(Derived(Table("mobility_weather_polls"), weather.polls),),
        ),
    )


def polled(settings: MobilitySettings, address: str) -> tuple[Feed, ...]:
    """The same, of the simulated city at this address."""
    points = f"{address}/api/explore/v2.1/catalog/datasets/simulated"
    return feeds(settings.model_copy(update={"points_url": points, "weather_url": address}))
