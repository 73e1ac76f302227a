"""Conditions of rules: numbers by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from multimarket_async.alerts.conditions import Health, of_health
from multimarket_async.alerts.figures import Table, found
from multimarket_async.alerts.rules import Any_, Rule
from multimarket_async.alerts.states import Message, State, following
from multimarket_async.domains import Column, Kpi, LoadedDomain
from multimarket_async.errors import OperationFailed
from multimarket_async.readers.freshness import KpiFreshness
from multimarket_async.readers.language import FRENCH
from multimarket_async.readers.polls import PolledSource
from multimarket_async.readers.sinks import SinkStatus

NOW = datetime(2026, 3, 12, 10, tzinfo=UTC)
COLUMNS = (
    Column("day", "string", "Day", role="time"),
    Column("shop", "string", "Shop"),
    Column("sold", "integer", "Sold"),
    Column("revenue_minor", "money", "Revenue", "EUR"),
    Column("lost", "integer", "Lost"),
    Column("lost_pct", "percent", "Share lost", "%", nullable=True, of=("lost", "sold")),
    Column("most", "integer", "Most", role="other"),
)
KPI = Kpi("sales", "Sales", "", "", (), COLUMNS, "")


def table(*rows: tuple[Any, ...]) -> Table:
    """Rows of day, shop, sold, revenue, lost; today is 12 March."""
    named = [
        dict(zip(("day", "shop", "sold", "revenue_minor", "lost", "most"), (*row, row[2]), strict=True)) for row in rows
    ]
    return Table(LoadedDomain("shops", (), (KPI,)), KPI, named, date(2026, 3, 12))


SALES = table(
    ("2026-03-04", "a", 10, 100_000, 0),
    ("2026-03-04", "b", 10, 100_000, 1),
    ("2026-03-10", "a", 5, 60_050, 1),
    ("2026-03-11", "a", 4, 50_000, 2),
    ("2026-03-11", "b", 8, 70_000, 0),
    ("2026-03-12", "b", 99, 990_000, 99),
)


def rule(**given: Any) -> Any_:
    found: Any_ = TypeAdapter(Any_).validate_python(given)
    return found


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"column": "sold", "above": 135}, "Sales: Sold 136, above 135"),
        ({"column": "sold", "above": 136}, ""),
        ({"column": "sold", "below": 20, "days": "yesterday"}, "Sales: Sold 12, below 20 (yesterday)"),
        ({"column": "sold", "below": 12, "days": "yesterday"}, ""),
        ({"column": "sold", "below": 18, "days": "7 days"}, "Sales: Sold 17, below 18 (7 days)"),
        ({"column": "sold", "below": 1, "where": {"shop": "c"}}, "Sales: Sold 0, below 1 (shop c)"),
        ({"column": "revenue_minor", "above": 1200.49, "days": "7 days", "where": {"shop": ["a", "b"]}},
         "Sales: Revenue 1,800.50, above 1,200.49 EUR (shop a or b, 7 days)"),
        ({"column": "revenue_minor", "above": 1800.50, "days": "7 days"}, ""),
        ({"column": "lost_pct", "above": 20, "by": ["shop"]},
         "Sales: Share lost b 85.47, above 20 %"),
        ({"column": "lost_pct", "above": 5, "by": ["shop", "day"]},
         "Sales: Share lost b, 2026-03-12 100.00; a, 2026-03-11 50.00; a, 2026-03-10 20.00, and 1 more, above 5 %"),
        ({"column": "lost_pct", "below": 1, "where": {"shop": "c"}}, ""),
        ({"column": "most", "above": 50, "where": {"shop": "b"}}, "Sales: Most 2026-03-12 99, above 50 (shop b)"),
    ],
)  # fmt: skip
def test_numbers_beyond_a_bound(given: dict[str, Any], sentence: str) -> None:
    """Added up as a KPI is regrouped; the farthest first; today only where no days are chosen."""
    assert found(rule(when="kpi", kpi="sales", **given), SALES) == sentence


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"column": "sold", "fell_pct": 39}, "Sales: Sold fell by 40.0 % against the same weekday: 12 after 20"),
        ({"column": "sold", "fell_pct": 40}, ""),
        ({"column": "sold", "rose_pct": 1}, ""),
        ({"column": "sold", "fell_pct": 10, "against": "week before"},
         "Sales: Sold fell by 15.0 % against the week before: 17 after 20"),
        ({"column": "revenue_minor", "fell_pct": 50, "where": {"shop": "c"}}, ""),
        ({"column": "lost_pct", "rose_pct": 100},
         "Sales: Share lost rose by 233.4 % against the same weekday: 16.67 after 5.00 %"),
        ({"column": "sold", "fell_pct": 50, "where": {"shop": "a"}},
         "Sales: Sold fell by 60.0 % against the same weekday: 4 after 10 (shop a)"),
    ],
)  # fmt: skip
def test_changes_of_days_that_are_over(given: dict[str, Any], sentence: str) -> None:
    assert found(rule(when="change", kpi="sales", **given), SALES) == sentence


def test_a_shop_that_sells_nothing_has_fallen_by_all_of_it() -> None:
    """No row is 0, where there were rows a week before."""
    closed = table(("2026-03-04", "a", 10, 1000, 0))
    assert found(rule(when="change", kpi="sales", column="sold", fell_pct=90), closed).startswith(
        "Sales: Sold fell by 100.0 %"
    )


def test_months_are_no_days() -> None:
    with pytest.raises(OperationFailed, match="sales is not by day, but as 2026-03: choose a KPI by day"):
        found(rule(when="change", kpi="sales", column="sold", fell_pct=90), table(("2026-03", "a", 10, 1000, 0)))


LONG_AGO = NOW - timedelta(hours=2)
WELL = Health(NOW, {}, {"files": 100, "breaches": 0, "quarantined": 0}, {"web": LONG_AGO}, (), KpiFreshness(), ())


def source(state: str, **times: Any) -> PolledSource:
    nothing = {"answered_at": None, "changed_at": None, "next_at": None, "failing_since": None, "why": "key=hush"}
    return PolledSource(feed="weather", state=state, **{**nothing, **times})  # type: ignore[arg-type]


def sink(since: datetime | None) -> SinkStatus:
    return SinkStatus(sink="lake", state="failing", generation=3, written_at=None, behind=7, behind_since=since,
                      failing_since=since, why="key=hush")  # fmt: skip


@pytest.mark.parametrize(
    ("given", "facts", "sentence"),
    [
        ({"when": "late"}, {}, ""),
        ({"when": "late"}, {"last_hour": {"breaches": 2}}, "2 files of the last hour were late"),
        ({"when": "late", "files": 3}, {"last_hour": {"breaches": 2}}, ""),
        ({"when": "late"}, {"overdue": {"web": 40.0, "app": 1200.4}}, "a file of app waits for 1,200 s"),
        ({"when": "quarantined", "above_pct": 5}, {"last_hour": {"files": 100, "quarantined": 5}}, ""),
        ({"when": "quarantined", "above_pct": 5}, {"last_hour": {"files": 100, "quarantined": 6}},
         "6.0 % of the files of the last hour are in quarantine: 6 of 100"),
        ({"when": "quarantined", "above_pct": 5, "files": 7}, {"last_hour": {"files": 100, "quarantined": 6}}, ""),
        ({"when": "source_away", "minutes": 60}, {}, ""),
        ({"when": "source_away", "minutes": 119, "feeds": ["web"]}, {},
         "nothing has come for web since 2026-03-12 08:00 UTC"),
        ({"when": "source_away", "minutes": 121, "feeds": ["web"]}, {}, ""),
        ({"when": "source_away", "minutes": 119}, {"polls": [source("failing", failing_since=LONG_AGO)]},
         "the source of weather is failing since 2026-03-12 08:00 UTC"),
        ({"when": "source_away", "minutes": 119}, {"polls": [source("overdue", next_at=LONG_AGO)]},
         "the source of weather is overdue since 2026-03-12 08:00 UTC"),
        ({"when": "source_away", "minutes": 119}, {"polls": [source("ok", next_at=LONG_AGO)]}, ""),
        ({"when": "sink_behind", "minutes": 119}, {"sinks": [sink(LONG_AGO)]},
         "the sink lake is 7 generations behind since 2026-03-12 08:00 UTC"),
        ({"when": "sink_behind", "minutes": 121}, {"sinks": [sink(LONG_AGO), sink(None)]}, ""),
        ({"when": "stale"}, {"kpi": KpiFreshness(stale=True, behind_s=90.0, failed={"sales": "key=hush"})},
         "KPIs lack what was stored 90 s ago; the KPI sales fails"),
        ({"when": "stale"}, {"kpi": KpiFreshness(behind_s=90.0)}, ""),
    ],
)  # fmt: skip
def test_conditions_of_health(given: dict[str, Any], facts: dict[str, Any], sentence: str) -> None:
    """A sentence that has names, numbers and times; no reason that others have written."""
    said = of_health(rule(**given), Health(**{**vars(WELL), **facts}))
    assert said == sentence
    assert all(FRENCH.say(part) != part for part in sentence.split("; ") if part)


def test_an_alert_begins_goes_on_and_ends() -> None:
    """With a message each, reminders at most every so often, and no message in between."""
    name, given = "a", Rule(for_minutes=10, remind_hours=2)
    steps = [
        (0, "x"),
        (9, "x"),
        (10, "y"),
        (60, "z"),
        (129, "z"),
        (130, "z"),
        (131, "z"),
        (600, "z"),
        (601, ""),
        (602, ""),
    ]
    state, messages = State(3), list[Message]()
    for minute, sentence in steps:
        state, message = following(state, name, given, sentence, NOW + timedelta(minutes=minute))
        messages += [message] if message else []
    began = NOW + timedelta(minutes=10)
    assert [(each.id, each.at, each.since, each.sentence) for each in messages] == [
        ("a 4 begun", began, began, "y"),
        ("a 4 goes on 1", began + timedelta(hours=2), began, "z"),
        ("a 4 goes on 4", NOW + timedelta(minutes=600), began, "z"),
        ("a 4 ended", NOW + timedelta(minutes=601), began, "z"),
    ]
    assert state == State(4)


def test_a_condition_that_does_not_last_begins_nothing() -> None:
    """The time begins again with each lapse."""
    state, given = State(), Rule(for_minutes=10)
    for minute, sentence in [(0, "x"), (9, ""), (11, "x"), (20, "x")]:
        state, message = following(state, "a", given, sentence, NOW + timedelta(minutes=minute))
        assert message is None
    assert state.begun_at is None
