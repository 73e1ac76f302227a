"""A scenario from its first line to its last: ready, performed, measured, verified, explained."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from multimarket_async.app import Application
from multimarket_async.collector.tally import measured
from multimarket_async.demo import lost, outcomes, told, verdict
from multimarket_async.domains import Delivery, Kpi, Row
from multimarket_async.errors import WrongSettings
from multimarket_async.landing import QuarantinedFile
from multimarket_async.landing.waiting import printable
from multimarket_async.producer import History
from multimarket_async.readers.accounting import Channel, counted
from multimarket_async.readers.verify import Report, verify
from multimarket_async.scenarios import screen
from multimarket_async.scenarios.facts import Finding, findings
from multimarket_async.scenarios.scenario import Amount, Scenario
from multimarket_async.scenarios.stage import Stage, check_alone, stopped_by_us

EXAMPLE = "{example}"
STORED, DUPLICATE, CONFLICT, TORN = "stored", "duplicate", "conflict", "torn"


class Play:
    """One performance of a scenario on a data folder, which may hold orders already.

    Raises WrongSettings where the scenario names a KPI that is not there, stops a MongoDB that is not ours,
    or would not be alone.
    """

    def __init__(self, scenario: Scenario, application: Application, console: Console) -> None:
        self._scenario = scenario
        self._parts = application
        self._console = console
        self._shown = [self._kpi(name) for name in scenario.kpis]
        self._amount = scenario.amount and self._kpi(scenario.amount.kpi, scenario.amount.column)
        check_alone(application)
        if scenario.away_on:
            stopped_by_us(application)

    async def perform(self) -> tuple[bool, dict[str, str]]:
        """Whether all that was expected was seen; and the commands to go on with. Raises CannotContinue."""
        application, console, scenario = self._parts, self._console, self._scenario
        screen.opening(console, scenario)
        await application.collector().until_empty()
        before, was = await counted(application.channels, application.store), await application.snapshotter().refresh()
        stage = Stage(application, scenario.torn_for_s)
        with screen.days(console, stage, scenario) as show:
            made = await stage.perform(scenario, show)
        generation = await application.snapshotter().refresh()
        report = await verify(application.domains, application.channels, application.store, generation)
        facts = self._facts(stage, before, report, made, (was, generation))
        found = list(findings(scenario.expect, facts, self._written))
        report.differences += [*lost(before, report.channels, made), *(str(one) for one in found if not one.right)]
        return report.right, self._close(before, report, made, found, generation)

    def _close(
        self,
        before: Sequence[Channel],
        report: Report,
        made: History,
        found: Sequence[Finding],
        generation: Mapping[str, Any],
    ) -> dict[str, str]:
        """What is to be seen, and why it is right; what to do next."""
        console, scenario = self._console, self._scenario
        for kpi in self._shown:
            screen.kpi(console, kpi, generation["kpis"][kpi.name]["rows"], made.period)
        screen.reasons(console, _reasons(before, report.channels), _quarantine(made))
        example = self._example(before, report.channels)
        if example:
            screen.example(console, example)
        screen.findings(console, found)
        screen.why(console, scenario, right=report.right)
        screen.lines(console, [told(made), *verdict(before, report)])
        return dict(_next(scenario, example))

    def _facts(
        self,
        stage: Stage,
        before: Sequence[Channel],
        report: Report,
        made: History,
        generations: tuple[Mapping[str, Any], Mapping[str, Any]],
    ) -> dict[str, float]:
        became, reasons = _gained(before, report.channels), _reasons(before, report.channels)
        otherwise = [made.expected[feed] - of_feed for feed, of_feed in became.items()]
        return {
            **_received(stage.deliveries),
            **self._noticed(stage),
            "stored": sum(one[STORED] for one in became.values()),
            "duplicates": sum(one[DUPLICATE] for one in became.values()),
            "otherwise": sum(one.total() for one in otherwise),
            "conflicts": reasons[CONFLICT],
            "quarantined": reasons.total(),
            "reasons": len(reasons),
            "waiting": sum(one.waiting for one in report.channels),
            **self._amounts(stage.deliveries, *generations),
        }

    def _noticed(self, stage: Stage) -> dict[str, float]:
        waits = measured(stage.waits, self._parts.settings.latency_budget_s)
        first, last = (stage.away[0], stage.away[-1]) if stage.away else (None, None)
        return {
            "missing": stage.missing,
            "max_backlog_files": stage.max_backlog_files,
            "p99_s": waits.p99_s if waits else 0.0,
            "max_s": waits.max_s if waits else 0.0,
            "breaches": waits.breaches if waits else 0,
            "waiting_while_away": last.waiting if last else 0,
            "stored_while_away": last.archived - first.archived if first and last else 0,
        }

    def _amounts(
        self, deliveries: Sequence[Delivery], was: Mapping[str, Any], generation: Mapping[str, Any]
    ) -> dict[str, float]:
        """In the KPIs, and as the audit has them: of the good orders, each once, and of all that is a whole order."""
        if not (kpi := self._amount) or not (amount := self._scenario.amount):
            return {}
        now, then = (_sum(one["kpis"][kpi.name]["rows"], amount) for one in (generation, was))
        whole = [one for one in deliveries if one.expected in (STORED, DUPLICATE, CONFLICT)]
        return {
            "amount": now - then,
            "amount_of_orders": self._audited(kpi, amount, (one for one in whole if one.expected == STORED)),
            "amount_of_all_files": self._audited(kpi, amount, whole),
        }

    def _audited(self, kpi: Kpi, amount: Amount, deliveries: Iterable[Delivery]) -> int:
        audit = next(domain for domain in self._parts.domains if kpi in domain.kpis).audit()
        for one in deliveries:
            audit.add(one.content)
        return _sum(audit.rows()[kpi.name], amount)

    def _written(self, fact: str, value: float) -> str:
        """A fact's value for people."""
        if self._amount and fact.startswith("amount"):
            return f"{value / 100:,.2f} {self._amount.unit}"
        return f"{value:,.1f}" if fact.endswith("_s") else f"{value:,.0f}"

    def _kpi(self, name: str, column: str | None = None) -> Kpi:
        known = {kpi.name: kpi for domain in self._parts.domains for kpi in domain.kpis}
        if name not in known:
            raise WrongSettings(f"{self._scenario.name}.toml: there is no KPI {name}; there are {', '.join(known)}.")
        amounts = [one.name for one in known[name].columns if one.name.endswith("_minor")]
        if column and column not in amounts:
            raise WrongSettings(f"{self._scenario.name}.toml: {name} has no amount {column}; it has {amounts}.")
        return known[name]

    def _example(self, before: Sequence[Channel], after: Sequence[Channel]) -> QuarantinedFile | None:
        """A file that was set aside now: one of the code that the scenario names, or else any."""
        if not self._scenario.example:
            return None
        new = list(self._newly_set_aside(before, after))
        wanted = (one for one in new if one.reason["code"] == self._scenario.example)
        return next(wanted, new[0] if new else None)

    def _newly_set_aside(self, before: Sequence[Channel], after: Sequence[Channel]) -> Iterator[QuarantinedFile]:
        for (_, landing), was, now in zip(self._parts.channels, before, after, strict=True):
            yield from landing.quarantine.newest(now.quarantined.total() - was.quarantined.total())


def _next(scenario: Scenario, example: QuarantinedFile | None) -> Iterator[tuple[str, str]]:
    """Commands to go on with; those about the bad file only where there is one."""
    name = shlex.quote(printable(example.path.name)) if example else None
    for command, what_for in scenario.next.items():
        if name or EXAMPLE not in command:
            yield command.replace(EXAMPLE, name or ""), what_for


def _received(deliveries: Sequence[Delivery]) -> dict[str, float]:
    expected = Counter(one.expected for one in deliveries)
    orders, copies, contradictions = expected[STORED], expected[DUPLICATE], expected[CONFLICT]
    return {
        "files": len(deliveries),
        "orders": orders,
        "copies": copies,
        "contradictions": contradictions,
        "bad": len(deliveries) - orders - copies - contradictions,
        "torn": sum(one.fault == TORN for one in deliveries),
    }


def _gained(before: Sequence[Channel], after: Sequence[Channel]) -> dict[str, Counter[str]]:
    """What became of the files in between, by feed."""
    return {now.feed: outcomes(now) - outcomes(was) for was, now in zip(before, after, strict=True)}


def _reasons(before: Sequence[Channel], after: Sequence[Channel]) -> Counter[str]:
    """Files set aside in between, by code."""
    return _without_archived(_gained(before, after).values())


def _quarantine(made: History) -> Counter[str]:
    """Files that had to be set aside, by code."""
    return _without_archived(made.expected.values())


def _without_archived(by_feed: Iterable[Counter[str]]) -> Counter[str]:
    codes = sum(by_feed, Counter[str]())
    return Counter({code: files for code, files in codes.items() if code not in (STORED, DUPLICATE)})


def _sum(rows: Iterable[Row], amount: Amount) -> int:
    return sum(row[amount.column] for row in rows)
