"""The checks of `doctor`, which the start makes too."""

import asyncio
from collections.abc import Sequence
from itertools import chain

import structlog

from multimarket_async.app.alerts import examined_alerts
from multimarket_async.app.parts import Application, Workspace
from multimarket_async.clock import beats
from multimarket_async.domains import LoadedDomain
from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.jobs.needs import lacking
from multimarket_async.readers.doctor import FAULT, OK, WARNING, Finding, examine
from multimarket_async.settings import Settings
from multimarket_async.sinks import Kind, chosen
from multimarket_async.store import Store
from multimarket_async.tasks import Tasks

log = structlog.get_logger()

CHECK_EVERY_S = 5.0


async def examined(at: Workspace, unusable: Sequence[str] = (), store: Store | None = None) -> list[Finding]:
    """Findings of all checks: the same for `doctor` and for the start."""
    landings = [landing for _, landing in at.feeds]
    findings = await examine(at.settings, at.domains, landings, unusable, clock=at.clock, store=store)
    findings += [_examined_jobs(domain, at.settings) for domain in at.domains if domain.jobs]
    findings += examined_alerts(at)
    return [*findings, *[await _examined_sink(kind, at.settings) for kind in chosen(at.settings, at.domains)]]


def _examined_jobs(domain: LoadedDomain, settings: Settings) -> Finding:
    check, needs = f"jobs of {domain.name}", {job.name: lacking(job, settings) for job in domain.jobs}
    if not any(needs.values()):
        return Finding(check, OK, ", ".join(needs))
    names, phrases = [name for name, of in needs.items() if of], dict.fromkeys(chain(*needs.values()))
    return Finding(check, WARNING, f"{', '.join(names)} do not run: they need {'; '.join(phrases)}")


async def _examined_sink(kind: Kind, settings: Settings) -> Finding:
    try:
        return Finding(f"sink {kind.name}", OK, await kind.check(settings))
    except (CannotContinue, Unavailable) as why:
        return Finding(f"sink {kind.name}", FAULT, str(why))


async def check_start(application: Application, tasks: Tasks, stop: asyncio.Event) -> None:
    """Check as `doctor` does, until MongoDB has answered. Raises CannotContinue only if nothing can be collected."""
    logged = set[Finding]()
    async for _ in beats(CHECK_EVERY_S, stop):
        findings = await tasks.attempt("checks", examined(application, store=application.store)) or []
        for finding in {*findings} - logged:
            _log_finding(finding)
        logged.update(findings)
        for finding in findings:
            if finding.ends:
                raise CannotContinue(finding.found)
        if findings and not any(finding.check == "MongoDB" and finding.level == FAULT for finding in findings):
            return


def _log_finding(finding: Finding) -> None:
    if finding.level != OK:
        tell = log.error if finding.level == FAULT else log.warning
        tell("check.failed", check=finding.check, found=finding.found)
