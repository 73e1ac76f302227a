"""Each number of the store days and their periods, by hand; and what RetailInsights' code gets wrong, right."""

from typing import Any

import pytest

from multimarket_async.domains.retail import RETAIL
from multimarket_async.proving.trial import Arrival, Outcome
from multimarket_async.readers.regrouping import regrouped
from tests.domains.retail.conftest import FILES

MONDAY = "2026-03-02"
Row = dict[str, Any]


def day(outcome: Outcome, store: str, date: str = MONDAY) -> Row:
    """Its one row."""
    [row] = [row for row in outcome.rows["store_days"] if (row["store_id"], row["date"]) == (store, date)]
    return row


def period(outcome: Outcome, kpi: str, store: str, name: str) -> Row:
    [row] = [row for row in outcome.rows[kpi] if (row["store_id"], row["period"]) == (store, name)]
    return row


def test_the_files_say_the_same(outcome: Outcome) -> None:
    """By SQL that shares nothing with it; nothing is lost, and only the error of the API is quarantined."""
    assert outcome.report.differences == []
    assert list(outcome.lost()) == []
    quarantined = {feed: dict(codes) for feed, codes in outcome.quarantined.items() if codes}
    assert quarantined == {"retail_sales": {"missing": 1}, "retail_footfall": {"less_than_equal": 1}}


def test_rejected_records_have_their_reasons(outcome: Outcome) -> None:
    """An age of 500, a broken line, an object that is an error: the records around them are stored."""
    rejects = {account.feed: dict(account.rejects) for account in outcome.accounts if account.rejects}
    assert rejects == {"retail_clients": {"less_than_equal": 1}, "retail_sales": {"missing": 1, "truncated": 1}}
    assert [*outcome.documents["retail_clients"]] == ["c1"]


def test_ten_transactions_of_a_hundred_visitors_convert_ten_percent(outcome: Outcome) -> None:
    """And a revenue of 1,050 of 10 transactions is a basket of 105: a sale that came late counts."""
    row = day(outcome, "vectors")
    assert (row["conversion_rate"], row["total_revenue"], row["avg_transaction_value"]) == (10.0, 1050.0, 105.0)
    assert (row["revenue_per_visitor"], row["margin_per_visitor"]) == (10.5, 9.95)
    assert (row["store_name"], row["day_of_week"], row["total_quantity"]) == ("Vectors", 1, 11)
    assert day(outcome, "tied")["store_name"] == "Name of tied"  # it is in no list of stores


def test_four_mondays(outcome: Outcome) -> None:
    """The average includes the day itself, and as many weeks as there are; the file has them in reverse."""
    rows = [day(outcome, "weeks", date) for date in ("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23")]
    assert [row["avg_visitors_last_4_weeks"] for row in rows] == [10.0, 15.0, 20.0, 25.0]
    assert [row["visitors_variation_vs_avg_4w_percent"] for row in rows] == [0.0, 33.33, 50.0, 60.0]
    assert rows[3]["avg_sales_last_4_weeks"] == 5.0


def test_faulty_hours_are_imputed_from_the_stores_own_ratio(outcome: Outcome) -> None:
    """20,000 visitors with 60 sales were 150, and no visitors with 10 sales 25."""
    row = day(outcome, "imputed")
    assert (row["total_visitors"], row["imputed_hours"]) == (100 + 200 + 150 + 25, 3)
    assert (row["total_transactions"], row["hours_without_sales"]) == (190, 1)


def test_equal_sellers_are_one_row(outcome: Outcome) -> None:
    """The first by name; and each peak is the earliest hour of its own maximum."""
    row = day(outcome, "tied")
    assert row["best_selling_product"] == "Anneau"
    assert (row["peak_hour_visitors"], row["peak_hour_sales"]) == (9, 15)


def test_a_quotient_without_a_denominator_is_null(outcome: Outcome) -> None:
    """No rate is 0 or infinite where there was nobody."""
    row = day(outcome, "empty")
    rates = [name for name in row if name.endswith(("_rate", "_value", "_visitor", "_percent"))]
    assert len(rates) == 8
    assert {row[name] for name in rates} == {None}


def test_cost_is_that_of_the_time_of_sale(outcome: Outcome) -> None:
    """A later price list does not change what was sold before it; an unknown product has no cost, and is counted."""
    before, after = day(outcome, "priced"), day(outcome, "priced", "2026-03-16")
    assert (before["total_cost"], before["total_margin"], before["lines_without_cost"]) == (10.0, 10.0, 0)
    assert (after["total_cost"], after["total_margin"], after["lines_without_cost"]) == (12.0, 15.0, 1)
    assert after["best_selling_product"] == "Bureau"


@pytest.mark.parametrize(
    ("kpi", "name"), [("store_months", "2026-03"), ("store_quarters", "2026-Q1"), ("store_years", "2026")]
)
def test_a_rate_of_a_period_is_the_ratio_of_its_sums(outcome: Outcome, kpi: str, name: str) -> None:
    """Of 10 visitors a day, and of 90: not the mean of the two days' rates."""
    row = period(outcome, kpi, "uneven", name)
    expected = {
        "store_months": (2.0, 1.9, 2.0),
        "store_quarters": (2.27, 2.14, 2.73),
        "store_years": (2.27, 2.14, 2.73),
    }
    assert (row["revenue_per_visitor"], row["margin_per_visitor"], row["conversion_rate"]) == expected[kpi]


def test_all_stores_together_are_a_row(outcome: Outcome) -> None:
    """Whose sums are those of the stores."""
    rows = [row for row in outcome.rows["store_months"] if row["period"] == "2026-03"]
    assert rows[0]["store_id"] == rows[0]["store_name"] == "(all)"
    for name in ("total_visitors", "total_revenue_minor", "total_margin_minor", "imputed_hours"):
        assert rows[0][name] == sum(row[name] for row in rows[1:])


def test_month_over_month(outcome: Outcome) -> None:
    """Null where there was no month before."""
    march, february = (period(outcome, "store_months", "uneven", name) for name in ("2026-03", "2026-02"))
    assert (march["revenue_mom_percent"], march["visitors_mom_percent"]) == (300.0, 900.0)
    assert (february["revenue_mom_percent"], february["margin_mom_percent"]) == (None, None)


def test_personal_data_stay_in_mongodb(outcome: Outcome) -> None:
    """No KPI, no listing, no view has a client's name."""
    assert outcome.documents["retail_clients"]["c1"]["name"] == "Ines Petit"
    assert "Ines" not in repr(outcome.generation) + repr(outcome.rows)
    assert RETAIL.declare(RETAIL.settings()).listings == ()


def test_with_pseudonyms_no_document_names_a_client() -> None:
    """Neither one of the list nor one of a sale; the same client has the same pseudonym."""
    domain = RETAIL.declare(RETAIL.settings.model_validate({"pseudonym_key": "k" * 20}))
    feeds = {feed.name: feed for feed in domain.feeds if feed.table.pseudonyms}
    load = [Arrival(feeds[feed], name, content, 1_775_000_000) for feed, name, content in FILES if feed in feeds]
    found = [getattr(record, "record", record) for arrival in load for record in arrival.feed.read(arrival.incoming)]
    documents = [document for document in found if isinstance(document, dict)]
    assert not any(text in repr(documents) for text in ("Ines", "Hugo", "'c1'"))
    assert len({document["client_id"] for document in documents}) == 1


def test_regrouped_rows_do_not_count_stores_twice(outcome: Outcome) -> None:
    """The rows of all stores are left out where the stores are added up."""
    [kpi] = [kpi for kpi in RETAIL.declare(RETAIL.settings()).kpis if kpi.name == "store_months"]
    rows = regrouped(kpi.columns, outcome.rows["store_months"], ["period"])
    assert rows[-1]["total_visitors"] == period(outcome, "store_months", "(all)", "2026-03")["total_visitors"]
