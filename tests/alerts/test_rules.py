"""config/alerts.toml: a wrong rule is a sentence with the file and the key."""

import re
from pathlib import Path

import pytest

from multimarket_async.alerts import rules
from multimarket_async.discovery import declared, settings_models
from multimarket_async.errors import WrongSettings
from multimarket_async.settings import Settings, load
from tests.written import ROOT

KPI = 'when = "kpi"\nkpi = "cancellation_rate_by_channel"\ncolumn = "cancellation_rate_pct"\n'
WRONG = {
    "x": "is not valid TOML",
    "[a]\nabove = 3": "[a] when is missing: expected one of kpi, change, late",
    '[a]\nwhen = "lat"': "[a] when = 'lat': expected one of kpi, change, late, quarantined, source_away,"
    " sink_behind, stale. Did you mean late?",
    f"[a]\n{KPI}": "[a] expected either above or below",
    f"[a]\n{KPI}above = 1\nbelow = 1": "[a] expected either above or below",
    f"[a]\n{KPI}above = inf": "[a] above: Input should be a finite number",
    f"[a]\n{KPI}over = 1": "[a] over: this rule has no such key",
    f"[a]\n{KPI.replace('rate_by', 'by')}above = 1": "[a] kpi names 'cancellation_by_channel', which there is not;",
    f"[a]\n{KPI.replace('_pct', '')}above = 1": "[a] column names 'cancellation_rate', which there is not; there are",
    f"[a]\n{KPI}above = 1\nwhere = {{canal = 'web'}}": "[a] where names 'canal', which there is not; there",
    f"[a]\n{KPI}above = 1\nby = ['city']": "[a] by names 'city', which there is not; there",
    f"[a]\n{KPI}above = 1\ndays = 'yesterday'": "[a] cancellation_rate_by_channel has no days: choose a KPI by day",
    f"[a]\n{KPI}above = 1\nwhere = {{channel = 1.5}}": "[a] where.channel",
    '[a]\nwhen = "change"\nkpi = "orders_by_day_and_channel"\ncolumn = "orders"': "[a] expected either fell_pct",
    '[a]\nwhen = "quarantined"': "[a] above_pct is missing",
    '[a]\nwhen = "source_away"\nminutes = 0': "[a] minutes: Input should be greater than 0",
    '[a]\nwhen = "source_away"\nminutes = 5\nfeeds = ["web"]': "[a] feeds names 'web', which there is not;",
    '[a]\nwhen = "sink_behind"\nminutes = 5\nsinks = ["lake"]': "[a] sinks names 'lake', which there is not; there",
    '["a b"]\nwhen = "late"': "[a b] is no name for an alert",
    "a = 1": "[a] ",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_rule_is_a_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(WrongSettings) as refused:
        rules(file, declared(load(settings_models(), {}, {}, Path("/nowhere"))), Settings())
    sentence = str(refused.value)
    assert sentence.startswith(f"{file}")
    assert WRONG[text] in sentence
    assert "\n" not in sentence.strip() or text == "x"


def test_the_examples_are_rules(tmp_path: Path) -> None:
    """Of the file that is there, and of the documents."""
    settings = Settings(sinks=("warehouse",))
    domains = declared(load(settings_models(), {}, {}, Path("/nowhere")))
    file = ROOT / "config" / "alerts.toml"
    assert rules(file, domains, settings) == {}
    uncommented = re.sub(r"^# (?=\[|\w+ = )", "", file.read_text("utf-8"), flags=re.MULTILINE)
    [example] = re.findall(
        r"```toml\n(.*?)```", (ROOT / "multimarket_async/docs/alerts.md").read_text("utf-8"), re.DOTALL
    )
    for text, kinds in (uncommented, 7), (example, 3):
        copy = tmp_path / "alerts.toml"
        copy.write_text(text, "utf-8")
        assert len({rule.when for rule in rules(copy, domains, settings).values()}) >= kinds


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert rules(tmp_path / "alerts.toml", (), Settings()) == {}
