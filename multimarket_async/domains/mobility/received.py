"""The files of mobility as SQL tables (DuckDB), and durations of them, by other means than the rollups.

What is read in place of a file are its records, one a line, with the time of the poll; each rule is spelled anew.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from multimarket_async.domains import IncomingFile, Received
from multimarket_async.domains.mobility.instants import polled_at, same_as
from multimarket_async.domains.mobility.points import Points
from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.errors import Rejected
from multimarket_async.strict_json import loads

FIRST_YEAR, YEARS = 2000, 60
QUARTER = timedelta(minutes=15)
MACROS = r"""
CREATE MACRO nearest(n, d) AS CASE WHEN n::HUGEINT >= 0 THEN (2 * n::HUGEINT + d) // (2 * d)
  ELSE -((-2 * n::HUGEINT + d - 1) // (2 * d)) END;
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0
  THEN nearest(10000 * part::HUGEINT, whole) * 0.01::DECIMAL(3, 2) END;
CREATE MACRO a_text(json) AS CASE WHEN json_type(json) = 'VARCHAR' THEN nullif(trim(json->>'$', e' \t\r\n'), '') END;
CREATE MACRO a_number(json) AS CASE WHEN json_type(json) IN ('BIGINT', 'UBIGINT', 'DOUBLE')
  THEN try_cast(json->>'$' AS DECIMAL(28, 8)) END;
CREATE MACRO within(value, low, high) AS CASE WHEN value BETWEEN low AND high THEN round(value, 2) END;
CREATE MACRO clock(text) AS try_cast(left(text, 10) || ' ' || left(regexp_extract(text, '^.{11}([0-9:.]+)', 1), 12)
  AS TIMESTAMP);
CREATE MACRO city(text) AS clock(text) - (
  SELECT max_by(shift, wall_from) FROM city_zone WHERE wall_from <= clock(text));
CREATE MACRO instant(text) AS CASE WHEN NOT regexp_full_match(text,
    '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?') THEN NULL
  WHEN regexp_matches(text, '(Z|[+-]\d\d:?\d\d)$') THEN clock(text) - written_shift(text) ELSE city(text) END;
CREATE MACRO bare(status) AS lower(strip_accents(trim(split_part(status, '(', 1))));
"""
OBSERVATIONS = r"""
CREATE TABLE answered AS
SELECT (json->>'polled')::TIMESTAMP AS polled, (json->>'n')::BIGINT AS n, json->'record' AS r, version,
  (json->>'same_as')::TIMESTAMP AS same_as
FROM mobility_statuses;
CREATE TABLE answer AS
SELECT polled + shift AS local_poll, * EXCLUDE (utc_from, wall_from, shift)
FROM (SELECT *, a_text(r->'id_pdc') AS point FROM answered) ASOF JOIN zone ON polled >= utc_from
WHERE regexp_full_match(point, '[^*\s]{1,40}(\*[^*\s]{1,40}){4,5}');
CREATE TABLE presence AS
SELECT DISTINCT point, polled, local_poll::DATE AS day FROM answer
UNION SELECT DISTINCT a.point, s.polled, (s.polled + shift)::DATE
FROM (SELECT * FROM answered ASOF JOIN zone ON polled >= utc_from) s JOIN answer a ON a.polled = s.same_as;
CREATE TABLE gap AS
WITH turns AS (SELECT polled, row_number() OVER (ORDER BY polled) AS turn FROM (SELECT DISTINCT polled FROM presence)),
followed AS (
  SELECT point, polled AS gone_at, turn, lead(polled) OVER w AS back_at, lead(turn) OVER w AS back
  FROM presence JOIN turns USING (polled) WINDOW w AS (PARTITION BY point ORDER BY polled))
SELECT point, gone_at, back_at FROM followed WHERE back > turn + 1;
CREATE TABLE observation AS
WITH stated AS (
  SELECT point, a_text(r->'statut_pdc') AS given, instant(a_text(r->'last_updated')) AS moment, polled, version, n
  FROM answer WHERE length(a_text(r->'statut_pdc')) <= 60),
named AS (
  SELECT *, CASE bare(given) WHEN 'disponible' THEN 'Disponible' WHEN 'occupe' THEN 'Occupé (en charge)'
    WHEN 'en maintenance' THEN 'En maintenance' WHEN 'inconnu' THEN 'Inconnu' WHEN 'reserve' THEN 'Réservé'
    WHEN 'en cours de mise en service' THEN 'En cours de mise en service' WHEN 'supprime' THEN 'Supprimé'
    WHEN 'mise en service planifiee' THEN 'Mise en service planifiée' WHEN 'pas implemente' THEN 'Pas implémenté'
    ELSE given END AS status
  FROM stated WHERE moment >= TIMESTAMP '1970-01-02' AND moment <= polled + INTERVAL 1 DAY
  QUALIFY row_number() OVER (PARTITION BY point, moment ORDER BY version, n) = 1)
SELECT point, status, moment, moment + shift AS local, CASE status WHEN 'Disponible' THEN 'available'
  WHEN 'Occupé (en charge)' THEN 'occupied' WHEN 'En maintenance' THEN 'maintenance' WHEN 'Inconnu' THEN 'unknown'
  ELSE 'other' END AS kind
FROM named ASOF JOIN zone ON moment >= utc_from;
CREATE TABLE seen AS
SELECT point, local_poll::DATE AS day, polled AS seen_at, a_text(r->'adresse_station') AS address,
  a_text(r->'code_insee_commune') AS insee, a_text(r->'arrondissement') AS district, r->'coordonneesxy' AS moment,
  try_cast(coalesce(nullif(regexp_extract(district, '^(\d\d?)\s*(?i:er|e|ème|eme)\b.*$', 1), ''),
    CASE WHEN district IS NULL THEN nullif(regexp_extract(insee, '^751(\d\d)$', 1), '') END) AS INT) AS ordinal,
  CASE WHEN ordinal BETWEEN 1 AND 4 THEN 'Paris centre' WHEN ordinal BETWEEN 5 AND 20 THEN ordinal || 'e'
    ELSE coalesce(district, '(unknown)') END AS arrondissement,
  CASE WHEN json_type(moment) = 'ARRAY' THEN [a_number(moment->1), a_number(moment->0)]
    ELSE [a_number(moment->'lon'), a_number(moment->'lat')] END AS xy,
  coalesce(xy[1] BETWEEN -180 AND 180 AND xy[2] BETWEEN -90 AND 90, false) AS on_earth
FROM answer QUALIFY row_number() OVER (PARTITION BY point, day ORDER BY polled DESC, n DESC) = 1;
CREATE TABLE place AS
SELECT point, any_value(last_poll) AS seen_at, regexp_replace(point, '\*[^*]*$', '') AS station,
  list(arrondissement ORDER BY seen_at DESC)[1] AS arrondissement,
  list(address ORDER BY seen_at DESC) FILTER (address IS NOT NULL)[1] AS address,
  list(xy[1]::DOUBLE ORDER BY seen_at DESC) FILTER (on_earth)[1] AS longitude,
  list(xy[2]::DOUBLE ORDER BY seen_at DESC) FILTER (on_earth)[1] AS latitude
FROM seen JOIN (SELECT point, max(polled) AS last_poll FROM presence GROUP BY point) USING (point) GROUP BY point;
"""
# A grid of quarters of an hour, by their local times, makes the slots.
PIECES = r"""
CREATE TABLE slots AS
WITH quarters AS (
  SELECT unnest(range(min(day) - INTERVAL 1 DAY, max(day) + INTERVAL 2 DAY, INTERVAL 15 MINUTE)) AS moment
  FROM presence),
local AS (SELECT moment, moment + shift AS local FROM quarters ASOF JOIN zone ON moment >= utc_from)
SELECT strftime(local, '%Y-%m-%d') AS date, strftime(local, '%H')::INT // 3 * 3 AS hour,
  lpad(hour::VARCHAR, 2, '0') || '-' || lpad((hour + 3)::VARCHAR, 2, '0') AS slot, min(moment) AS since,
  max(moment) + INTERVAL 15 MINUTE AS till
FROM local WHERE local::DATE BETWEEN (SELECT min(day) FROM presence) AND (SELECT max(day) FROM presence) GROUP BY ALL;
CREATE TABLE followed AS
SELECT o.*, lag(status) OVER w AS before, coalesce(lead(moment) OVER w, seen_at) AS ended, moment + {stale} AS stale_at
FROM observation o JOIN place USING (point) WINDOW w AS (PARTITION BY point ORDER BY moment);
CREATE TABLE cut AS
WITH spans AS (
  SELECT point, kind, moment AS s, CASE WHEN ended < stale_at THEN ended ELSE stale_at END AS e FROM followed
  UNION ALL SELECT point, 'unknown', stale_at, ended FROM followed)
SELECT row_number() OVER () AS n, date, slot, point, kind, greatest(s, since) AS s, least(e, till) AS e
FROM spans JOIN slots ON s < till AND e > since WHERE s < e;
CREATE TABLE piece AS
WITH lost AS (
  SELECT n, sum(epoch_ms(least(e, back_at)) - epoch_ms(greatest(s, gone_at))) AS missed
  FROM cut JOIN gap ON gap.point = cut.point AND gone_at < e AND back_at > s GROUP BY n)
SELECT date, slot, point, kind, epoch_ms(e) - epoch_ms(s) - coalesce(missed, 0) AS ms, 0 AS changes
FROM cut LEFT JOIN lost USING (n) WHERE epoch_ms(e) - epoch_ms(s) > coalesce(missed, 0)
UNION ALL
SELECT date, slot, point, 'change', 0, 1 FROM followed JOIN slots ON moment >= since AND moment < till
WHERE status <> before;
"""
SLOTS = r"""
CREATE TABLE answer_of_weather AS
SELECT (json->>'fetched')::TIMESTAMP AS fetched, date_trunc('hour', fetched) AS hour, json->'answer' AS a
FROM mobility_weather;
CREATE TABLE given AS
WITH local AS (
  SELECT fetched, a, key, value AS v, city(key) AS moment
  FROM (SELECT fetched, a, unnest(json_keys(a)) AS key FROM answer_of_weather WHERE json_exists(a, 'request_state'))
    , LATERAL (SELECT json_extract(a, '$."' || key || '"') AS value)
  WHERE regexp_full_match(key, '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d')),
started AS (
  SELECT *, min(moment) OVER (PARTITION BY fetched, a::VARCHAR) AS first, try_cast(a->>'model_run' AS INT) AS label,
    date_trunc('day', first - INTERVAL 6 HOUR) + to_hours(label) AS near FROM local),
infoclimat AS (
  SELECT fetched, moment, CASE WHEN label IS NULL THEN first
      WHEN near < first - INTERVAL 6 HOUR THEN near + INTERVAL 1 DAY
    ELSE near END AS run, 3 AS hours, a_number(v->'temperature'->'2m') - 273.15 AS t, a_number(v->'pluie') AS r,
    a_number(v->'vent_moyen'->'10m') AS w FROM started),
listed AS (
  SELECT fetched, hour AS run, 3 AS hours, unnest(from_json(a->'list', '["JSON"]')) AS v FROM answer_of_weather
  WHERE json_type(a->'list') = 'ARRAY'
  UNION ALL SELECT fetched, NULL, 1, a FROM answer_of_weather
  WHERE json_exists(a, 'dt') AND NOT json_exists(a, 'list') AND NOT json_exists(a, 'hourly')),
openweather AS (
  SELECT fetched, make_timestamp(a_number(v->'dt')::BIGINT * 1000000) AS moment, coalesce(run, moment) AS run, hours,
    a_number(v->'main'->'temp') - 273.15 AS t, coalesce(a_number(v->'rain'->(hours || 'h')), 0) AS r,
    a_number(v->'wind'->'speed') * 3.6 AS w FROM listed),
lists AS (
  SELECT fetched, hour, coalesce((a->>'utc_offset_seconds')::INT, 0) AS shift_s,
    unnest(from_json(a->'hourly'->'time', '["JSON"]')) AS at_hour,
    unnest(from_json(a->'hourly'->'temperature_2m', '["JSON"]')) AS t,
    unnest(from_json(a->'hourly'->'precipitation', '["JSON"]')) AS r,
    unnest(from_json(a->'hourly'->'wind_speed_10m', '["JSON"]')) AS w
  FROM answer_of_weather WHERE json_type(a->'hourly') = 'OBJECT'),
open_meteo AS (
  SELECT fetched, CASE WHEN json_type(at_hour) = 'VARCHAR' THEN clock(at_hour->>'$') - to_seconds(shift_s)
      ELSE make_timestamp(a_number(at_hour)::BIGINT * 1000000) END AS moment, hour AS run, 1 AS hours,
    a_number(t) AS t, a_number(r) AS r, a_number(w) AS w FROM lists)
SELECT fetched, moment, run, hours, within(t, -90, 60) AS t, within(r, 0, 1000) AS r, within(w, 0, 500) AS w
FROM (FROM infoclimat UNION ALL BY NAME FROM openweather UNION ALL BY NAME FROM open_meteo) WHERE moment IS NOT NULL;
CREATE TABLE slot AS
SELECT * FROM given WHERE coalesce(t, r, w) IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY moment, run ORDER BY fetched DESC) = 1;
CREATE TABLE air AS
WITH newest AS (FROM slot QUALIFY row_number() OVER (PARTITION BY moment ORDER BY run DESC, fetched DESC) = 1),
local AS (SELECT newest.*, moment + shift AS local FROM newest ASOF JOIN zone ON moment >= utc_from)
SELECT strftime(local, '%Y-%m-%d') AS date, strftime(local, '%H')::INT // 3 * 3 AS hour,
  lpad(hour::VARCHAR, 2, '0') || '-' || lpad((hour + 3)::VARCHAR, 2, '0') AS slot,
  CASE WHEN count(t) > 0 THEN nearest((100 * sum(t))::HUGEINT, count(t)) END AS temperature_100,
  CASE WHEN count(r) > 0 THEN nearest((300 * sum(r))::HUGEINT, sum(CASE WHEN r >= 0 THEN hours END)) END AS rain_100,
  CASE WHEN count(w) > 0 THEN nearest((100 * sum(w))::HUGEINT, count(w)) END AS wind_100
FROM local GROUP BY ALL;
"""


def received(settings: MobilitySettings) -> Received:
    """The tables: `observation`, `place`, `piece` (durations), and `air` (the weather by slot)."""
    stale = f"to_milliseconds({round(settings.stale_after * 1000)})"
    zone = f"CREATE TABLE city_zone AS FROM (VALUES {_offsets(settings.local_timezone)}) v(wall_from, shift);"
    tables = zone + MACROS + OBSERVATIONS + PIECES.replace("{stale}", stale) + SLOTS
    points = Points(settings)

    def statuses(file: IncomingFile) -> Iterator[bytes]:
        polled, same = f"{polled_at(file):%Y-%m-%d %H:%M:%S.%f}", same_as(file)
        if same:
            yield to_json({"polled": polled, "same_as": f"{same:%Y-%m-%d %H:%M:%S.%f}"}) + b"\n"
        for number, record in enumerate(points.trees(file)):
            yield to_json({"polled": polled, "n": number, "record": record}) + b"\n"

    return Received(tables, lines={"mobility_statuses": statuses, "mobility_weather": _answer})


def _answer(file: IncomingFile) -> Iterator[bytes]:
    """An answer about the weather in one line; none where it is no JSON."""
    try:
        answer = loads(file.content)
    except Rejected:
        return
    yield to_json({"fetched": f"{polled_at(file):%Y-%m-%d %H:%M:%S.%f}", "answer": answer}) + b"\n"


@cache
def _offsets(name: str) -> str:
    """The offsets of a time zone as rows of SQL: the clock time from which each holds."""
    zone, start = ZoneInfo(name), datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=day) for day in range(YEARS * 365)]
    rows = [f"(TIMESTAMP '0001-01-01 00:00:00', {_seconds(_shift(start, zone))})"]
    for day in days:
        if _shift(day, zone) == _shift(day + timedelta(days=1), zone):
            continue
        for quarter in (day + number * QUARTER for number in range(1, 97)):
            old, new = _shift(quarter - QUARTER, zone), _shift(quarter, zone)
            if old != new:
                rows.append(f"(TIMESTAMP '{(quarter + max(old, new)).replace(tzinfo=None)}', {_seconds(new)})")
    return ", ".join(rows)


def _shift(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _seconds(shift: timedelta) -> str:
    return f"to_seconds({int(shift.total_seconds())})"
