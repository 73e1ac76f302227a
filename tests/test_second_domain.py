"""A domain of another package has the whole house: every command works for it, beside orders and alone."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.packages import ROOT, installed, multimarket

pytestmark = pytest.mark.slow

DOORS = (ROOT / "tests" / "doors.py").read_text("utf-8")
ALONE = {"MULTIMARKET_DOMAINS": "visits"}
BOTH = {"MULTIMARKET_DOMAINS": "orders,visits"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package, and the place of its data."""
    return installed(tmp_path, "door_package", DOORS, "visits = door_package:DOMAIN\nwindows = door_package:WINDOWS")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """The end of a demo of all domains, and the folder that it left."""
    site = tmp_path_factory.mktemp("site")
    installed(site, "door_package", DOORS, "visits = door_package:DOMAIN")
    return site, multimarket(site, "demo", "--files-per-feed", "12", **BOTH)


def right(done: CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_engine_names_no_other_domain() -> None:
    """Nothing was prepared for it."""
    sources = (ROOT / "multimarket_async").rglob("*.py")
    assert [path for path in sources if "door" in path.read_text("utf-8") and path.name != "discovery.py"] == []


def test_demo_delivers_to_every_domain_that_is_on(shown: tuple[Path, CompletedProcess[str]]) -> None:
    """To each feed that has a simulator; the headlines of both are shown, and everything is verified."""
    out = right(shown[1])
    assert "Nothing is delivered to back_door, for want of a simulator." in out
    assert "48 documents in 48 files" in out
    assert "Visitors by month" in out
    assert "Revenue by month and channel" in out
    assert "Right: 48 files are where the manifest says, 48 documents are as they were delivered, and " in out


def test_each_reader_shows_both_domains(shown: tuple[Path, CompletedProcess[str]]) -> None:
    """Lists, a KPI, the report, what BI tools get, and the status."""
    site, _ = shown
    listed = right(multimarket(site, "kpi", "list", **BOTH))
    assert (
        listed.index("revenue_by_month_and_channel")
        < listed.index("KPIs of visits")
        < listed.index("visitors_by_month")
    )
    months = json.loads(right(multimarket(site, "kpi", "show", "visitors_by_month", "--format", "json", **BOTH)))
    assert sum(row["visitors"] for row in months["rows"]) > 0
    right(multimarket(site, "report", "--lang", "fr", **BOTH))
    report = (site / "report.html").read_text("utf-8")
    assert "Visitors by month" in report
    assert "<dt>Commandes</dt><dd>36</dd>" in report
    assert "<dt>Visits</dt><dd>12</dd>" in report
    assert "<dt>Visits: événement le plus récent</dt>" in report
    right(multimarket(site, "bi", "--write", "bi", **BOTH))
    assert "visitors_by_month" in (site / "bi" / "MultiMarket.pq").read_text("utf-8")
    opened = {path.name: path.read_text("utf-8") for path in (site / "bi").glob("*.pbids")}
    assert "revenue_by_month_and_channel.csv" in opened["MultiMarket.pbids"]
    assert "visitors_by_month.csv" in opened["MultiMarket.visits.pbids"]
    status = json.loads(right(multimarket(site, "status", "--format", "json", **BOTH)))
    assert set(status["kpi"]["newest_events"]) == {"orders", "visits"}
    stored = {feed["feed"]: feed["stored"] for feed in status["feeds"]}
    assert (stored["front_door"], stored["back_door"], stored["site_web"]) == (12, 0, 12)
    right(multimarket(site, "top", "--once", **BOTH))
    right(multimarket(site, "verify", **BOTH))


def test_demo_of_a_domain_that_is_off(site: Path) -> None:
    """It is on for this command; the next ones are printed with it."""
    out = right(multimarket(site, "demo", "--domain", "visits", "--files-per-feed", "12"))
    assert "12 documents in 12 files" in out
    assert "Visitors by month" in out
    assert "Revenue" not in out
    assert "MULTIMARKET_DOMAINS=orders,visits " in out


def test_a_domain_alone(site: Path) -> None:
    """Deliveries by either count, with faults; collected, measured and verified without orders anywhere."""
    right(multimarket(site, "produce", "--files", "30", "--feeds", "front_door", **ALONE))
    right(multimarket(site, "produce", "--files-per-feed", "5", "--faults", "bad=0.5", "--no-manifest", **ALONE))
    right(multimarket(site, "collect", "--until-empty", **ALONE))
    verified = json.loads(right(multimarket(site, "verify", "--format", "json", **ALONE)))
    assert verified["kpis"] == ["visitors_by_day", "visitors_by_month"]
    assert verified["feeds"][0]["received"] == 35
    assert not (site / "data" / "sources" / "site_web").exists()


@pytest.mark.parametrize(
    ("words", "environ", "sentence"),
    [
        (["demo"], {"MULTIMARKET_DOMAINS": "windows"}, "None of the feeds panes has a simulator: only real files can "),
        (["demo", "--domain", "windows"], {}, "None of the feeds panes has a simulator: only real files can "),
        (["produce", "--orders", "5", "--feeds", "back_door"], ALONE, "None of the feeds back_door has a simulator: "),
        (
            ["produce", "--orders", "5", "--domain", "windows"],
            {},
            "None of the feeds panes has a simulator: only real ",
        ),
        (["produce", "--files", "5", "--domain", "gates"], {}, "There is no domain gates; there are bikes, "),
        (["demo", "--lesson", "outage"], ALONE, "This lesson is one of orders, which is off: give --domain orders."),
        (["demo", "--lesson", "outage", "--domain", "visits"], {}, "This lesson is one of orders: leave out --domain "),
    ],
)
def test_what_cannot_be_delivered_is_wrong_use(
    site: Path, words: list[str], environ: dict[str, str], sentence: str
) -> None:
    """One sentence."""
    done = multimarket(site, *words, **environ)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: {sentence}")


def test_a_run_without_simulators_collects(site: Path) -> None:
    """It delivers nothing, and serves."""
    right(multimarket(site, "run", "--for", "2", "--log-format", "json", MULTIMARKET_DOMAINS="windows"))
