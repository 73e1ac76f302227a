"""Availability by station, with its place and its points as of the newest answer: what a map shows."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import availability, columns, pieces, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings

NOW = {"available": "Available now", "occupied": "Occupied now", "maintenance": "In maintenance now",
       "other": "Other status now", "unknown": "Unknown now", "absent": "Absent now"}  # fmt: skip
STATES = {"available": "Available", "occupied": "Occupied", "maintenance": "In maintenance", "other": "Other status",
          "unknown": "Unknown", "absent": "Absent"}  # fmt: skip
COUNTS = ", ".join(f"count(*) FILTER (now = '{kind}') AS {kind}_now" for kind in NOW)
PLACE = """min(arrondissement) AS arrondissement, max(address) AS address, max(longitude) AS longitude,
    max(latitude) AS latitude"""
LISTED = f"""station AS station_id, address, arrondissement, longitude, latitude, points,
  {", ".join(f"{kind}_now" for kind in NOW)}, CASE {" ".join(f"WHEN {kind}_now > 0 THEN '{kind}'" for kind in NOW)} END
    AS state"""
SUMS = (*(f"{kind}_s" for kind in availability.CHECKED), "changes")
ZEROED = ", ".join(f"coalesce({name}, 0) AS {name}" for name in SUMS)


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a station."""
    name = "mobility_availability_by_station"
    stale = f"to_milliseconds({round(settings.stale_after * 1000)})"
    return Kpi(
        name=name,
        title="Availability by station",
        unit=columns.SECONDS,
        definition="All days, by station; and its points by their status in the newest answer: unknown where that is"
        " stale, absent where the answer lacks the point. The state of a station is the first of these that a point"
        f" of it has. {availability.stale(settings, columns.KNOWN)}",
        reads=pieces.read(settings),
        columns=(
            *columns.STATION,
            columns.ARRONDISSEMENT,
            Column("longitude", "double", "Longitude", "°", nullable=True),
            Column("latitude", "double", "Latitude", "°", nullable=True),
            Column("points", "integer", "Points"),
            *(Column(f"{kind}_now", "integer", title) for kind, title in NOW.items()),
            Column("state", "string", "State", labels=tuple(STATES.items())),
            *columns.DURATIONS,
        ),
        query=f"""{pieces.spent(settings)},
summed AS (SELECT station, {rollups.durations()} FROM spent GROUP BY station),
ended AS (SELECT point, max(last_at) AS last_at, arg_max(last_kind, last_at) AS kind FROM point_days GROUP BY point),
now AS (
  SELECT places.*, CASE WHEN seen_at < max(seen_at) OVER () THEN 'absent'
    WHEN last_at IS NULL OR last_at + {stale} < seen_at THEN 'unknown' ELSE kind END AS now
  FROM places LEFT JOIN ended USING (point)),
stations AS (SELECT station, {PLACE}, count(*) AS points, {COUNTS} FROM now GROUP BY station)
SELECT {LISTED}, {ZEROED}, {rollups.RATES}
FROM stations LEFT JOIN summed USING (station) ORDER BY station_id""",
        check=f"""
WITH summed AS (SELECT station, {availability.checked()} FROM piece JOIN place USING (point) GROUP BY station),
last AS (
  SELECT point, list({{'moment': moment, 'kind': kind}} ORDER BY moment DESC)[1] AS last
  FROM observation GROUP BY point),
now AS (
  SELECT place.*, CASE WHEN seen_at <> (SELECT max(seen_at) FROM place) THEN 'absent'
    WHEN last IS NULL OR seen_at - last['moment'] > {stale} THEN 'unknown' ELSE last['kind'] END AS now
  FROM place LEFT JOIN last USING (point)),
stations AS (SELECT station, {PLACE}, count(*) AS points, {COUNTS} FROM now GROUP BY station)
SELECT {LISTED}, {ZEROED}, {availability.CHECKED_RATES}
FROM stations LEFT JOIN summed USING (station) ORDER BY station_id""",
        french={
            "Availability by station": "Disponibilité par station",
            "Longitude": "Longitude",
            "Latitude": "Latitude",
            "State": "État",
            "Absent": "Absent",
            **{title: f"{columns.FRENCH.get(STATES[kind], 'Absent')} maintenant" for kind, title in NOW.items()},
            name: "Tous les jours, par station ; et ses points selon leur état dans la dernière réponse : inconnu s'il"
            " est périmé, absent si la réponse n'a pas le point. L'état d'une station est le premier de ceux-ci qu'a"
            f" l'un de ses points. {availability.stale(settings, columns.CONNUS)}",
        },
        key=("station_id",),
        place=4,
    )
