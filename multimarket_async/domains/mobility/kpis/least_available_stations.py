"""Stations that are least available."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import availability, columns, pieces, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings

MOST = 20


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a station, the worst first."""
    name = "mobility_least_available_stations"
    rank = "row_number() OVER (ORDER BY availability_rate, station_id) AS rank"
    place = "min(arrondissement) AS arrondissement, max(address) AS address, count(DISTINCT point) AS points"
    rated = f"SELECT {rank}, * FROM rated WHERE availability_rate IS NOT NULL ORDER BY rank LIMIT {MOST}"
    return Kpi(
        name=name,
        title="Least available stations",
        unit=columns.SECONDS,
        definition=f"The {MOST} stations that were available for the smallest share of the time of known status, over"
        f" all days; equal ones by their number. {availability.stale(settings, columns.KNOWN)}",
        reads=pieces.read(settings),
        columns=(
            Column("rank", "integer", "Rank", role="other"),
            *columns.STATION,
            Column("arrondissement", "string", "Arrondissement", role="other"),
            Column("points", "integer", "Points"),
            *columns.DURATIONS,
        ),
        query=f"""{pieces.spent(settings)}, summed AS (
  SELECT spent.station AS station_id, {place.replace("(arr", "(spent.arr").replace("(add", "(places.add")},
    {rollups.durations()}
  FROM spent JOIN places USING (point) GROUP BY station_id),
rated AS (SELECT *, {rollups.RATES} FROM summed)
{rated}""",
        check=f"""
WITH summed AS (
  SELECT station AS station_id, {place}, {availability.checked()} FROM piece JOIN place USING (point) GROUP BY station),
rated AS (SELECT *, {availability.CHECKED_RATES} FROM summed)
{rated}""",
        french={
            "Least available stations": "Stations les moins disponibles",
            "Rank": "Rang",
            name: f"Les {MOST} stations disponibles pendant la plus petite part du temps d'état connu, tous jours"
            f" confondus. {availability.stale(settings, columns.CONNUS)}",
        },
        key=("station_id",),
        place=8,
    )
