"""Conditions of rules, looked at now: each is a sentence that says what is wrong, empty if nothing is, or unknown."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from multimarket_async import generations
from multimarket_async.alerts import figures
from multimarket_async.alerts.rules import Any_, Away, Behind, Change, Figure, Late, Quarantined, Rules, Stale
from multimarket_async.clock import Clock
from multimarket_async.domains import Feed, LoadedDomain
from multimarket_async.errors import OperationFailed
from multimarket_async.landing import Landing
from multimarket_async.readers.accounting import waiting_in
from multimarket_async.readers.freshness import KpiFreshness, freshness
from multimarket_async.readers.polls import PolledSource, polled_sources
from multimarket_async.readers.sinks import SinkStatus, sink_statuses
from multimarket_async.readers.status import last_report
from multimarket_async.schedules import rests
from multimarket_async.settings import Settings
from multimarket_async.store import Store

# By rule: a sentence about what is wrong; "" if nothing is; None while it cannot be known.
Found: TypeAlias = dict[str, str | None]
HOUR_S = 3600.0


@dataclass(frozen=True)
class Health:
    """Facts that need no figures. overdue: feeds whose oldest file waits beyond its budget, seconds.

    last_hour: of the collector's report. silent: the last time that something came into, or left, a directory.
    """

    now: datetime
    overdue: Mapping[str, float]
    last_hour: Mapping[str, Any]
    silent: Mapping[str, datetime]
    polls: Sequence[PolledSource]
    kpi: KpiFreshness
    sinks: Sequence[SinkStatus]


class Observer:
    """Looks at the feeds, at the database, and at the newest generation; at the latter where it is a new one."""

    def __init__(
        self,
        domains: Sequence[LoadedDomain],
        feeds: Sequence[tuple[Feed, Landing]],
        *,
        store: Store,
        settings: Settings,
        clock: Clock,
        latency_file: Path,
    ) -> None:
        self._domains, self._feeds, self._store = domains, feeds, store
        self._settings, self._clock, self._latency_file = settings, clock, latency_file
        self._seen: tuple[Any, ...] = ()
        self._figures: Found = {}

    async def look(self, rules: Rules) -> tuple[Found, list[str]]:
        """Findings of the rules, and sentences about those that cannot be evaluated. Raises Unavailable."""
        health = await self._health()
        found: Found = {name: of_health(rule, health) for name, rule in rules.items()}
        of_figures = {name: rule for name, rule in rules.items() if isinstance(rule, Figure | Change)}
        wrong = await self._look_at_figures(of_figures, health) if of_figures else []
        return {**found, **self._figures}, wrong

    async def _health(self) -> Health:
        now, settings = self._clock.now(), self._settings
        next_runs = await asyncio.to_thread(rests, settings.data_dir)
        overdue, silent, report = await asyncio.to_thread(self._of_files, now)
        return Health(
            now,
            overdue,
            report,
            silent,
            polled_sources((feed for feed, _ in self._feeds), settings, now),
            await freshness(self._store, now, settings.stale_after_s, next_runs),
            await sink_statuses(self._store, settings),
        )

    def _of_files(self, now: datetime) -> tuple[dict[str, float], dict[str, datetime], Mapping[str, Any]]:
        overdue, silent = {}, {}
        for feed, landing in self._feeds:
            age_s = waiting_in(landing).oldest_age_s(now) or 0.0
            if age_s > (feed.latency_budget_s or self._settings.latency_budget_s):
                overdue[feed.name] = age_s
            silent[feed.name] = datetime.fromtimestamp(landing.sources.stat().st_mtime, UTC)
        report = last_report(self._latency_file, now) or {}
        return overdue, silent, (report.get("last_hour") or {}) if report.get("age_s", HOUR_S) < HOUR_S else {}

    async def _look_at_figures(self, rules: Mapping[str, Figure | Change], health: Health) -> list[str]:
        """Numbers of a generation that lacks nothing that has come; else those known stay as they are."""
        if health.overdue or health.kpi.stale or health.kpi.generation is None:
            self._figures = {**dict.fromkeys(rules), **self._figures}
            return []
        days = [health.now.astimezone(ZoneInfo(domain.timezone)).date() for domain in self._domains]
        seen = (health.kpi.generation, health.kpi.as_of, *days)
        if seen == self._seen:
            return []
        generation = await generations.generation(self._store)
        tables = [table async for table in self._tables(rules, generation, health.now)]
        wrong = [*self._evaluated(rules, {table.kpi.name: table for table in tables})]
        self._seen = () if wrong else seen
        return wrong

    async def _tables(
        self, rules: Mapping[str, Figure | Change], generation: dict[str, Any], now: datetime
    ) -> AsyncIterator[figures.Table]:
        """The KPIs that rules name, but those that failed."""
        names = figures.tables_of(rules.values()) & generation["kpis"].keys() - generations.errors(generation).keys()
        for domain in self._domains:
            today = now.astimezone(ZoneInfo(domain.timezone)).date()
            for kpi in domain.kpis:
                if kpi.name in names:
                    yield figures.Table(domain, kpi, await generations.rows(self._store, kpi, generation), today)

    def _evaluated(self, rules: Mapping[str, Figure | Change], tables: Mapping[str, figures.Table]) -> Iterator[str]:
        """Evaluate them; a sentence for each that cannot be."""
        for name, rule in rules.items():
            self._figures[name] = None
            try:
                if table := tables.get(rule.kpi):
                    self._figures[name] = figures.found(rule, table)
            except OperationFailed as why:
                yield f"the rule {name}: {why}"


def of_health(rule: Any_, health: Health) -> str | None:
    """A sentence of a rule about the health."""
    match rule:
        case Late():
            return _late(rule, health)
        case Quarantined():
            return _quarantined(rule, health.last_hour)
        case Away():
            return _joined(_away(rule, health))
        case Behind():
            return _joined(_behind(rule, health))
        case Stale():
            return _joined(_stale(health.kpi))
    return None


def _late(rule: Late, health: Health) -> str:
    if health.overdue:
        feed, age_s = max(health.overdue.items(), key=lambda item: item[1])
        return f"a file of {feed} waits for {age_s:,.0f} s"
    late = health.last_hour.get("breaches", 0)
    return f"{late:,} files of the last hour were late" if late >= rule.files else ""


def _quarantined(rule: Quarantined, last_hour: Mapping[str, Any]) -> str:
    files, quarantined = last_hour.get("files", 0), last_hour.get("quarantined", 0)
    pct = 100 * quarantined / files if files else 0.0
    if quarantined < rule.files or pct <= rule.above_pct:
        return ""
    return f"{pct:,.1f} % of the files of the last hour are in quarantine: {quarantined:,} of {files:,}"


def _away(rule: Away, health: Health) -> Iterator[str]:
    """Reasons are left out: they may quote addresses."""
    long_ago, polled = health.now - timedelta(minutes=rule.minutes), {source.feed for source in health.polls}
    for source in health.polls:
        since = {"failing": source.failing_since, "overdue": source.next_at}.get(source.state)
        if since and since <= long_ago and (not rule.feeds or source.feed in rule.feeds):
            yield f"the source of {source.feed} is {source.state} since {_instant(since)}"
    for feed in rule.feeds:
        if feed not in polled and (since := health.silent.get(feed)) and since <= long_ago:
            yield f"nothing has come for {feed} since {_instant(since)}"


def _behind(rule: Behind, health: Health) -> Iterator[str]:
    long_ago = health.now - timedelta(minutes=rule.minutes)
    for sink in health.sinks:
        if sink.behind_since and sink.behind_since <= long_ago and (not rule.sinks or sink.sink in rule.sinks):
            yield f"the sink {sink.sink} is {sink.behind:,} generations behind since {_instant(sink.behind_since)}"


def _stale(kpi: KpiFreshness) -> Iterator[str]:
    if kpi.stale:
        yield f"KPIs lack what was stored {kpi.behind_s:,.0f} s ago"
    for name in kpi.failed:
        yield f"the KPI {name} fails"


def _joined(sentences: Iterable[str]) -> str:
    return "; ".join(sentences)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
