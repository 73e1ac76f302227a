"""The tests that a domain inherits by naming itself once, in its own test suite.

    class TestKiosks(DomainContract):
        domain = KIOSKS

They need pytest and hypothesis, and a MongoDB: that of the suite's fixture `mongo_uri`, of session scope, if there is
one, or else an embedded server of the session. Files come from the simulators of the feeds, or else from `samples`.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from markupsafe import escape
from pydantic import ValidationError

from multimarket_async.clashes import clashes
from multimarket_async.columnar import Columnar
from multimarket_async.columnar.statements import quoted, reading
from multimarket_async.discovery import Found, compared, found
from multimarket_async.domains import Column, Domain, Feed, IncomingFile, Kpi, LoadedDomain, Record
from multimarket_async.errors import Rejected
from multimarket_async.generations import errors
from multimarket_async.mistakes import mistakes
from multimarket_async.proving.odd_bytes import ODD, changed
from multimarket_async.proving.storable import unstorable
from multimarket_async.proving.trial import (
    GARBAGE,
    Arrival,
    Outcome,
    Samples,
    changed_rows,
    differences,
    expected_codes,
    load_of,
    on_trial,
    without_origin,
)
from multimarket_async.readers.language import ENGLISH, FRENCH, Language
from multimarket_async.readers.page.page import about
from multimarket_async.readers.report.report import report
from multimarket_async.settings import Settings
from multimarket_async.simulation import STORED
from multimarket_async.snapshots.schema import mismatch
from multimarket_async.store import EmbeddedServer

EXAMPLES = hypothesis_settings(
    deadline=None, derandomize=True, database=None, max_examples=300, suppress_health_check=list(HealthCheck)
)
SERVER = pytest.StashKey[str]()


class DomainContract:
    """Tests of one domain.

    settings: its own, where they have no defaults. samples: content by name by feed, for feeds without a simulator, in
    the order in which they were written; they make rows for every KPI.
    """

    domain: ClassVar[Domain[Any]]
    settings: ClassVar[dict[str, Any]] = {}
    samples: ClassVar[Samples] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def mongodb(cls, request: pytest.FixtureRequest) -> str:
        """The URI of a MongoDB of the session."""
        try:
            return str(request.getfixturevalue("mongo_uri"))
        except pytest.FixtureLookupError:
            return _embedded(request.session)

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls) -> LoadedDomain:
        """The domain under its settings."""
        return cls.domain.declare(cls.domain.settings.model_validate(cls.settings))

    @pytest.fixture(scope="class")
    @classmethod
    def outcome(cls, loaded: LoadedDomain, mongodb: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
        """The outcome of files with every fault, contradictions too, in the order in which they were written."""
        load, folder = load_of(loaded, cls.samples, contradicted=True), tmp_path_factory.mktemp("contract")

        async def run() -> Outcome:
            async with on_trial(loaded, mongodb, folder) as trial:
                await trial.collect_in_parts(load)
                return await trial.outcome(load)

        return asyncio.run(run())

    # --- reading ------------------------------------------------------------------------------

    def test_every_feed_has_files(self, loaded: LoadedDomain) -> None:
        """Made up by its simulator, or given as samples."""
        without = [feed.name for feed in loaded.feeds if not (feed.simulate or self.samples.get(feed.name))]
        assert without == [], f"give samples of {', '.join(without)}: they have no simulator"

    def test_any_bytes_are_read_or_rejected(self, loaded: LoadedDomain) -> None:
        """No other error comes out of `read`, and what is accepted can be stored."""

        @EXAMPLES
        @given(self._files(loaded))
        def read(file: Arrival) -> None:
            records = _records(file)
            faults = [fault for record in records for fault in unstorable(file.feed.table, record)]
            assert faults == [], f"{file.feed.name} accepts from {file.content!r} what cannot be stored: {faults}"

        read()

    def test_the_same_bytes_give_the_same_records(self, loaded: LoadedDomain) -> None:
        """However often they are read, and whatever was read before."""

        @EXAMPLES
        @given(self._files(loaded))
        def read_twice(file: Arrival) -> None:
            first, second = (_read(file) for _ in range(2))
            assert first == second, f"{file.feed.name} reads {file.content!r} in two ways"

        read_twice()

    def _files(self, loaded: LoadedDomain) -> st.SearchStrategy[Arrival]:
        """Files of any bytes, and those of the load with changes."""
        load = load_of(loaded, self.samples, contradicted=True)
        changes = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from(ODD)), max_size=3)
        files = st.sampled_from(load)
        odd = st.builds(lambda file, made: file._replace(content=changed(file.content, made)), files, changes)
        any_bytes = st.builds(lambda file, content: file._replace(content=content), files, st.binary())
        return st.one_of(odd, odd, any_bytes)

    # --- collecting ---------------------------------------------------------------------------

    def test_files_and_records_are_conserved(self, outcome: Outcome) -> None:
        """Each file is stored, a duplicate, superseded or quarantined, and so is each record of a stored one."""
        _none(outcome.lost())

    def test_bad_files_are_in_quarantine_for_their_reason(self, outcome: Outcome) -> None:
        """By the code that the simulator expects, and no good file is."""
        expected = expected_codes(outcome.load)
        codes = {
            feed: {code: files for code, files in outcome.quarantined[feed].items() if code != "conflict"}
            for feed in expected
        }
        assert codes == expected, f"in quarantine are {codes}, where these were expected: {expected}"

    def test_verify_says_right(self, outcome: Outcome) -> None:
        """Archive, tables and KPIs agree, and the KPIs equal their SQL over the files."""
        _none(outcome.report.differences)

    def test_collecting_again_changes_nothing(self, loaded: LoadedDomain, mongodb: str, tmp_path: Path) -> None:
        """As after an end between storing and archiving."""

        async def run() -> tuple[Outcome, Outcome]:
            async with on_trial(loaded, mongodb, tmp_path) as trial:
                load = load_of(loaded, self.samples)
                await trial.collect_in_parts(load)
                before = await trial.outcome(load)
                trial.unarchive()
                await trial.collect()
                return before, await trial.outcome(load)

        before, after = asyncio.run(run())
        _none(differences(before.documents, after.documents))
        _none(changed_rows(before.rows, after.rows))
        _none(after.report.differences)
        _none(after.lost())

    def test_any_order_of_arrival_has_the_same_end(self, loaded: LoadedDomain, mongodb: str, tmp_path: Path) -> None:
        """The same documents and the same KPIs. Which of several equal records was stored may differ."""
        written = load_of(loaded, self.samples)
        orders = [written, written[::-1], Random(1).sample(written, len(written))]  # noqa: S311 - no secret

        async def run(number: int, load: list[Arrival]) -> Outcome:
            async with on_trial(loaded, mongodb, tmp_path / str(number)) as trial:
                await trial.collect_in_parts(load)
                return await trial.outcome(load)

        first, *others = [asyncio.run(run(number, load)) for number, load in enumerate(orders)]
        for other in others:
            _none(differences(without_origin(first.documents), without_origin(other.documents)))
            _none(changed_rows(first.rows, other.rows))
            _none(other.report.differences)

    def test_a_mistake_in_the_reader_stops_no_other_file(
        self, loaded: LoadedDomain, mongodb: str, tmp_path: Path
    ) -> None:
        """The file that it is made on is quarantined."""

        async def run() -> dict[str, Counter[str]]:
            broken = replace(loaded, feeds=tuple(_failing(feed, load) for feed in loaded.feeds))
            async with on_trial(broken, mongodb, tmp_path) as trial:
                await trial.receive(load)
                await trial.collect()
                return trial.quarantined()

        good = [file for file in load_of(loaded, self.samples) if file.expected in ("", STORED)]
        load = list({(file.feed.name, file.content): file for file in good if file.content != GARBAGE}.values())
        codes = asyncio.run(run())
        _none(f"{feed}: in quarantine are {counts}" for feed, counts in codes.items() if counts["parser_failed"] != 1)
        simulated = [feed.name for feed in loaded.feeds if feed.simulate]
        _none(f"{feed}: in quarantine are {codes[feed]}" for feed in simulated if codes[feed].total() != 1)

    # --- KPIs and words -----------------------------------------------------------------------

    def test_every_kpi_has_rows_of_its_columns(self, loaded: LoadedDomain, outcome: Outcome) -> None:
        """Published, none of them failed, and each with a check."""
        _none(f"{name}: {why}" for name, why in errors(outcome.generation).items())
        rows = outcome.rows
        wrong = [mismatch(kpi, rows[kpi.name]) for kpi in loaded.kpis]
        _none(sentence for sentence in wrong if sentence)
        _none(f"{kpi.name} has no rows" for kpi in loaded.kpis if not rows[kpi.name])
        _none(f"{kpi.name} has no check in SQL" for kpi in loaded.kpis if not kpi.check)

    @pytest.mark.parametrize("language", [ENGLISH, FRENCH], ids=["en", "fr"])
    def test_report_and_page_show_every_kpi(self, loaded: LoadedDomain, outcome: Outcome, language: Language) -> None:
        """In both languages."""
        html = report([loaded], outcome.generation, outcome.rows, language, ZoneInfo("UTC"))
        titles = [language.extended(loaded.french).say(kpi.title) for kpi in loaded.kpis]
        _none(f"{title} is not in the report" for title in titles if str(escape(title)) not in html)
        page = about([loaded], Settings.model_validate({}))
        json.dumps(page)
        assert [part["kpi"] for part in page["dashboards"]] == [dashboard.kpi for dashboard in loaded.dashboards]

    def test_dashboards_name_what_there_is(self, loaded: LoadedDomain, outcome: Outcome) -> None:
        """KPIs, columns of a role that fits, and rows to show."""
        _none(mistakes(loaded))
        shown = [dashboard.kpi for dashboard in loaded.dashboards]
        _none(f"{kpi}, which a dashboard shows, has no rows" for kpi in shown if not outcome.rows[kpi])

    def test_star_tables_have_their_columns(self, loaded: LoadedDomain) -> None:
        """Each query runs, on tables without rows, and gives what is declared; so do those of files by date."""
        tables = (*loaded.star, *(loaded.export.tables if loaded.export else ()))
        kpis = tuple(Kpi(table.name, table.title, "", "", table.reads, (), table.query) for table in tables)
        measured = replace(loaded, kpis=kpis)
        with closing(Columnar([measured])) as columnar:
            for facts in measured.facts:
                columnar.begin(facts)
                columnar.replace(facts, "", {})
                assert columnar.roll_up(facts) == {}
            for table in tables:
                columnar.follow(table.reads)
                columns = ", ".join(map(quoted, table.columns))
                columnar.execute(measured, f"SELECT {columns} FROM ({reading(table.reads, table.query)})")
                assert columnar.fetch(1) == []

    def test_french_says_everything_or_nothing(self, loaded: LoadedDomain) -> None:
        """Titles, units and definitions of all KPIs, if it has French words."""
        shown: list[Kpi | Column] = [*loaded.kpis, *(column for kpi in loaded.kpis for column in kpi.columns)]
        texts = {text for part in shown for text in (part.title, part.unit)}
        for board in loaded.dashboards:
            texts |= {board.title, *(chart.title for chart in board.charts)}
            texts |= {text for tile in board.tiles for text in (tile.title, tile.note)}
        texts |= {word for kpi in loaded.kpis for column in kpi.columns for _, word in column.labels}
        words = {text for text in texts if any(char.islower() for char in text)} | {kpi.name for kpi in loaded.kpis}
        _none(f"{word} has no French word" for word in words - loaded.french.keys() if loaded.french)

    def test_names_clash_with_no_other_domain(self, loaded: LoadedDomain) -> None:
        """Of the package, or of others that are installed; nor do its settings."""
        candidates = [*found(), Found(self.domain.name, "its tests", self.domain)]
        _none(each.fault for each in compared(candidates) if each.name == self.domain.name and each.fault)
        _none(clashes([*_others(self.domain.name), loaded]))


def _none(sentences: Iterable[str]) -> None:
    """Fail with these sentences, if there are any: pytest explains asserts of test modules only."""
    listed = list(sentences)
    assert not listed, "\n".join(listed)


def _embedded(session: pytest.Session) -> str:
    """The embedded server of this session, started for the first that asks."""
    if SERVER not in session.stash:
        runner, folder = asyncio.Runner(), TemporaryDirectory()
        cache_gb = Settings.model_validate({}).mongo_cache_gb
        server = EmbeddedServer(Path(folder.name), database="contract", port=0, cache_gb=cache_gb)
        for end in (folder.cleanup, runner.close, lambda: runner.run(server.stop())):  # the last one first
            session.addfinalizer(end)
        session.stash[SERVER] = runner.run(server.start())
    return session.stash[SERVER]


def _failing(feed: Feed, load: list[Arrival]) -> Feed:
    """The feed with a reader that fails on its last file."""
    last = next((file.content for file in reversed(load) if file.feed.name == feed.name), b"")

    def read(file: IncomingFile) -> Iterable[Record]:
        if file.content == last:
            raise ZeroDivisionError("planted")
        return feed.read(file)

    return replace(feed, read=read)


def _others(name: str) -> Iterator[LoadedDomain]:
    """Other domains that are installed, as far as they can be declared without settings."""
    for candidate in found():
        if candidate.domain and candidate.name != name:
            with suppress(ValidationError):
                yield candidate.domain.declare(candidate.domain.settings.model_validate({}))


def _records(file: Arrival) -> list[Record]:
    """The records of a file; none if it is rejected. Raises what no reader may raise."""
    try:
        return list(file.feed.read(file.incoming))
    except Rejected:
        return []
    except Exception as error:
        error.add_note(f"{file.feed.name} fails on {file.content!r}")
        raise


def _read(file: Arrival) -> str:
    """The records of a file, or the error, as text."""
    try:
        return repr(list(file.feed.read(file.incoming)))
    except Exception as error:  # noqa: BLE001 - another test demands that it is Rejected
        return repr(error)
