"""Checker: after a drain, every file, document, KPI, generation and log line against the manifest of the round."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from multimarket_async.app import Application
from multimarket_async.generations import rows_by_kpi
from multimarket_async.landing import Landing
from multimarket_async.proving import checker
from multimarket_async.proving.checker import content_digest
from multimarket_async.proving.manifest import Manifest
from multimarket_async.proving.torture import generations
from multimarket_async.proving.torture.generations import Watcher
from multimarket_async.proving.torture.worker import LOG
from multimarket_async.readers.accounting import FeedFiles
from multimarket_async.readers.verify import verify

MOST_LINES = 60
ANEW = "computed anew from the documents, it differs"
ONE_PER_OUTCOME = frozenset({
    "file.quarantined", "files.quarantined", "file.collected", "batch.collected", "latency.breached",
    "generation.published", "format.found", "sink.written",
})  # fmt: skip


async def violations(
    application: Application, manifest: Manifest, watcher: Watcher, foreign: tuple[str, int] = ("", 0)
) -> tuple[list[str], list[FeedFiles]]:
    """Every broken promise, and the accounts of every feed. watcher: has read the generations meanwhile.

    foreign: a table and the number of documents of another hand in it, which are counted and in no KPI.
    """
    kpis = {kpi.name for domain in application.domains for kpi in domain.kpis}
    published = await watcher.published()
    broken = [*watcher.violations, *generations.check(published, kpis, _shrinking(application))]
    if not published or set(published[-1]["kpis"]) != kpis:
        return [*broken, "there is no whole generation to compare with"], []
    comparison = await checker.check(application, [manifest.path], published[-1])
    report = await verify(application.domains, application.feeds, application.store, published[-1])
    broken += comparison.differences
    broken += [
        f"{number} in {place} were never delivered"
        for place, number in comparison.unnamed.items()
        if (place, number) != foreign
    ]
    broken += [f"verify: {difference}" for difference in report.differences]
    for files, (feed, landing) in zip(report.feeds, application.feeds, strict=True):
        delivered = manifest.expected[files.feed].total()
        if (files.received, files.waiting) != (delivered, 0):
            shown = f"{files.received} received, {files.waiting} waiting"
            broken.append(f"{files.feed}: status shows {shown}; {delivered} files were delivered")
        if not feed.has_receipts:  # there a conflict is one of records, which `verify` counts
            broken += false_conflicts(landing)
    return [*broken, *await outdated(application, published[-1], foreign[1])], report.feeds


async def outdated(application: Application, generation: dict[str, Any], foreign: int = 0) -> list[str]:
    """A sentence for each KPI that a rebuild gives other rows of: its rollups were wrong, not its documents.

    foreign: the number of documents of another hand in the tables of domains.
    """
    before = await rows_by_kpi(application.store, generation)
    rebuilt = await application.snapshotter().rebuild()
    after = await rows_by_kpi(application.store, rebuilt)
    counted = sum(rebuilt.get("foreign", {}).get(domain.name, 0) for domain in application.domains)
    different = [name for name, rows in before.items() if after[name] != rows]
    wrong = [f"{counted} documents are called foreign, and {foreign} are"] if counted != foreign else []
    return wrong + [f"{name}: its rollups are out of date; {ANEW}" for name in different]


def _shrinking(application: Application) -> set[str]:
    return {domain.name for domain in application.domains if any(feed.table.mode == "replace" for feed in domain.feeds)}


def false_conflicts(landing: Landing) -> Iterator[str]:
    """Files quarantined as a conflict whose reason does not name their own content and another, archived one."""
    archived = {content_digest(path) for path in landing.archive_files()}
    for file in landing.quarantine.each():
        stored, delivered = file.reason.get("sha256_stored"), file.reason.get("sha256_delivered")
        true = delivered == content_digest(file.path) != stored and stored in archived
        if file.reason["code"] == "conflict" and not true:
            yield f"{landing.feed}: {file.path.name} is in conflict with nothing that is stored: {file.reason}"


def floods(data_dir: Path) -> Iterator[str]:
    """Log events that came far more often than anything happened; lines that are no JSON."""
    events: Counter[str] = Counter()
    for line in (data_dir / LOG).read_text("utf-8").splitlines(keepends=True):
        try:
            events[json.loads(line)["event"]] += 1
        except ValueError:
            if line.endswith("\n"):  # else a kill cut it
                yield f"a log line is not JSON: {line[:200]!r}"
    for event, lines in events.items():
        if lines > MOST_LINES and event not in ONE_PER_OUTCOME:
            yield f"the log has {lines} lines {event}"
