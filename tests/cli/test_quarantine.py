"""quarantine list, show, replay, and status, as a user sees them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

pytestmark = pytest.mark.slow

ORDER = {
    "order_id": "234",
    "client_id": "123",
    "produits": [{"produit_id": "P015", "nom": "Laptop", "quantite": 2, "prix_unitaire": 8500.00}],
    "date_commande": "2025-04-26T14:00:00",
    "canal": "web",
    "statut_commande": "payée",
    "livraison": {"adresse": "10 Av Roudani, Centre ville", "ville": "Casablanca"},
}
TEXT = json.dumps(ORDER, indent=2, ensure_ascii=False)


@dataclass
class Shop:
    """A data folder, and commands on it."""

    data: Path
    environ: dict[str, str]

    def out(self, *words: str, expect: int = 0) -> str:
        """The output of a command on both streams."""
        command = [sys.executable, "-m", "multimarket_async", *words]
        done = subprocess.run(
            command, cwd=self.data.parent, env=self.environ, capture_output=True, text=True, timeout=300, check=False
        )
        shown = done.stdout + done.stderr
        assert done.returncode == expect, shown
        assert "Traceback" not in shown, shown
        return shown

    def put(self, name: str, text: str, feed: str = "site_web") -> None:
        folder = self.data / "sources" / feed
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    def quarantined(self, name: str) -> Path:
        return self.data / "quarantine" / "site_web" / name

    def collect(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.out("collect", "--until-empty").splitlines()]


@pytest.fixture
def shop(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> Shop:
    given = {"MONGO_URI": mongo_uri, "MONGO_DATABASE": database.name, "DATA_DIR": "data", "QUIET_PERIOD_S": "0"}
    path = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    return Shop(tmp_path / "data", {**path, **{f"MULTIMARKET_{name}": value for name, value in given.items()}})


def test_a_fault_by_pointer_is_shown_with_a_caret(shop: Shop) -> None:
    """The reason, the lines around it, the facts, and what to do."""
    shop.put("nan.json", TEXT.replace("8500.0", "NaN"))
    shop.collect()
    shown = shop.out("quarantine", "show", "nan.json")
    assert shown.startswith("site_web/nan.json: not_a_number at /produits/0/prix_unitaire\nNaN is not a number")
    line, caret = re.search(r"^( +9 \|.*NaN)\n( +\|.*\^\^\^)$", shown, re.MULTILINE).groups()  # type: ignore[union-attr]
    assert line.index("NaN") == caret.index("^^^")
    assert shown.endswith("Correct it there, then send it back: quarantine replay nan.json\n")


def test_a_fault_of_syntax_is_shown_with_a_caret(shop: Shop) -> None:
    """By line and column."""
    shop.put("cut.json", TEXT.replace('"quantite"', "oops"))
    shop.collect()
    assert "     8 |       oops: 2,\n       |       ^\n" in shop.out("quarantine", "show", "cut.json")


def test_the_whole_reason_as_json(shop: Shop) -> None:
    """For programs; with the path of the file, and whether it has changed."""
    shop.put("bad.json", "[]")
    shop.collect()
    reason = json.loads(shop.out("quarantine", "show", "bad.json", "--format", "json"))
    assert {key: reason[key] for key in ("path", "code", "file", "feed", "bytes", "changed")} == {
        "path": "data/quarantine/site_web/bad.json",
        "code": "not_an_object",
        "file": "bad.json",
        "feed": "site_web",
        "bytes": 2,
        "changed": False,
    }


def test_a_file_that_is_completed_in_quarantine_is_noticed_and_replayed(shop: Shop) -> None:
    """Its writer completes it there: the next start logs it, and --changed sends back that file alone."""
    shop.put("bad.json", "[]")
    shop.put("late.json", TEXT[:100])
    assert shop.collect()[-1]["quarantined"] == 2
    with shop.quarantined("late.json").open("a", encoding="utf-8") as writer:
        writer.write(TEXT[100:])

    [notice] = [line for line in shop.collect() if line["event"] == "quarantine.changed"]
    assert (notice["files"], notice["to_do"]) == (1, "quarantine replay --changed")
    listed = shop.out("quarantine", "list")
    assert re.search(r"late\.json .* changed *$", listed, re.MULTILINE)
    assert not re.search(r"bad\.json .* changed *$", listed, re.MULTILINE)
    assert "`quarantine replay --changed`" in listed
    assert "has been changed since it was quarantined" in shop.out("quarantine", "show", "late.json")

    assert shop.out("quarantine", "replay", "--changed").startswith("1 files went back")
    assert shop.collect()[-1]["stored"] == 1
    left = json.loads(shop.out("quarantine", "list", "--format", "json"))
    assert [(file["file"], file["changed"]) for file in left] == [("bad.json", False)]


def test_run_notices_too(shop: Shop) -> None:
    """At its start, once."""
    shop.put("bad.json", "[]")
    shop.collect()
    shop.quarantined("bad.json").write_text("[1]")
    log = shop.out("run", "--no-produce", "--for", "0.5").splitlines()
    assert sum('"quarantine.changed"' in line for line in log) == 1


def test_without_changes_nothing_is_logged(shop: Shop) -> None:
    """No line, no mark, no advice."""
    shop.put("bad.json", "[]")
    shop.collect()
    assert "quarantine.changed" not in str(shop.collect())
    assert "changed" not in shop.out("quarantine", "list")


def test_replay_is_idempotent(shop: Shop) -> None:
    """The second command reports the first; both exit with 0, and one file went back."""
    shop.put("bad.json", "[]")
    shop.collect()
    assert shop.out("quarantine", "replay", "bad.json").startswith("1 files went back")
    again = shop.out("quarantine", "replay", "bad.json")
    assert re.match(r"0 files went back to data/sources: bad\.json went back already, at 20\d\d-", again)
    assert shop.out("quarantine", "replay").startswith("0 files went back")
    assert len(list((shop.data / "sources/site_web").glob("[!.]*"))) == 1
    assert shop.out("quarantine", "replay", "never.json", expect=2).startswith("error: There is no file never.json")


def test_earlier_attempts_are_shown(shop: Shop) -> None:
    """Replayed twice without a correction: the third reason lists both."""
    shop.put("bad.json", "[]")
    for _ in range(2):
        shop.collect()
        shop.out("quarantine", "replay", "bad.json")
    shop.collect()
    shown = shop.out("quarantine", "show", "bad.json")
    assert len(re.findall(r"^replayed before: 20.*, was not_an_object $", shown, re.MULTILINE)) == 2


def test_replay_by_code_and_feed(shop: Shop) -> None:
    """Only those chosen; the others stay."""
    shop.put("a.json", "[]")
    shop.put("b.json", "{}")
    shop.put("c.json", "[]", feed="boutique_physique")
    shop.collect()
    chosen = ("--code", "not_an_object", "--feed", "boutique_physique")
    assert shop.out("quarantine", "replay", *chosen).startswith("1 files went back")
    left = json.loads(shop.out("quarantine", "list", "--format", "json"))
    assert sorted(file["file"] for file in left) == ["a.json", "b.json"]


@pytest.mark.parametrize("stand_in", ["link", "folder", "pipe"])
def test_an_entry_that_is_no_file_is_shown_without_its_text(shop: Shop, stand_in: str) -> None:
    """A link leads nowhere, a pipe blocks nobody."""
    place = shop.data / "sources/site_web/odd.json"
    place.parent.mkdir(parents=True)
    {"link": lambda: place.symlink_to("/etc/hostname"), "folder": place.mkdir, "pipe": lambda: os.mkfifo(place)}[
        stand_in
    ]()
    shop.collect()
    shown = shop.out("quarantine", "show", "odd.json")
    assert shown.startswith("site_web/odd.json: not_a_regular_file\n")
    assert "localhost" not in shown


# --- status -----------------------------------------------------------------------------------


def test_status_shows_backlog_and_latency(shop: Shop) -> None:
    """Reported by another process than the one that collected; the age of the oldest waiting file of each feed."""
    assert "No latency report yet" in shop.out("status")
    shop.put("1.json", TEXT)
    shop.collect()
    shop.put("2.json", TEXT)
    shop.put("3.json", "[]")
    shown = shop.out("status")
    assert re.search(r"^ *site_web +3 +2 +\d+\.\d s +1 ", shown, re.MULTILINE)
    assert re.search(r"^ *boutique_physique +0 +0 +- +0 ", shown, re.MULTILINE)
    latency = r"p50 (\d\.\d{3}) s, p99 \1 s, max \1 s; 0 of 1 files over 10 s"
    assert re.search(rf"^Latency, last minute: {latency}", shown, re.MULTILINE)
    assert re.search(rf"^Latency, last hour: {latency}", shown, re.MULTILINE)
    found = json.loads(shop.out("status", "--format", "json"))
    assert found["feeds"][0]["oldest_s"] > 0
    assert found["feeds"][1]["oldest_s"] is None
    assert found["latency"]["last_minute"]["files"] == found["latency"]["last_hour"]["files"] == 1


def test_a_breach_is_logged_and_shown(shop: Shop) -> None:
    """With a budget that no file can keep: one line for the batch, and the count in `status`."""
    shop.environ["MULTIMARKET_LATENCY_BUDGET_S"] = "0.001"
    for number in range(3):
        shop.put(f"{number}.json", TEXT.replace('"234"', f'"{number}"'))
    [breach] = [line for line in shop.collect() if line["event"] == "latency.breached"]
    assert (breach["files"], breach["feed"]) == (3, "site_web")
    assert breach["worst_s"] > 0.001
    shown = shop.out("status")
    assert re.search(r"^Latency, last hour: .*; 3 of 3 files over 0\.001 s", shown, re.MULTILINE)
