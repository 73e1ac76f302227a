"""The facts of mobility, and durations of status: a point keeps one until its next observation, or until it is stale.

What a point did between two observations of a day is rolled up by day; `pieces` follows its last status of a day, which
goes on.
"""

from multimarket_async.domains import Facts, Rollup, Value
from multimarket_async.domains.mobility.points import AVAILABLE, MAINTENANCE, OCCUPIED, UNKNOWN
from multimarket_async.domains.mobility.settings import MobilitySettings

KIND = f"""CASE status WHEN '{AVAILABLE}' THEN 'available' WHEN '{OCCUPIED}' THEN 'occupied'
  WHEN '{MAINTENANCE}' THEN 'maintenance' WHEN '{UNKNOWN}' THEN 'unknown' ELSE 'other' END"""
DAY = "strftime(local, '%Y-%m-%d')"
SLOT_HOURS, SLOTS = 3, 8

OBSERVED = Facts(
    "observed",
    "mobility_statuses",
    {
        "point": Value("id_pdc", "VARCHAR"),
        "status": Value("status", "VARCHAR"),
        "moment": Value("last_updated", "TIMESTAMP"),
    },
    columns={"kind": KIND},
    event="moment",
    period=DAY,
)
POINTS = Facts(
    "points",
    "mobility_points",
    {
        "point": Value("id_pdc", "VARCHAR"),
        "station": Value("station_id", "VARCHAR"),
        "day": Value("day", "VARCHAR"),
        "seen_at": Value("seen_at", "TIMESTAMP"),
        "address": Value("address", "VARCHAR", nullable=True),
        "insee": Value("insee", "VARCHAR", nullable=True),
        "arrondissement": Value("arrondissement", "VARCHAR"),
        "longitude": Value("longitude", "DOUBLE", nullable=True),
        "latitude": Value("latitude", "DOUBLE", nullable=True),
    },
    event="seen_at",
    period="day",
)
POLLS = Facts(
    "polls",
    "mobility_polls",
    {
        "polled_at": Value("polled_at", "TIMESTAMP"),
        "day": Value("day", "VARCHAR"),
        "roster": Value("roster", "VARCHAR", nullable=True),
        "same_as": Value("same_as", "TIMESTAMP", nullable=True),
    },
    event="polled_at",
    period="day",
)
# The points of one answer or of many: none changes any day before there is an answer that has it.
ROSTERS = Facts("rosters", "mobility_rosters", {"members": Value("points", "VARCHAR[]")}, period="'~'")
WEATHER_POLLS = Facts(
    "weather_polls", "mobility_weather_polls", {"polled_at": Value("polled_at", "TIMESTAMP")}, event="polled_at"
)
# `local` is that of an event.
LOCAL_MOMENT = "moment + (SELECT max_by(z.shift, z.utc_from) FROM zone z WHERE z.utc_from <= moment)"
WEATHER = Facts(
    "weather",
    "mobility_weather",
    {
        "place": Value("place", "VARCHAR"),
        "moment": Value("at", "TIMESTAMP"),
        "run": Value("run", "TIMESTAMP"),
        "fetched_at": Value("fetched_at", "TIMESTAMP"),
        "hours": Value("hours", "BIGINT"),
        "temperature": Value("temperature_c", "DOUBLE", nullable=True),
        "rain": Value("rain_mm", "DOUBLE", nullable=True),
        "wind": Value("wind_kmh", "DOUBLE", nullable=True),
    },
    event="fetched_at",  # a forecast is no event to come
    period=f"strftime({LOCAL_MOMENT}, '%Y-%m-%d')",
)
# Of each day and point: its observations, the first and the last one.
POINT_DAYS = Rollup(
    "point_days",
    OBSERVED,
    """
SELECT period, point, count(*) AS observations, min(moment) AS first_at, arg_min(status, moment) AS first_status,
  max(moment) AS last_at, arg_max(status, moment) AS last_status, arg_max(kind, moment) AS last_kind
FROM observed GROUP BY ALL
""",
)
# Of each day, slot and point: how often its status changed since an observation of the same day.
CHANGES = Rollup(
    "changes",
    OBSERVED,
    f"""
SELECT period, hour(local) // {SLOT_HOURS} AS slot, point, count(*) AS changes FROM (
  SELECT *, lag(status) OVER (PARTITION BY period, point ORDER BY moment) AS before FROM observed)
WHERE status <> before GROUP BY ALL
""",
)
# The newest run counts. Sums are of hundredths; rain is that of three hours.
SKY = Rollup(
    "sky",
    WEATHER,
    f"""
SELECT period, place, hour(local_moment) // {SLOT_HOURS} AS slot, max(run) AS run,
  half_up(sum((temperature * 100)::BIGINT), count(temperature))::BIGINT AS temperature_100,
  half_up({SLOT_HOURS} * sum((rain * 100)::BIGINT), sum(hours) FILTER (rain IS NOT NULL))::BIGINT AS rain_100,
  half_up(sum((wind * 100)::BIGINT), count(wind))::BIGINT AS wind_100
FROM (
  SELECT *, {LOCAL_MOMENT} AS local_moment FROM weather
  QUALIFY row_number() OVER (PARTITION BY place, moment ORDER BY run DESC, fetched_at DESC) = 1)
GROUP BY ALL
""",
)


# Answers that repeat another have its points.
ANSWERS = """
WITH answers AS (
  SELECT p.polled_at, p.day, coalesce(p.roster, a.roster) AS roster
  FROM polls p LEFT JOIN polls a ON p.same_as = a.polled_at AND a.roster IS NOT NULL
  WHERE coalesce(p.roster, a.roster) IS NOT NULL),
present AS (SELECT _id AS roster, unnest(members) AS point FROM rosters),
seen AS (
  SELECT point, max(till) AS seen_at
  FROM (SELECT roster, max(polled_at) AS till FROM answers GROUP BY roster) JOIN present USING (roster)
  GROUP BY point)"""
# Named queries; `places` has points, each as the newest answer that has it describes it.
PLACES = f"""{ANSWERS},
described AS (
  SELECT point, arg_max(station, seen_at) AS station, arg_max(address, seen_at) AS address,
    arg_max(insee, seen_at) AS insee, arg_max(arrondissement, seen_at) AS arrondissement,
    arg_max(longitude, seen_at) AS longitude, arg_max(latitude, seen_at) AS latitude
  FROM points GROUP BY point),
places AS (SELECT * FROM described JOIN seen USING (point))
"""


def stale(settings: MobilitySettings) -> str:
    """The duration after which a status is stale."""
    return f"to_milliseconds({round(settings.stale_after * 1000)})"


def stays(settings: MobilitySettings) -> Rollup:
    """Milliseconds by day, slot, point and kind of status, up to the last observation of the day."""
    return Rollup(
        "stays",
        OBSERVED,
        f"""
WITH followed AS (
  SELECT *, lead(moment) OVER (PARTITION BY period, point ORDER BY moment) AS next,
    moment + {stale(settings)} AS stale_at
  FROM observed),
parts AS (
  SELECT period, point, kind, moment AS since, least(next, stale_at) AS till FROM followed WHERE next IS NOT NULL
  UNION ALL SELECT period, point, 'unknown', stale_at, next FROM followed WHERE stale_at < next),
slots AS ({slots("(SELECT DISTINCT period FROM observed)")})
SELECT period, slot, point, kind, sum(epoch_ms(least(till, slot_till)) - epoch_ms(greatest(since, slot_since)))::BIGINT
  AS ms
FROM parts JOIN slots USING (period) WHERE since < slot_till AND till > slot_since GROUP BY ALL
""",
    )


def slots(days: str) -> str:
    """A query for the slots of days, which have `period`: their instants. In two nights of a year one is longer."""
    begins = f"period::DATE + to_hours({SLOT_HOURS} * slot)"
    return (
        f"SELECT period, slot, start_of({begins}) AS slot_since, start_of({begins} + to_hours({SLOT_HOURS}))"
        f" AS slot_till FROM {days}, (SELECT unnest(range({SLOTS})) AS slot)"
    )


def slot_name(slot: str) -> str:
    """The name of a slot, as 06-09, of its number."""
    names = ", ".join(f"'{hour:02}-{hour + SLOT_HOURS:02}'" for hour in range(0, 24, SLOT_HOURS))
    return f"[{names}][{slot} + 1]"


KINDS = ("available", "occupied", "maintenance", "other", "unknown")


def durations() -> str:
    """Sums over rows of `spent`: seconds by kind, those of a known status, those free or occupied, and changes."""
    kinds = {kind: kind for kind in KINDS}
    kinds |= {"known": "available + occupied + maintenance + other", "usable": "available + occupied"}
    seconds = ", ".join(f"half_up(sum({value}), 1000)::BIGINT AS {name}_s" for name, value in kinds.items())
    return f"{seconds}, sum(changes)::BIGINT AS changes"


RATES = "percent(available_s, known_s) AS availability_rate, percent(occupied_s, usable_s) AS occupancy_rate"
