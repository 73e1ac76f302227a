"""Torture knows domains by what they declare: one of another package breaks nothing, and is checked as orders are."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.packages import ROOT, installed, multimarket

pytestmark = pytest.mark.slow
DOORS = (ROOT / "tests" / "doors.py").read_text("utf-8")


def torture(site: Path, source: str, *words: str, **environ: str) -> list[dict[str, Any]]:
    """The rounds of a torture with this package."""
    installed(site, "door_package", source, "visits = door_package:DOMAIN\nwindows = door_package:WINDOWS")
    done = multimarket(site, "torture", "--seed", "8", "--format", "json", "--data-dir", "data", *words, **environ)
    assert done.returncode in (0, 4), done.stdout + done.stderr
    rounds: list[dict[str, Any]] = json.loads(done.stdout)["rounds"]
    assert (done.returncode == 4) == any(completed["violations"] for completed in rounds)
    return rounds


def test_a_domain_alone_breaks_no_round(tmp_path: Path) -> None:
    """One of its feeds has a simulator, the other one has none and so gets no load."""
    rounds = torture(tmp_path, DOORS, "--rounds", "2", "--domain", "visits")
    assert [completed["violations"] for completed in rounds] == [[], []]
    assert min(completed["stored"] for completed in rounds) > 0


def test_all_domains_that_are_on_take_part(tmp_path: Path) -> None:
    """In one round; one without any simulator is only collected."""
    [only] = torture(tmp_path, DOORS, "--rounds", "1", MULTIMARKET_DOMAINS="orders,visits,windows")
    assert only["violations"] == []


def test_a_second_domain_is_checked_as_the_first(tmp_path: Path) -> None:
    """Its KPI is compared with its own check, which is wrong here."""
    wrong = DOORS.replace("sum(visitors) AS visitors FROM visits", "sum(visitors) + 1 AS visitors FROM visits")
    assert wrong != DOORS
    [only] = torture(tmp_path, wrong, "--rounds", "1", "--domain", "visits")
    assert only["violations"]
    assert all("visitors_by_month row " in violation for violation in only["violations"])


@pytest.mark.parametrize("words", [["--domain", "windows"], ["--domain", "gates"]])
def test_a_domain_without_a_simulator_is_wrong_use(tmp_path: Path, words: list[str]) -> None:
    """So is one that there is not."""
    installed(tmp_path, "door_package", DOORS, "windows = door_package:WINDOWS")
    done = multimarket(tmp_path, "torture", *words)
    assert done.returncode == 2
    assert "No feed of windows has a simulator" in done.stderr or "There is no domain gates" in done.stderr
