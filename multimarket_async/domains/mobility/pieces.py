"""Milliseconds by kind of status, and changes of it, by day, slot and point: what each KPI of availability adds up.

A day counts from that of the first poll on, and a point as long as answers have it: not from the last one that does
until the first one that does again.
"""

from multimarket_async.domains import Series, Source
from multimarket_async.domains.mobility import rollups
from multimarket_async.domains.mobility.rollups import (
    ANSWERS,
    CHANGES,
    KINDS,
    OBSERVED,
    PLACES,
    POINT_DAYS,
    POINTS,
    POLLS,
    ROSTERS,
    SKY,
    slot_name,
)
from multimarket_async.domains.mobility.settings import MobilitySettings

# Of points that answers lacked for a time: from when until when.
GAPS = """
turns AS (
  SELECT polled_at AS turned_at, lag(polled_at) OVER answered AS before_at, roster, lag(roster) OVER answered AS before
  FROM answers WINDOW answered AS (ORDER BY polled_at, roster) QUALIFY before <> roster),
moves AS (
  SELECT turned_at, before_at AS since, p.point FROM turns t JOIN present p ON p.roster = t.before
    LEFT JOIN present n ON n.roster = t.roster AND n.point = p.point WHERE n.point IS NULL
  UNION ALL
  SELECT turned_at, NULL, p.point FROM turns t JOIN present p ON p.roster = t.roster
    LEFT JOIN present n ON n.roster = t.before AND n.point = p.point WHERE n.point IS NULL),
gaps AS (
  SELECT point, since AS gone_at, lead(turned_at) OVER (PARTITION BY point ORDER BY turned_at) AS back_at FROM moves
  QUALIFY gone_at IS NOT NULL AND back_at IS NOT NULL)"""


# A point that an answer lacks was gone since the answer before, and its status goes on from there.
SINCE = """
SELECT coalesce(max(day), any_value(asked.period)) FROM asked LEFT JOIN polls ON day < asked.period"""


def overlap(first: str, last: str) -> str:
    """Milliseconds from the latest of the first until the earliest of the last."""
    return f"epoch_ms(least({last})) - epoch_ms(greatest({first}))"


def pieces(settings: MobilitySettings) -> Series:
    """Its rows."""
    stale = rollups.stale(settings)
    sums = ", ".join(f"coalesce(sum(ms) FILTER (kind = '{kind}'), 0)::BIGINT AS {kind}" for kind in KINDS)
    measured = "(SELECT measured.period FROM measured, asked WHERE measured.period >= asked.period)"
    return Series(
        "pieces",
        (POLLS, ROSTERS, OBSERVED, rollups.stays(settings), POINT_DAYS, CHANGES),
        f"""{ANSWERS},{GAPS},
measured AS (
  SELECT strftime(unnest(range(min(day)::DATE, max(day)::DATE + 1, INTERVAL 1 DAY)), '%Y-%m-%d') AS period
  FROM answers),
slots AS ({rollups.slots(measured)}),
ends AS (
  SELECT *, lead(first_at) OVER days AS next, lag(last_status) OVER days AS before
  FROM point_days WINDOW days AS (PARTITION BY point ORDER BY first_at)),
until AS (
  SELECT point, last_kind AS kind, last_at AS since, coalesce(next, seen_at) AS till
  FROM ends JOIN seen USING (point)),
parts AS (
  SELECT point, kind, since, least(till, since + {stale}) AS till FROM until WHERE since < till
  UNION ALL SELECT point, 'unknown', since + {stale}, till FROM until WHERE since + {stale} < till),
held AS (
  SELECT point, kind, moment, coalesce(lead(moment) OVER turn, seen_at) AS till, moment + {stale} AS stale_at
  FROM observed JOIN seen USING (point) SEMI JOIN gaps USING (point)
  WINDOW turn AS (PARTITION BY point ORDER BY moment)),
spans AS (
  SELECT point, kind, moment AS since, least(till, stale_at) AS till FROM held
  UNION ALL SELECT point, 'unknown', stale_at, till FROM held WHERE stale_at < till),
missed AS (
  SELECT point, kind, greatest(since, gone_at) AS since, least(till, back_at) AS till
  FROM spans JOIN gaps USING (point) WHERE since < back_at AND till > gone_at),
found AS (
  SELECT period, slot, point, kind, ms, 0 AS changes FROM stays SEMI JOIN slots USING (period)
  UNION ALL SELECT period, slot, point, kind, {overlap("since, slot_since", "till, slot_till")}, 0
  FROM parts JOIN slots ON since < slot_till AND till > slot_since
  UNION ALL SELECT period, slot, point, kind, -({overlap("since, slot_since", "till, slot_till")}), 0
  FROM missed JOIN slots ON since < slot_till AND till > slot_since
  UNION ALL SELECT period, slot, point, 'change', 0, changes FROM changes SEMI JOIN slots USING (period)
  UNION ALL SELECT period, slot, point, 'change', 0, 1
  FROM ends JOIN slots USING (period) WHERE first_status <> before AND first_at >= slot_since AND first_at < slot_till)
SELECT period, slot, point, {sums}, sum(changes)::BIGINT AS changes
FROM found GROUP BY ALL HAVING sum(ms) > 0 OR sum(changes) > 0""",
        SINCE,
    )


def read(settings: MobilitySettings) -> tuple[Source, ...]:
    """Everything that `spent` reads."""
    return POINTS, POLLS, ROSTERS, pieces(settings), POINT_DAYS, SKY


def spent(settings: MobilitySettings) -> str:
    """Named queries; `spent` has milliseconds and changes of dates, slots and points, with the point's place."""
    return f"""{PLACES.rstrip()},
spent AS (
  SELECT period AS date, {slot_name("slot")} AS slot, station, arrondissement, pieces.* EXCLUDE (period, slot)
  FROM pieces JOIN places USING (point)),
skies AS (
  SELECT period AS date, {slot_name("slot")} AS slot, temperature_100, rain_100, wind_100, run
  FROM sky WHERE place = '{settings.city}')
"""
