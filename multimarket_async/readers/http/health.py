"""/livez, /readyz, /metrics: for monitoring."""

import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from multimarket_async.meters import Histogram, Meters
from multimarket_async.readers.accounting import FeedFiles
from multimarket_async.readers.http.flow import Database, Flow
from multimarket_async.readers.http.problems import responses
from multimarket_async.readers.http.sources import Sources
from multimarket_async.readers.status import StatusResponse, budgets


class Alive(BaseModel):
    """The event loop turns."""

    alive: bool = True


class Ready(BaseModel):
    """True if files that arrive now are stored in time; else why not."""

    ready: bool
    why: list[str] = Field(description="a sentence for each reason")


def routes(sources: Sources, flow: Flow) -> APIRouter:
    """Three operations."""
    router = APIRouter(tags=["Health"])
    process = CollectorRegistry()
    ProcessCollector(registry=process)
    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready.", "model": Ready}}
    text: dict[int | str, dict[str, Any]] = {
        200: {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }

    @router.get("/livez", summary="Liveness")
    async def livez() -> Alive:
        """The process answers."""
        return Alive()

    @router.get("/readyz", summary="Readiness", responses={**not_ready})
    async def readyz(response: Response) -> Ready:
        """MongoDB answers, the folders can be read and written, and no file waits longer than the budget."""
        why = _reasons(sources, flow, await flow.feeds(), await flow.database())
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
        response.headers["cache-control"] = "no-store"  # of this moment
        return Ready(ready=not why, why=why)

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={**text, **responses(HTTPStatus.SERVICE_UNAVAILABLE)},
    )
    async def metrics(request: Request) -> Response:
        """Files by feed and outcome, backlog, latency around the budget, MongoDB's writes, KPI age, loop lag."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        registry = CollectorRegistry()
        failing = len(sources.tasks.everywhere())
        registry.register(_Now(sources.meters, await flow.feeds(), await flow.database(), flow.loop_lag_s, failing))
        registry.register(_Places(await flow.status()))
        body: bytes = encode(registry) if "openmetrics" in media_type else encode(process) + encode(registry)
        return Response(body, media_type=media_type)

    return router


def _reasons(sources: Sources, flow: Flow, feeds: list[FeedFiles], database: Database) -> list[str]:
    now, own, budget_s = sources.clock.now(), budgets(sources.feeds), sources.settings.latency_budget_s
    why = ["MongoDB does not answer."] if database.why else []
    why += [f"The directory of {name} cannot be listed." for name in flow.unreadable]
    why += [
        f"A directory of {landing.feed} cannot be written to."
        for _, landing in sources.feeds
        if not all(os.access(place, os.W_OK | os.X_OK) for place in (landing.sources, landing.archived))
    ]
    ages = [(feed.feed, feed.oldest_age_s(now) or 0.0, own.get(feed.feed, budget_s)) for feed in feeds]
    why += [
        f"A file of {feed} waits for {age:.0f} s; the budget is {within:g} s."
        for feed, age, within in ages
        if age > within
    ]
    return why


class _Now(Collector):
    """The metrics at one moment."""

    def __init__(
        self, meters: Meters, feeds: list[FeedFiles], database: Database, loop_lag_s: float, failing: int
    ) -> None:
        self._meters = meters
        self._feeds = feeds
        self._database = database
        self._loop_lag_s = loop_lag_s
        self._failing = failing

    def collect(self) -> Iterator[Metric]:
        yield from self._files()
        yield from self._backlog()
        yield from self._kpis()
        yield from self._sinks()
        yield from self._alerts()
        yield GaugeMetricFamily("multimarket_tasks_failing", "Tasks that fail now.", value=self._failing)
        yield GaugeMetricFamily("multimarket_loop_lag_seconds", "Delay of the event loop.", value=self._loop_lag_s)

    def _files(self) -> Iterator[Metric]:
        meters = self._meters
        files = CounterMetricFamily("multimarket_files", "Files collected by this process.", labels=["feed", "outcome"])
        for (feed, outcome), number in meters.files.copy().items():
            files.add_metric([feed, outcome], number)
        yield files
        yield CounterMetricFamily("multimarket_latency_breaches", "Files over the budget.", value=meters.breaches)
        yield _family("multimarket_latency_seconds", "From visible to stored or quarantined.", meters.waited_s)
        yield _family("multimarket_batch_files", "Files in a batch.", meters.batch_files)
        yield _family("multimarket_mongodb_write_seconds", "Durable insert of a batch.", meters.write_s)

    def _backlog(self) -> Iterator[Metric]:
        gauges = [
            GaugeMetricFamily(f"multimarket_{name}", text, labels=["feed"])
            for name, text in (
                ("backlog_files", "Waiting files."),
                ("backlog_bytes", "Bytes of the waiting files."),
                ("oldest_waiting_timestamp_seconds", "Arrival of the oldest waiting file; absent if none waits."),
            )
        ]
        for feed in self._feeds:
            since = feed.oldest_since.timestamp() if feed.oldest_since else None
            for gauge, value in zip(gauges, (feed.waiting, feed.waiting_bytes, since), strict=True):
                if value is not None:
                    gauge.add_metric([feed.feed], value)
        yield from gauges

    def _kpis(self) -> Iterator[Metric]:
        away = self._database.why is not None
        yield GaugeMetricFamily("multimarket_mongodb_up", "1 if MongoDB answers.", value=0 if away else 1)
        kpi = self._database.kpi
        for name, text, value in (
            ("age_seconds", "Age of the newest KPI generation.", kpi.age_s),
            ("behind_seconds", "Wait of the oldest stored document that is in no generation.", kpi.behind_s),
            ("generation", "Number of the newest generation.", kpi.generation),
            ("drift", "Rollups that the last full recompute corrected.", kpi.drift or 0),
            (
                "failed",
                "KPIs that fail; in the newest generation they have the rows of an earlier one, or none.",
                len(kpi.failed),
            ),
        ):
            if kpi.generation is not None and value is not None:
                yield GaugeMetricFamily(f"multimarket_kpi_{name}", text, value=value)

    def _alerts(self) -> Iterator[Metric]:
        firing = GaugeMetricFamily(
            "multimarket_alert", "1 while an alert of config/alerts.toml goes on.", labels=["rule"]
        )
        for alert in self._database.alerts:
            firing.add_metric([alert.rule], 1)
        yield firing

    def _sinks(self) -> Iterator[Metric]:
        """None while no sink is on."""
        gauges = [
            GaugeMetricFamily(f"multimarket_sink_{name}", text, labels=["sink"])
            for name, text in (
                ("generation", "The generation that it holds."),
                ("behind_generations", "Generations published since."),
                ("behind_since_timestamp_seconds", "When the first of them was; absent if it holds the newest."),
                ("failing", "1 if the last try failed."),
            )
        ]
        for sink in self._database.sinks:
            since = sink.behind_since.timestamp() if sink.behind_since else None
            values = (sink.generation, sink.behind, since, int(sink.state == "failing"))
            for gauge, value in zip(gauges, values, strict=True):
                if value is not None:
                    gauge.add_metric([sink.sink], value)
        yield from (gauge for gauge in gauges if gauge.samples)


class _Places(Collector):
    """Polled sources, and the disk use, as other processes have noted them last."""

    def __init__(self, status: StatusResponse) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("multimarket_source_up", "1 if a polled source answers.", labels=["feed"])
        for source in self._status.polls:
            up.add_metric([source.feed], int(source.state == "ok"))
        yield up
        used = GaugeMetricFamily("multimarket_disk_bytes", "Disk use of a feed.", labels=["feed", "place"])
        for feed in self._status.feeds:
            for place, size in (feed.disk.model_dump() if feed.disk else {}).items():
                used.add_metric([feed.feed, place], size)
        yield used
        if (free := self._status.disk_free_bytes) is not None:
            yield GaugeMetricFamily("multimarket_disk_free_bytes", "Free where the data folder is.", value=free)


def _family(name: str, text: str, histogram: Histogram) -> Metric:
    """Cumulative buckets, as Prometheus has them."""
    counts, total, buckets = list(histogram.counts), 0, []
    for bound, count in zip([*map(str, map(float, histogram.bounds)), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.sum)
