"""The star schema of mobility, and the file of each date: status by slot and point, or station, with the weather."""

from multimarket_async.domains import DatedExport, StarTable
from multimarket_async.domains.mobility import pieces, rollups
from multimarket_async.domains.mobility.rollups import KINDS, POINTS, POLLS, ROSTERS
from multimarket_async.domains.mobility.settings import MobilitySettings

RATE, MEASURE = "numeric(5, 2)", "numeric(8, 2)"
SECONDS = dict.fromkeys((*(f"{kind}_s" for kind in KINDS), "known_s", "usable_s", "changes"), "bigint")
SKY = dict.fromkeys(("temperature_c", "rain_mm", "wind_kmh"), MEASURE)
SKY_VALUES = "amount(temperature_100) AS temperature_c, amount(rain_100) AS rain_mm, amount(wind_100) AS wind_kmh"
STATION = {"address": "text", "arrondissement": "text", "longitude": "double precision", "latitude": "double precision"}
PLACE = """max(address) AS address, min(arrondissement) AS arrondissement, max(longitude) AS longitude,
    max(latitude) AS latitude"""
TIMES = "FROM (SELECT date, slot FROM spent UNION SELECT date, slot FROM skies)"


def star(settings: MobilitySettings) -> tuple[StarTable, ...]:
    """Four dimensions and two facts."""
    return (*_places(), *_times(settings), _statuses(settings), _weather(settings))


def _places() -> tuple[StarTable, ...]:
    """Stations and points, as the newest answer that has them describes them."""
    return (
        StarTable(
            "dim_station",
            "Stations, with the number of their points.",
            (POINTS, POLLS, ROSTERS),
            f"{rollups.PLACES} SELECT station AS station_id, {PLACE}, count(*) AS points FROM places GROUP BY station",
            {"station_id": "text", **STATION, "points": "bigint"},
            ("station_id",),
        ),
        StarTable(
            "dim_point",
            "Charging points; one that the newest answer lacks is absent, since seen_at.",
            (POINTS, POLLS, ROSTERS),
            f"{rollups.PLACES} SELECT point AS point_id, station AS station_id, insee, seen_at,"
            " seen_at < max(seen_at) OVER () AS absent FROM places",
            {"point_id": "text", "station_id": "text", "insee": "text", "seen_at": "timestamptz", "absent": "boolean"},
            ("point_id",),
            {"station_id": "dim_station"},
        ),
    )


def _times(settings: MobilitySettings) -> tuple[StarTable, ...]:
    read = pieces.read(settings)
    return (
        StarTable(
            "dim_date",
            "Days with status or weather, in the business time zone; weekday 1 is Monday.",
            read,
            f"{pieces.spent(settings)} SELECT DISTINCT date::DATE AS day, year(day)::INT AS year,"
            f" month(day)::INT AS month, isodow(day)::INT AS weekday {TIMES}",
            {"day": "date", "year": "int", "month": "int", "weekday": "int"},
            ("day",),
        ),
        StarTable(
            "dim_slot",
            "Slots of three hours, by local time.",
            read,
            f"{pieces.spent(settings)} SELECT DISTINCT slot, slot[:2]::INT AS from_hour,"
            f" slot[4:]::INT AS to_hour {TIMES}",
            {"slot": "text", "from_hour": "int", "to_hour": "int"},
            ("slot",),
        ),
    )


def _statuses(settings: MobilitySettings) -> StarTable:
    return StarTable(
        "fact_status_slot",
        "A row a day, slot and point: seconds by kind of status, and changes of it.",
        pieces.read(settings),
        f"""{pieces.spent(settings)}, summed AS (
  SELECT date::DATE AS day, slot, point AS point_id, {rollups.durations()} FROM spent GROUP BY ALL)
SELECT *, {rollups.RATES} FROM summed""",
        {
            "day": "date",
            "slot": "text",
            "point_id": "text",
            **SECONDS,
            "availability_rate": RATE,
            "occupancy_rate": RATE,
        },
        ("day", "slot", "point_id"),
        {"day": "dim_date", "slot": "dim_slot", "point_id": "dim_point"},
    )


def _weather(settings: MobilitySettings) -> StarTable:
    return StarTable(
        "fact_weather_slot",
        f"A row a day and slot: the weather of {settings.city}, of the newest run.",
        pieces.read(settings),
        f"{pieces.spent(settings)} SELECT date::DATE AS day, slot, {SKY_VALUES}, run FROM skies",
        {"day": "date", "slot": "text", **SKY, "run": "timestamptz"},
        ("day", "slot"),
        {"day": "dim_date", "slot": "dim_slot"},
    )


def export(settings: MobilitySettings) -> DatedExport:
    """A file a date, with a row for each slot and station; a day is over when an answer came after its end."""
    query = f"""{pieces.spent(settings)}, stations AS (
  SELECT station, {PLACE}, count(*) AS points FROM places GROUP BY station),
summed AS (SELECT date, slot, station, {rollups.durations()} FROM spent GROUP BY ALL)
SELECT date, slot, start_of(date::DATE + to_hours(slot[:2]::INT)) AS slot_started_at, station AS station_id, address,
  s.arrondissement, longitude, latitude, points, summed.* EXCLUDE (date, slot, station), {rollups.RATES}, {SKY_VALUES}
FROM summed JOIN stations s USING (station) LEFT JOIN skies USING (date, slot)"""
    columns = {
        "date": "text", "slot": "text", "slot_started_at": "timestamptz", "station_id": "text", **STATION,
        "points": "bigint", **SECONDS, "availability_rate": RATE, "occupancy_rate": RATE, **SKY,
    }  # fmt: skip
    key = ("date", "slot", "station_id")
    table = StarTable(
        "mobility_by_date", "Status and weather by slot and station.", pieces.read(settings), query, columns, key
    )
    complete = f"""{pieces.spent(settings)} SELECT DISTINCT period AS date FROM pieces
WHERE start_of(period::DATE + INTERVAL 1 DAY) <= (SELECT max(polled_at) FROM answers)"""
    return DatedExport(table, complete, "multimarket-mobility")
