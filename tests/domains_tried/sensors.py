"""A domain of a polled API: readings of sensors (insert), and forecasts by model runs (upsert)."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from multimarket_async.domains import (
    Answer,
    Chart,
    Column,
    Dashboard,
    Document,
    Domain,
    Facts,
    Feed,
    Http,
    Kpi,
    LoadedDomain,
    Poll,
    Received,
    Rollup,
    Table,
    Tile,
    Value,
)
from multimarket_async.errors import Rejected
from multimarket_async.formats import Json
from multimarket_async.settings import Business, Token


class SensorSettings(Business):
    """Settings of the sensors."""

    url: str = "http://127.0.0.1:9"
    api_key: Token | None = None


def source(path: str, settings: SensorSettings) -> Poll:
    """Everything that the API has at this path."""

    async def fetch(http: Http, _: datetime, saved: dict[str, Any]) -> AsyncIterator[Answer]:
        body = await http.get_if_changed(f"{settings.url}/{path}", params={"key": settings.api_key})
        if body is not None:
            saved["answers"] = saved.get("answers", 0) + 1
            yield Answer(path, body)

    return Poll(60, fetch)


def instant(text: object, pointer: str) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = datetime(1, 1, 1, tzinfo=UTC)
    if not at.tzinfo or not 2000 <= at.year < 2100:
        raise Rejected("bad_instant", f"{text!r:.50} is no instant with its offset", pointer)
    return at.replace(microsecond=0)


def tenths(value: object) -> int:
    if not isinstance(value, (int, float)) or not -1000 < value < 1000:
        raise Rejected("bad_temperature", f"{value!r:.50} is no temperature", "/celsius")
    return round(value * 10)


def measured(values: dict[str, Any]) -> Document:
    sensor, at = values.get("sensor"), instant(values.get("at"), "/at")
    if not isinstance(sensor, str) or not sensor:
        raise Rejected("no_sensor", "a sensor has a name", "/sensor")
    return {
        "_id": f"{sensor}@{at.timestamp():.0f}",
        "sensor": sensor,
        "at": at,
        "tenths": tenths(values.get("celsius")),
    }


def forecast(values: dict[str, Any]) -> Document:
    return {**measured(values), "run": instant(values.get("run"), "/run")}


def mean(table: str, title: str) -> Kpi:
    """Mean temperature of each sensor by month, with its number of values."""
    fields = {"sensor": Value("sensor", "VARCHAR"), "at": Value("at", "TIMESTAMP"), "tenths": Value("tenths", "BIGINT")}
    facts = Facts(f"{table}_measured", table, fields, event="at", period="strftime(local, '%Y-%m')")
    query = f"SELECT period, sensor, count(*) AS values, sum(tenths) AS sum FROM {table}_measured GROUP BY ALL"
    return Kpi(
        name=f"{table}_by_month", title=title, unit="values", definition="Values and their sum, by month and sensor.",
        reads=(Rollup(table, facts, query),),
        columns=(Column("month", "string", "Month", role="time"), Column("sensor", "string", "Sensor"),
                 Column("values", "integer", "Values", "values"), Column("sum", "integer", "Sum", "°C / 10"),
                 Column("mean", "double", "Mean", "°C / 10", nullable=True, of=("sum", "values"))),
        query=f"""SELECT period AS month, sensor, "values", sum, floor(100 * sum / "values" + 0.5) / 100 AS mean
          FROM {table} ORDER BY month, sensor""",
        check=f"""SELECT left("at", 7) AS month, sensor, count(*) AS values, sum(tenths)::BIGINT AS sum,
          floor(100 * sum(tenths) / count(*) + 0.5) / 100 AS mean
          FROM {table} GROUP BY ALL ORDER BY month, sensor""",
    )  # fmt: skip


# A mean over several months or sensors is the sum of all values by their number.
READINGS = Dashboard(
    kpi="sensor_readings_by_month",
    title="Readings",
    time="month",
    filters=("sensor",),
    tiles=(Tile("mean"), Tile("values")),
    charts=(Chart(("mean", "values"), x="month", series="sensor", wide=True), Chart(("mean",), x="sensor")),
    count="values",
)


def received(table: str, newest: str) -> str:
    """The good elements of the answers, and of those of one sensor and instant the first of this order."""
    return f"""
    CREATE TABLE {table} AS
    WITH answers AS (SELECT json, filename FROM read_json_objects(getvariable('{table}'), filename=true)),
    records AS (SELECT unnest((json->'values')::JSON[]) AS record, version FROM answers JOIN files ON path = filename)
    SELECT record->>'sensor' AS sensor, record->>'at' AS "at",
      round((record->>'celsius')::DOUBLE * 10)::BIGINT AS tenths
    FROM records WHERE try_cast("at" AS TIMESTAMPTZ) IS NOT NULL AND try_cast(record->>'celsius' AS DOUBLE) IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY sensor, "at" ORDER BY {newest}) = 1;"""


def run_of(document: Document) -> Any:
    return document["run"]


def declare(settings: SensorSettings) -> LoadedDomain:
    readings = Table("sensor_readings")
    forecasts = Table("sensor_forecasts", "upsert", version=run_of)

    def feed(table: Table, path: str, make: Callable[[dict[str, Any]], Document]) -> Feed:
        read = Json(at="/values").reader(make)
        return Feed(table.name, table, read, records="many", on_bad_record="keep_rest", poll=source(path, settings))

    feeds = feed(readings, "readings", measured), feed(forecasts, "forecasts", forecast)
    kpis = mean("sensor_readings", "Readings by month"), mean("sensor_forecasts", "Forecasts by month")
    tables = received("sensor_readings", "version") + received("sensor_forecasts", "record->>'run' DESC")
    return LoadedDomain("sensors", feeds, kpis, Received(tables), dashboards=(READINGS,))


def answer(*values: dict[str, Any]) -> bytes:
    """An answer of the API."""
    return json.dumps({"generated_by": "sensors", "values": values}).encode()


def value(sensor: str, day: int, celsius: object, **more: str) -> dict[str, Any]:
    """One value of March 2026, or a bad one."""
    return {"sensor": sensor, "at": f"2026-03-{day:02}T12:00:00+00:00", "celsius": celsius, **more}


SENSORS = Domain("sensors", SensorSettings, declare)
