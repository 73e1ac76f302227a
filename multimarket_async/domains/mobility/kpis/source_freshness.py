"""Freshness of the sources."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import rollups
from multimarket_async.domains.mobility.settings import MobilitySettings


def kpi(settings: MobilitySettings) -> Kpi:  # noqa: ARG001 - as of every KPI
    """One row a source."""
    lag = "(epoch_ms(answered_at) - epoch_ms(newest_at)) // 60000"
    return Kpi(
        name="mobility_source_freshness",
        title="Freshness of sources",
        unit="minutes",
        definition="Of each source: its newest answer, also where that is the same as the one before, the newest thing"
        " in it (a change of status, a model run or an observation of the weather), the minutes between the two, and"
        " the points that it has and lacks. `status` says why a source fails.",
        reads=(rollups.POLLS, rollups.ROSTERS, rollups.POINT_DAYS, rollups.WEATHER, rollups.WEATHER_POLLS),
        columns=(
            Column("source", "string", "Source"),
            Column("answered_at", "date", "Newest answer", role="other"),
            Column("newest_at", "date", "Newest in it", nullable=True, role="other"),
            Column("lag_minutes", "integer", "Minutes between", "minutes", nullable=True, role="other"),
            Column("present_points", "integer", "Points present", nullable=True),
            Column("absent_points", "integer", "Points absent", nullable=True),
        ),
        query=f"""{rollups.ANSWERS},
sources AS (
  SELECT 'points' AS source, max(seen_at) AS answered_at, (SELECT max(last_at) FROM point_days) AS newest_at,
    count(*) FILTER (seen_at = (SELECT max(seen_at) FROM seen)) AS present_points,
    count(*) FILTER (seen_at < (SELECT max(seen_at) FROM seen)) AS absent_points FROM seen
  UNION ALL SELECT 'weather', (SELECT max(polled_at) FROM weather_polls), max(run), NULL, NULL FROM weather)
SELECT source, answered_at, newest_at, {lag} AS lag_minutes, present_points, absent_points
FROM sources WHERE answered_at IS NOT NULL ORDER BY source""",
        check=f"""
WITH newest AS (SELECT max(seen_at) AS moment FROM place),
sources AS (
  SELECT 'points' AS source, (SELECT moment FROM newest) AS answered_at,
    (SELECT max(moment) FROM observation) AS newest_at,
    (SELECT count(*) FROM place, newest WHERE seen_at = moment) AS present_points,
    (SELECT count(*) FROM place, newest WHERE seen_at < moment) AS absent_points
  UNION ALL SELECT 'weather', (SELECT max(fetched) FROM answer_of_weather), (SELECT max(run) FROM slot), NULL, NULL)
SELECT source, answered_at, newest_at, {lag} AS lag_minutes, present_points, absent_points
FROM sources WHERE answered_at IS NOT NULL ORDER BY source""",
        french={
            "Freshness of sources": "Fraîcheur des sources",
            "minutes": "minutes",
            "Source": "Source",
            "Newest answer": "Dernière réponse",
            "Newest in it": "Le plus récent",
            "Minutes between": "Minutes entre les deux",
            "Points present": "Points présents",
            "Points absent": "Points absents",
            "mobility_source_freshness": "De chaque source : sa dernière réponse, même identique à la précédente,"
            " ce qu'elle a de plus récent (un changement d'état, une prévision ou une observation), les minutes entre"
            " les deux, et les points qu'elle a et n'a plus. `status` dit pourquoi une source ne répond pas.",
        },
        place=9,
    )
