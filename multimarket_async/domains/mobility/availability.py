"""KPIs of availability: durations of status over keys that differ, with their check in SQL."""

from collections.abc import Mapping

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.mobility import columns, pieces, rollups
from multimarket_async.domains.mobility.settings import MobilitySettings

CHECKED = ("available", "occupied", "maintenance", "other", "unknown", "known", "usable")


def kpi(
    settings: MobilitySettings,
    *,
    name: str,
    title: str,
    definition: str,
    french: Mapping[str, str],
    keys: tuple[Column, ...],
    place: int,
    headline: bool = False,
) -> Kpi:
    """Durations over `keys`, which are columns of `spent`. french: its words, the definition by `name`."""
    by = ", ".join(column.name for column in keys)
    points = "count(DISTINCT point) AS points"
    return Kpi(
        name=name,
        title=title,
        unit=columns.SECONDS,
        definition=f"{definition} {stale(settings, columns.KNOWN)}",
        reads=pieces.read(settings),
        columns=(*keys, Column("points", "integer", "Points", role="other"), *columns.DURATIONS),
        query=f"""{pieces.spent(settings)}, summed AS (
  SELECT {by}, {points}, {rollups.durations()} FROM spent GROUP BY ALL)
SELECT *, {rollups.RATES} FROM summed ORDER BY {by}""",
        check=f"""
WITH summed AS (SELECT {by}, {points}, {checked()} FROM piece JOIN place USING (point) GROUP BY {by})
SELECT *, {CHECKED_RATES} FROM summed ORDER BY {by}""",
        french={**french, name: f"{french[name]} {stale(settings, columns.CONNUS)}"},
        headline=headline,
        place=place,
    )


def stale(settings: MobilitySettings, text: str) -> str:
    """The text with the duration after which a status is stale."""
    return text.format(stale=f"{settings.stale_after / 3600:g} h")


def checked() -> str:
    """The sums of rows of `piece`, for checks."""
    kinds = {kind: f"['{kind}']" for kind in CHECKED[:5]}
    kinds |= {"known": "['available', 'occupied', 'maintenance', 'other']", "usable": "['available', 'occupied']"}
    seconds = ", ".join(
        f"nearest(sum(CASE WHEN list_contains({kinds[kind]}, kind) THEN ms ELSE 0 END), 1000)::BIGINT AS {kind}_s"
        for kind in CHECKED
    )
    return f"{seconds}, sum(changes)::BIGINT AS changes"


CHECKED_RATES = (
    "share(available_s, known_s) AS availability_rate, share(occupied_s, available_s + occupied_s) AS occupancy_rate"
)
