"""quarantine list, show, replay, and status, as a user sees them."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from multimarket_async.errors import Rejected
from multimarket_async.feeds import RejectedRecord
from multimarket_async.landing import Landing
from tests.commands import typed

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

    def out(self, *words: str, expect: int = 0, answer: str = "") -> str:
        """The output of a command on both streams. answer: what is typed."""
        done = typed(self.data.parent, self.environ, *words, answer=answer)
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
    return Shop(tmp_path / "data", {f"MULTIMARKET_{name}": value for name, value in given.items()})


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


def test_a_refused_file_that_comes_again_is_kept_once_and_counted(shop: Shop) -> None:
    """Under any name, and for everybody who counts: list, status, verify; a replay changes no sum."""
    shop.put("good.json", TEXT)
    for name in ("bad.json", "bad.json", "other.json"):
        shop.put(name, "[]")
        shop.collect()
    [listed] = json.loads(shop.out("quarantine", "list", "--format", "json"))
    assert (listed["file"], listed["deliveries"]) == ("bad.json", 3)
    assert "delivered 2 more times" in " ".join(shop.out("quarantine", "list").split())
    shop.out("kpi", "refresh")

    def counts() -> tuple[int, int, int]:
        [site_web] = [feed for feed in json.loads(shop.out("status", "--format", "json"))["feeds"] if feed["received"]]
        return site_web["received"], site_web["waiting"], site_web["quarantined"]

    assert counts() == (4, 0, 3)
    assert "Right" in shop.out("verify")
    shop.out("quarantine", "replay", "bad.json")
    assert counts() == (4, 1, 2)


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


# --- rejected records --------------------------------------------------------------------------


def keep_rest(shop: Shop, *raws: str, name: str = "many.json") -> Path:
    """The list that a feed writes which keeps the rest of a file."""
    landing = Landing(shop.data, "site_web")
    reasons = (
        Rejected("bad_price", "It is \x1b[31mno price.", "/price", 3, 7),
        Rejected("no_model", "A bike has a model."),
    )
    with landing.quarantine.rejects(name, name) as rejects:
        for number, raw in enumerate(raws, 1):
            rejects.add(RejectedRecord(reasons, number, raw.encode()))
    return landing.quarantine.folder / f"{name}.rejects.jsonl"


def test_rejected_records_are_listed_after_the_files(shop: Shop) -> None:
    """The number of each file, by code; `--code` finds them, and `--changed` asks for files only."""
    shop.put("bad.json", "[]")
    shop.collect()
    keep_rest(shop, "1", "2")
    shown = shop.out("quarantine", "list")
    assert "1 files in quarantine, and 2 records of other files" in shown
    [file, records] = json.loads(shop.out("quarantine", "list", "--format", "json"))
    assert file["file"] == "bad.json"
    assert {key: records[key] for key in ("feed", "file", "path", "code", "sentence", "records", "codes")} == {
        "feed": "site_web",
        "file": "many.json",
        "path": "data/quarantine/site_web/many.json.rejects.jsonl",
        "code": "bad_price",
        "sentence": "2 records of many.json",
        "records": 2,
        "codes": {"bad_price": 2},
    }
    for words, found in (
        (("--code", "bad_price"), ["many.json"]),
        (("--code", "not_an_object"), ["bad.json"]),
        (("--feed", "boutique_physique"), []),
        (("--changed",), []),
    ):
        listed = json.loads(shop.out("quarantine", "list", "--format", "json", *words))
        assert [entry["file"] for entry in listed] == found


def test_rejected_records_are_shown_with_all_reasons(shop: Shop) -> None:
    """Each with its line and its text, which can do a terminal no harm, up to a number; as JSON all of them."""
    keep_rest(shop, *("\x1b]0;evil\x07\r\nsecond line" for _ in range(60)))
    name = "many.json.rejects.jsonl"
    shown = shop.out("quarantine", "show", name)
    assert shown.startswith(f"site_web/{name}: 60 records of many.json; the rest of it was accepted\n")
    assert "\x1b" not in shown
    assert (
        "line 2:\n"
        "  bad_price at /price: It is \\x1b[31mno price.\n"
        "  no_model: A bike has a model.\n"
        "  | \\x1b]0;evil\\x07\n"
        "  | second line\n"
    ) in shown
    assert shown.count("second line") == 50
    assert "... and 10 more; --format json shows all." in shown
    assert shown.endswith(f"then send them back: quarantine replay {name}\n")
    data = json.loads(shop.out("quarantine", "show", name, "--format", "json"))
    assert (data["records"], len(data["rejected"])) == (60, 60)
    assert data["rejected"][59]["line"] == 60


def test_a_list_that_was_damaged_is_shown(shop: Shop) -> None:
    """Whatever its lines have become; replaying it names the line, and sends nothing."""
    path = keep_rest(shop, "1")
    lines = ["{", '{"reasons": 1, "raw": 2}', '{"reasons": ["odd", {}], "line": null}']
    path.write_text(path.read_text() + "\n".join(lines))
    shown = shop.out("quarantine", "show", path.name)
    assert "unknown: this line of the list is damaged" in shown
    assert "  odd\n" in shown
    sentence = shop.out("quarantine", "replay", path.name, expect=3)
    assert re.match(r"error: Line 2 of .*many\.json\.rejects\.jsonl has no text `raw`", sentence)
    assert list((shop.data / "sources/site_web").glob("[!.]*")) == []


def test_corrected_records_are_replayed_and_collected(shop: Shop) -> None:
    """A record is corrected in place, and stored from a file of its own; a second replay says that it is done."""
    path = keep_rest(shop, json.dumps(ORDER).replace("8500.0", "NaN"))
    path.write_text(path.read_text().replace("NaN", "8500.0"))
    sent = shop.out("quarantine", "replay", path.name)
    assert sent.startswith("0 files and 1 rejected records went back to data/sources")
    assert shop.collect()[-1]["stored"] == 1
    assert [file.name for file in (shop.data / "archive/site_web").glob("*/*")] == ["many.replay.json"]
    again = shop.out("quarantine", "replay", path.name)
    assert re.match(
        r"0 files went back to data/sources: many\.json\.rejects\.jsonl went back already, at 20\d\d-", again
    )
    assert json.loads(shop.out("quarantine", "list", "--format", "json")) == []


def test_all_go_back_together(shop: Shop) -> None:
    """Files and records; by code only those with it, and with `--changed` files only."""
    shop.put("bad.json", "[]")
    shop.collect()
    keep_rest(shop, "1", "2")
    keep_rest(shop, "3", name="other.json")
    assert shop.out("quarantine", "replay", "--changed").startswith("0 files went back")
    assert shop.out("quarantine", "replay", "--code", "conflict").startswith("0 files went back")
    assert shop.out("quarantine", "replay", "--yes").startswith("1 files and 3 rejected records went back")


def test_what_nobody_has_corrected_goes_back_after_a_question_only(shop: Shop) -> None:
    """Corrected files go in any case; --dry-run sends nothing, nor does a question without an answer."""
    shop.put("bad.json", "[]")
    shop.put("mended.json", TEXT[:100])
    shop.collect()
    shop.quarantined("mended.json").write_text(TEXT)
    preview = shop.out("quarantine", "replay", "--dry-run")
    assert re.search(r"mended\.json .* changed *$", preview, re.MULTILINE)
    assert "These would go back; 1 of them were changed since they were quarantined. Nothing was sent." in preview
    assert "error: Nothing was sent back: nobody answered. --yes sends all" in shop.out(
        "quarantine", "replay", expect=3
    )
    assert list((shop.data / "sources/site_web").glob("[!.]*")) == []
    assert "1 files went back" in shop.out("quarantine", "replay", answer="n\n")
    assert "1 files went back" in shop.out("quarantine", "replay", answer="y\n")


def test_the_advice_names_the_feed_and_the_folder(shop: Shop) -> None:
    """Names repeat in other feeds; another folder was asked for."""
    for feed in ("site_web", "boutique_physique"):
        shop.put("my bad.json", "[]", feed)
    shop.collect()
    for feed in ("site_web", "boutique_physique"):
        shown = shop.out("quarantine", "show", "my bad.json", "--data-dir", str(shop.data))
        assert f"quarantine replay 'my bad.json' --feed {feed} --data-dir {shop.data}\n" in shown


def test_all_reasons_of_a_file_are_shown(shop: Shop) -> None:
    """The first with its place in the text, the others after it."""
    landing = Landing(shop.data, "site_web")
    shop.put("bad.json", TEXT)
    also = (Rejected("bad_date", "It is no date.", "/date_commande"), Rejected("no_city", "A city is missing."))
    landing.quarantine.folder.mkdir(parents=True)
    landing.quarantine.add(landing.sources / "bad.json", Rejected("bad_canal", "It is no canal.", also=also), {})
    shown = shop.out("quarantine", "show", "bad.json")
    assert "also bad_date at /date_commande: It is no date.\nalso no_city: A city is missing.\n" in shown
    reason = json.loads(shop.out("quarantine", "show", "bad.json", "--format", "json"))
    assert [other["code"] for other in reason["also"]] == ["bad_date", "no_city"]


# --- status -----------------------------------------------------------------------------------


def test_status_shows_backlog_and_latency(shop: Shop) -> None:
    """Reported by another process than the one that collected; the age of the oldest waiting file of each feed."""
    (shop.data / "sources").mkdir(parents=True)
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
