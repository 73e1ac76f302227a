"""/livez, /readyz, /metrics: for whoever watches over the process."""

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
from multimarket_async.readers.accounting import Channel
from multimarket_async.readers.http.flow import Database, Flow
from multimarket_async.readers.http.problems import responses
from multimarket_async.readers.http.sources import Sources


class Alive(BaseModel):
    """The event loop turns."""

    alive: bool = True


class Ready(BaseModel):
    """Whether orders that come now are stored in time; if not, why."""

    ready: bool
    why: list[str] = Field(description="one sentence for each reason")


def routes(sources: Sources, flow: Flow) -> APIRouter:
    """Three operations."""
    router = APIRouter(tags=["Health"])
    process = CollectorRegistry()
    ProcessCollector(registry=process)
    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready.", "model": Ready}}
    text: dict[int | str, dict[str, Any]] = {
        200: {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }

    @router.get("/livez", summary="Is the process alive?")
    async def livez() -> Alive:
        """It is, or there is no answer."""
        return Alive()

    @router.get("/readyz", summary="Are orders stored in time?", responses={**not_ready})
    async def readyz(response: Response) -> Ready:
        """MongoDB answers, the folders can be read and written, and no file waits longer than the budget."""
        why = _reasons(sources, flow, await flow.channels(), await flow.database())
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
        return Ready(ready=not why, why=why)

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={**text, **responses(HTTPStatus.SERVICE_UNAVAILABLE)},
    )
    async def metrics(request: Request) -> Response:
        """Files by channel and outcome, backlog, latency around the budget, MongoDB's writes, KPI age, loop lag."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        registry = CollectorRegistry()
        registry.register(_Now(sources.meters, await flow.channels(), await flow.database(), flow.loop_lag_s))
        body: bytes = encode(registry) if "openmetrics" in media_type else encode(process) + encode(registry)
        return Response(body, media_type=media_type)

    return router


def _reasons(sources: Sources, flow: Flow, channels: list[Channel], database: Database) -> list[str]:
    now, budget_s = sources.clock.now(), sources.settings.latency_budget_s
    why = ["MongoDB does not answer."] if database.why else []
    why += [f"The folder of {name} cannot be listed." for name in flow.unreadable]
    why += [
        f"Into a folder of {landing.feed} nothing can be written."
        for _, landing in sources.channels
        if not all(os.access(place, os.W_OK | os.X_OK) for place in (landing.sources, landing.archived))
    ]
    ages = [(one.feed, one.oldest_age_s(now) or 0.0) for one in channels]
    why += [
        f"In {feed} a file waits for {age:.0f} s; the budget is {budget_s:g} s." for feed, age in ages if age > budget_s
    ]
    return why


class _Now(Collector):
    """All there is to measure, at one moment."""

    def __init__(self, meters: Meters, channels: list[Channel], database: Database, loop_lag_s: float) -> None:
        self._meters = meters
        self._channels = channels
        self._database = database
        self._loop_lag_s = loop_lag_s

    def collect(self) -> Iterator[Metric]:
        yield from self._files()
        yield from self._backlog()
        yield from self._kpis()
        yield GaugeMetricFamily("multimarket_loop_lag_seconds", "How late the event loop was.", value=self._loop_lag_s)

    def _files(self) -> Iterator[Metric]:
        meters = self._meters
        files = CounterMetricFamily(
            "multimarket_files", "Files dealt with by this process.", labels=["channel", "outcome"]
        )
        for (channel, outcome), number in meters.files.copy().items():
            files.add_metric([channel, outcome], number)
        yield files
        yield CounterMetricFamily("multimarket_latency_breaches", "Files over the budget.", value=meters.breaches)
        yield _family("multimarket_latency_seconds", "From visible to stored or set aside.", meters.waited_s)
        yield _family("multimarket_batch_files", "Files in a batch.", meters.batch_files)
        yield _family("multimarket_mongodb_write_seconds", "Durable insert of a batch.", meters.write_s)

    def _backlog(self) -> Iterator[Metric]:
        gauges = [
            GaugeMetricFamily(f"multimarket_{name}", text, labels=["channel"])
            for name, text in (
                ("backlog_files", "Files that wait."),
                ("backlog_bytes", "Bytes that wait."),
                ("oldest_waiting_timestamp_seconds", "Since when the oldest file waits; absent if none does."),
            )
        ]
        for one in self._channels:
            since = one.oldest_since.timestamp() if one.oldest_since else None
            for gauge, value in zip(gauges, (one.waiting, one.waiting_bytes, since), strict=True):
                if value is not None:
                    gauge.add_metric([one.feed], value)
        yield from gauges

    def _kpis(self) -> Iterator[Metric]:
        away = self._database.why is not None
        yield GaugeMetricFamily("multimarket_mongodb_up", "1 if MongoDB answers.", value=0 if away else 1)
        if found := self._database.freshness:
            for name, text in (
                ("age", "Seconds since the newest KPI generation was measured."),
                ("behind", "Seconds that stored orders have been in no generation."),
            ):
                yield GaugeMetricFamily(f"multimarket_kpi_{name}_seconds", text, value=found[f"{name}_s"])
            yield GaugeMetricFamily("multimarket_kpi_generation", "The newest one.", value=found["number"])
            yield GaugeMetricFamily("multimarket_kpi_drift", "Workspace that drifted.", value=found["drift"] or 0)


def _family(name: str, text: str, histogram: Histogram) -> Metric:
    """Buckets as Prometheus wants them: each with all smaller ones."""
    counts, total, buckets = list(histogram.counts), 0, []
    for bound, count in zip([*map(str, map(float, histogram.bounds)), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.sum)
