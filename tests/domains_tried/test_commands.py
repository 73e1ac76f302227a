"""The domain of CSV files as an installed package: commands that deliver, collect, check and torture."""

import json
from pathlib import Path

import pytest

from tests.packages import ROOT, installed, multimarket

pytestmark = pytest.mark.slow
ALONE = {"MULTIMARKET_DOMAINS": "kiosks"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    source = (ROOT / "tests" / "domains_tried" / "kiosks.py").read_text("utf-8")
    return installed(tmp_path, "kiosk_package", source, "kiosks = kiosk_package:KIOSKS")


def test_demo_is_right(site: Path) -> None:
    """Also with bad files and copies."""
    done = multimarket(site, "demo", "--files-per-feed", "15", "--faults", "bad=0.1,duplicate=0.1", **ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Sales of kiosks by month" in done.stdout


def test_produced_files_are_collected_and_verified(site: Path) -> None:
    """And the report is in French."""
    for words in (
        ["produce", "--files-per-feed", "10"],
        ["collect", "--until-empty"],
        ["verify"],
        ["report", "--lang", "fr"],
    ):
        done = multimarket(site, *words, **ALONE)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Ventes des kiosques par mois" in (site / "report.html").read_text("utf-8")


def test_torture_breaks_no_promise(site: Path) -> None:
    """Of tables that are upserted, replaced and inserted into."""
    done = multimarket(
        site, "torture", "--rounds", "3", "--seed", "8", "--format", "json", "--data-dir", "data", **ALONE
    )
    assert [completed["violations"] for completed in json.loads(done.stdout)["rounds"]] == [[], [], []], done.stderr
