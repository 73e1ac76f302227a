"""Observations by day."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import columns, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings


def kpi(settings: MobilitySettings) -> Kpi:
    """One row a day of `last_updated`."""
    return Kpi(
        name="mobility_observations_by_day",
        title="Observations by day",
        unit="observations",
        definition="Distinct observations (point and last_updated) by the day of last_updated, in the business time"
        f" zone ({settings.timezone}), and the points that they are of. Asking again adds none.",
        reads=(rollups.POINT_DAYS,),
        columns=(
            columns.DATE,
            Column("points", "integer", "Points", role="other"),
            Column("observations", "integer", "Observations", "observations"),
        ),
        query="""
SELECT period AS date, count(*) AS points, sum(observations)::BIGINT AS observations
FROM point_days GROUP BY period ORDER BY date""",
        check="""
SELECT strftime(local, '%Y-%m-%d') AS date, count(DISTINCT point) AS points, count(*) AS observations
FROM observation GROUP BY date ORDER BY date""",
        french={
            "Observations by day": "Observations par jour",
            "observations": "observations",
            "mobility_observations_by_day": "Observations distinctes (point et last_updated) par jour de last_updated,"
            f" dans le fuseau {settings.timezone}, et points concernés. Un second relevé n'en ajoute aucune.",
        },
        place=7,
    )
