"""Files as the dealer sends them: what is stored, what is listed, and the KPIs, computed by hand."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from multimarket_async.domains.bikes import BIKES
from multimarket_async.proving.trial import Arrival, Outcome, Trial, on_trial

FEEDS = {feed.name: feed for feed in BIKES.declare(BIKES.settings()).feeds}
DAY_S = 86_400
NOW_S = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
BIKE_LIST = """\ufeffbike.id;model;category1;category2;frame;price
1;Supersix;Road;Elite Road;Carbon;12790
2;CAAD12;Road;Elite Road;Aluminum;5860
3;Scalpel;Mountain;Trail;Carbon;1000,50
"""
SHOP_LIST = """\ufeffbikeshop.id;bikeshop.name;bikeshop.city;bikeshop.state;latitude;longitude
1;Pittsburgh Mountain Machines;Pittsburgh;PA;40,440625;-79,995886
2;Ithaca Mountain Climbers;Ithaca;NY;42,443961;-76,501881
3;New York Cycles;New York;NY;40,712784;-74,005941
"""
CUSTOMERS = """CustomerKey, Prefix, FirstName, LastName, BirthDate, MaritalStatus, Gender, EmailAddress, AnnualIncome
1, Mr., Prenom1, Nom1, 01/01/1990, Single, Male, client1@example.org, 50000
2, Mrs., Prenom2, Nom2, 25/12/1988, Married, Female, client2@example.org, 60000
"""
HEADER = ";order.id;order.line;order.date;customer.id;product.id;quantity"
ROWS = ("1/7/2011;1;1;1", "1/7/2011;1;2;2", "1/25/2011;2;1;3", "2/3/2012;2;3;3", "2/3/2012;3;2;3")
LINES = [f"{number};{number // 2};{number % 2};{row}" for number, row in enumerate(ROWS, start=2)]
REVENUE = {"2011": 12790_00 + 2 * 5860_00 + 3 * 12790_00, "2012": 3 * 1000_50 + 3 * 5860_00}


def csv(*lines: str) -> str:
    return "\n".join(("\ufeff" + HEADER, *lines, ""))


ORDERS = csv(*LINES)
LISTS = {"bikes": BIKE_LIST, "bikeshops": SHOP_LIST}


def arrival(feed: str, content: str | bytes, at_s: float = NOW_S, name: str = "") -> Arrival:
    encoded = content.encode() if isinstance(content, str) else content
    return Arrival(FEEDS[feed], name or f"{feed}.csv", encoded, at_s)


async def received(trial: Trial, *arrivals: Arrival) -> Outcome:
    """Collected, measured, and as the checks in SQL say."""
    await trial.receive(arrivals)
    await trial.collect()
    outcome = await trial.outcome([])
    assert outcome.report.differences == []
    return outcome


def column(outcome: Outcome, kpi: str, *names: str) -> list[Any]:
    return [tuple(row[name] for name in names) for row in outcome.rows[kpi]]


def failed(outcome: Outcome) -> dict[str, int]:
    """Lines by rule, of rules that some break."""
    return {row["rule"]: row["lines"] for row in outcome.rows["bike_data_findings"] if row["lines"]}


async def test_every_kpi_is_exact_with_and_without_customers(mongo_uri: str, tmp_path: Path) -> None:
    """Ties are all shown; without the file of customers sex is unknown; a second delivery changes nothing."""
    everything = [arrival(feed, content) for feed, content in {**LISTS, "bike_orders": ORDERS}.items()]
    async with on_trial(BIKES.declare(BIKES.settings()), mongo_uri, tmp_path) as trial:
        before = await received(trial, *everything)
        assert column(before, "bike_sales_by_year", "year", "orders", "quantity", "revenue", "revenue_minor") == [
            (year, orders, 6, REVENUE[year] / 100, REVENUE[year]) for year, orders in (("2011", 2), ("2012", 2))
        ]
        assert column(before, "bike_sales_by_model_and_city", "city", "model", "quantity", "revenue_minor") == [
            ("Ithaca", "Scalpel", 3, 3 * 1000_50),
            ("Ithaca", "Supersix", 3, 3 * 12790_00),
            ("New York", "CAAD12", 3, 3 * 5860_00),
            ("Pittsburgh", "CAAD12", 2, 2 * 5860_00),
            ("Pittsburgh", "Supersix", 1, 12790_00),
        ]
        assert column(before, "bike_sales_by_state", "state", "orders", "quantity") == [("NY", 2, 9), ("PA", 1, 3)]
        assert column(before, "bike_top_model_by_city", "city", "rank", "model", "quantity") == [
            ("Ithaca", 1, "Scalpel", 3),
            ("Ithaca", 1, "Supersix", 3),
            ("New York", 1, "CAAD12", 3),
            ("Pittsburgh", 1, "CAAD12", 2),
        ]
        best_of_states = [("NY", "CAAD12"), ("NY", "Scalpel"), ("NY", "Supersix"), ("PA", "CAAD12")]
        assert column(before, "bike_top_model_by_state", "state", "model") == best_of_states
        ranked = [(1, "CAAD12", 5), (2, "Supersix", 4), (3, "Scalpel", 3)]
        assert column(before, "bike_top_models", "rank", "model", "quantity") == ranked
        assert {sex for (sex,) in column(before, "bike_sales_by_model_and_sex", "sex")} == {"unknown"}
        again = [each._replace(written_s=NOW_S + 60) for each in everything]
        after = await received(trial, *again, arrival("bike_customers", CUSTOMERS))
    assert column(after, "bike_sales_by_model_and_sex", "model", "sex", "quantity") == [
        ("CAAD12", "Male", 2),
        ("CAAD12", "unknown", 3),
        ("Scalpel", "Female", 3),
        ("Supersix", "Female", 3),
        ("Supersix", "Male", 1),
    ]
    for kpi in ("bike_sales_by_year", "bike_sales_by_model_and_city", "bike_top_models"):
        assert after.rows[kpi] == before.rows[kpi]
    assert {name: len(rows) for name, rows in after.documents.items() if rows} == {
        "bikes": 3, "bikeshops": 3, "bike_orders": 5, "bike_customers": 2
    }  # fmt: skip
    assert not any("Nom1" in json.dumps(row, default=str) for row in after.documents["bike_customers"].values())


@pytest.mark.slow
async def test_a_corrected_list_replaces_and_prices_are_those_of_the_day(mongo_uri: str, tmp_path: Path) -> None:
    """The newest list counts for an order of a day on which none was known."""
    dearer = BIKE_LIST.replace("5860", "6000").replace("2;CAAD12", "2;CAAD13")
    first_s, second_s = (datetime(*day, tzinfo=UTC).timestamp() for day in ((2011, 1, 10), (2012, 1, 1)))
    async with on_trial(BIKES.declare(BIKES.settings()), mongo_uri, tmp_path) as trial:
        lists = [arrival("bikeshops", SHOP_LIST), arrival("bikes", dearer, NOW_S + 60)]
        outcome = await received(trial, arrival("bike_orders", ORDERS), arrival("bikes", BIKE_LIST), *lists)
        assert column(outcome, "bike_sales_by_year", "revenue_minor") == [
            (REVENUE["2011"] + 2 * 140_00,),
            (REVENUE["2012"] + 3 * 140_00,),
        ]
        outcome = await received(
            trial, arrival("bikes", dearer.replace("6000", "7000"), second_s), arrival("bikes", BIKE_LIST, first_s)
        )
        # The one of 2011-01-07 is before all lists; the one of 2012-02-03 is after the list of that January.
        assert column(outcome, "bike_sales_by_year", "revenue_minor") == [
            (REVENUE["2011"] + 2 * 140_00,),
            (REVENUE["2012"] + 3 * 1140_00,),
        ]
        assert ("CAAD13", 5) in column(outcome, "bike_top_models", "model", "quantity")
        assert outcome.documents["bikes"]["2"]["price_minor"] == 6000_00
        same_time = [arrival("bikes", BIKE_LIST.replace("5860", price), NOW_S + 120) for price in ("1", "2", "3")]
        outcome = await received(trial, *same_time)
    # Which of them is the newest one is decided by their content, everywhere alike.
    assert len({at["price_minor"] for at in outcome.documents["bikes"].values()} & {100, 200, 300}) == 1


@pytest.mark.parametrize(
    ("name", "dates", "code"),
    [
        ("swapped", {"1/7": "7/1", "1/25": "25/1", "2/3": "3/2"}, ""),
        ("undecided", {"1/25": "1/12"}, "ambiguous_dates"),
        ("swapped in part", {"2/3/2012": "23/2/2012"}, "mixed_date_order"),
    ],
)
async def test_the_order_of_dates_is_found_over_the_column(
    mongo_uri: str, tmp_path: Path, name: str, dates: dict[str, str], code: str
) -> None:
    """A file that does not decide is quarantined, unless the order is declared."""
    content = ORDERS
    for old, new in dates.items():
        content = content.replace(f";{old}", f";{new}")
    lists = [arrival(feed, text) for feed, text in LISTS.items()]
    async with on_trial(BIKES.declare(BIKES.settings()), mongo_uri, tmp_path) as trial:
        outcome = await received(trial, *lists, arrival("bike_orders", content))
    assert dict(outcome.quarantined["bike_orders"]) == ({code: 1} if code else {})
    if not code:
        assert column(outcome, "bike_sales_by_year", "year", "revenue_minor") == list(REVENUE.items())


@pytest.mark.slow
async def test_bad_lines_are_listed_with_all_reasons_and_the_rest_counts(mongo_uri: str, tmp_path: Path) -> None:
    """Flagged ones stay; a rejected one is no finding any more once a good line of its key has come."""
    traps = ["9;9;1;1/26/2011;3;1;40", "9;9;1;1/26/2011;3;1;40", "10;9;2;1/27/2011;77;777;1", "11;9;3;13/45/2011;x;1;0"]
    content = csv(*LINES, *traps, "short;line", "12;9;4;1/28/2099;3;1;1")
    lists = [arrival(feed, text) for feed, text in LISTS.items()]
    async with on_trial(BIKES.declare(BIKES.settings()), mongo_uri, tmp_path) as trial:
        outcome = await received(trial, *lists, arrival("bike_orders", content))
        [listed] = trial.feeds[2][1].quarantine.lists()
        bad = [json.loads(line) for line in listed.read_text("utf-8").splitlines()]
        assert [(at["line"], at["raw"], [reason["code"] for reason in at["reasons"]]) for at in bad] == [
            (10, traps[3], ["bad_date", "not_an_integer", "quantity_positive"]),
            (11, "short;line", ["wrong_field_count"]),
            (12, "12;9;4;1/28/2099;3;1;1", ["dated_before_file"]),
        ]
        assert failed(outcome) == {
            **dict.fromkeys(("bad_date", "not_an_integer", "quantity_positive", "wrong_field_count"), 1),
            **dict.fromkeys(("dated_before_file", "quantity_usual", "product_listed", "shop_known", "key_once"), 1),
            "order_has_one_date": 4,
            "order_has_one_shop": 2,
        }
        quality = {row["dimension"]: row for row in outcome.rows["bike_data_quality"] if row["file"] == "orders"}
        assert quality["validity"] == {
            "file": "orders",
            "dimension": "validity",
            "checked": 10,
            "failed": 2,
            "rate": 20,
        }
        assert quality["consistency"]["failed"] == 4
        assert ("unknown", 1) in column(outcome, "bike_sales_by_city", "city", "quantity")
        corrected = csv(*LINES, "11;9;3;1/26/2011;3;1;1", "12;9;4;1/28/2011;3;1;1")
        outcome = await received(trial, arrival("bike_orders", corrected, NOW_S + 60))
    assert {"bad_date", "dated_before_file"}.isdisjoint(failed(outcome))
    assert len(outcome.documents["bike_orders"]) == 9


def workbook(rows: list[list[Any]]) -> bytes:
    """A workbook as a spreadsheet saves it: a date is a number, and shown as it was typed."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet, dated = book.add_worksheet(), book.add_format({"num_format": "m/d/yyyy"})
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, datetime):
                    sheet.write_datetime(number, place, value, dated)
                else:
                    sheet.write(number, place, value)
    return content.getvalue()


@pytest.mark.slow
async def test_a_workbook_of_the_same_orders_and_the_leftovers_of_windows(mongo_uri: str, tmp_path: Path) -> None:
    """The same lines are duplicates; Windows' streams beside the files stay there, and are counted."""
    rows = [line.split(";") for line in LINES]
    typed = [
        [*map(int, row[:3]), datetime.strptime(row[3], "%m/%d/%Y"), *map(int, row[4:])]  # noqa: DTZ007 - no zone
        for row in rows
    ]
    book = workbook([HEADER.split(";"), *typed])
    async with on_trial(BIKES.declare(BIKES.settings()), mongo_uri, tmp_path) as trial:
        lists = [arrival(feed, text) for feed, text in LISTS.items()]
        await received(trial, *lists, arrival("bike_orders", ORDERS))
        leftover = tmp_path / "sources" / "bike_orders" / "orders.csv:Zone.Identifier"
        leftover.write_text("[ZoneTransfer]\nZoneId=3\n")
        damaged = arrival("bike_orders", book[:-40], NOW_S + 61, "half.xlsx")
        outcome = await received(trial, arrival("bike_orders", book, NOW_S + 60, "orders.xlsx"), damaged)
    [orders] = [files for files in outcome.accounts if files.feed == "bike_orders"]
    assert (orders.stored, orders.duplicate, orders.unknown.files) == (1, 1, 1)
    assert (orders.records.stored, orders.records.duplicate) == (5, 5)
    assert dict(outcome.quarantined["bike_orders"]) == {"damaged_workbook": 1}
    assert column(outcome, "bike_sales_by_year", "year", "revenue_minor") == list(REVENUE.items())
