"""`run` as a user starts it: a process of its own, files received from outside, kills, restarts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DRIVERS

COMMAND = [sys.executable, "-m", "multimarket_async"]
ORDER = {
    "order_id": "234",
    "client_id": "123",
    "produits": [{"produit_id": "P015", "nom": "Laptop", "quantite": 2, "prix_unitaire": 8500.00}],
    "date_commande": "2025-04-26T14:00:00",
    "canal": "web",
    "statut_commande": "payée",
    "livraison": {"adresse": "10 Av Roudani, Centre ville", "ville": "Casablanca"},
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """An empty data folder; nothing of it may run when the test is over."""
    folder = tmp_path / "data"
    yield folder
    assert mongods(folder) == []


@pytest.fixture(params=DRIVERS)
def either_driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who uses a command feels the difference."""
    monkeypatch.setenv("MULTIMARKET_MONGO_DRIVER", request.param)


def mongods(data_dir: Path) -> list[int]:
    """The embedded servers that run on this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"mongod") and any(word.startswith(os.fsencode(data_dir)) for word in words):
            found.append(int(process.parent.name))
    return found


def command(data_dir: Path, *words: str, expect: int = 0) -> str:
    """Run one command to its end; what it printed."""
    done = subprocess.run(
        [*COMMAND, *words, "--data-dir", data_dir], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


class Run:
    """A `run` in the background and the log it writes."""

    def __init__(self, data_dir: Path, *words: str) -> None:
        environment = {**os.environ, "MULTIMARKET_SNAPSHOT_EVERY_S": "0.3", "MULTIMARKET_SHUTDOWN_TIMEOUT_S": "60"}
        self.log = data_dir.parent / f"run-{time.monotonic_ns()}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "run", *words, "--data-dir", data_dir], stdout=out, env=environment
            )

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of this name so far: each line of the log is one JSON object."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if line["event"] == name]

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to become true while the process lives."""
        deadline = time.monotonic() + 120
        while not true():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def ends(self, number: signal.Signals) -> int:
        """Signal it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=300)


def deliver(data_dir: Path, order_id: str, **changes: Any) -> None:
    """As a well-behaved source does it."""
    folder = data_dir / "sources" / "site_web"
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{order_id}"
    hidden.write_text(json.dumps({**ORDER, "order_id": order_id, **changes}))
    hidden.rename(folder / f"{order_id}.json")


def archived(data_dir: Path) -> int:
    return len(list((data_dir / "archive").glob("*/*/*.json")))


@pytest.mark.slow
def test_files_from_outside_are_stored_measured_and_survive_kill_9(data_dir: Path) -> None:
    """Received, killed in the middle, received again, restarted, ended: every order is there exactly once."""
    for number in range(3000):
        deliver(data_dir, f"a{number}")
    first = Run(data_dir, "--no-produce")
    first.until(lambda: archived(data_dir) > 300)
    assert first.ends(signal.SIGKILL) == -signal.SIGKILL
    for number in range(200):
        deliver(data_dir, f"b{number}", statut_commande="annulée")

    second = Run(data_dir, "--no-produce")
    second.until(lambda: archived(data_dir) == 3200)
    second.until(lambda: any(event["orders"] == 3200 for event in second.events("generation.published")))
    shown = json.loads(command(data_dir, "kpi", "show", "cancellation_rate_by_channel", "--format", "json"))
    assert shown["rows"] == [{"channel": "web", "orders": 3200, "cancelled_orders": 200, "cancellation_rate_pct": 6.25}]
    assert second.ends(signal.SIGTERM) == 0

    report = json.loads(command(data_dir, "verify", "--format", "json"))
    assert report["right"], report["differences"]
    web = report["feeds"][0]
    assert (web["received"], web["stored"], web["duplicate"], web["waiting"]) == (3200, 3200, 0, 0)


@pytest.mark.slow
def test_ctrl_c_collects_what_waits_and_publishes_a_last_generation(data_dir: Path) -> None:
    """Exit code 0; the newest generation counts everything that was received."""
    run = Run(data_dir)
    run.until(lambda: bool(run.events("batch.collected")))
    assert run.ends(signal.SIGINT) == 0
    received = len(run.events("file.delivered"))
    assert received >= 3
    assert run.events("generation.published")[-1]["orders"] == received
    assert run.events("run.ended")[0]["waiting"] == 0


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_loses_nothing(data_dir: Path) -> None:
    """Files that it left are collected by the next start."""
    for number in range(2000):
        deliver(data_dir, f"c{number}")
    run = Run(data_dir, "--no-produce")
    run.until(lambda: archived(data_dir) > 0)
    run.process.send_signal(signal.SIGINT)
    assert run.ends(signal.SIGINT) in (0, 130)
    command(data_dir, "collect", "--until-empty")
    report = json.loads(command(data_dir, "verify", "--format", "json"))
    assert (report["right"], report["feeds"][0]["stored"]) == (True, 2000)


@pytest.mark.slow
@pytest.mark.usefixtures("either_driver")
def test_a_mongod_that_is_killed_is_restarted_and_collection_goes_on(data_dir: Path) -> None:
    """Files simply wait meanwhile; one line says that it stopped, one that it goes on."""
    run = Run(data_dir, "--no-produce")
    deliver(data_dir, "before")
    run.until(lambda: archived(data_dir) == 1)
    os.kill(mongods(data_dir)[0], signal.SIGKILL)
    deliver(data_dir, "after")
    run.until(lambda: archived(data_dir) == 2)
    assert len(run.events("collection.interrupted")) <= 1
    assert run.ends(signal.SIGTERM) == 0


@pytest.mark.slow
def test_run_for_some_seconds_ends_by_itself(data_dir: Path) -> None:
    """--for; the log tells how long the files took."""
    run = Run(data_dir, "--for", "1")
    assert run.process.wait(timeout=300) == 0
    [latency] = run.events("latency.measured")
    assert latency["files"] == len(run.events("file.delivered"))
    assert (latency["breaches"] == 0) == (latency["max_s"] <= 10)


@pytest.mark.slow
def test_demo_proves_itself_and_again_on_the_same_data(data_dir: Path) -> None:
    """Not a terminal: plain lines, no escape codes. The second time the numbers grow."""
    first = command(data_dir, "demo", "--orders-per-channel", "50")
    assert "150 received = 150 stored + 0 duplicate + 0 in quarantine" in first
    assert "agree to the cent" in first
    assert "\x1b" not in first
    second = command(data_dir, "demo", "--orders-per-channel", "50")
    assert "150 received = 150 stored + 0 duplicate + 0 in quarantine" in second
    shown = json.loads(command(data_dir, "kpi", "show", "cancellation_rate_by_channel", "--format", "json"))
    assert [row["orders"] for row in shown["rows"]] == [100, 100, 100]


@pytest.mark.slow
def test_the_examples_of_the_order_format_reach_quarantine_with_exact_reasons(data_dir: Path) -> None:
    """Truncated, NaN, beyond 64 bits, in the wrong directory, conflicting: five set aside, the rest untouched."""
    for number in range(40):
        deliver(data_dir, f"good{number}")
    folder = data_dir / "sources" / "site_web"
    text = json.dumps({**ORDER, "order_id": "bad"})
    (folder / "truncated.json").write_text(text[:100])
    (folder / "nan.json").write_text(text.replace("8500.0", "NaN"))
    (folder / "huge.json").write_text(text.replace('"quantite": 2', '"quantite": 10000000000000000000'))
    (folder / "elsewhere.json").write_text(json.dumps({**ORDER, "order_id": "bad", "canal": "boutique"}))
    command(data_dir, "collect", "--until-empty")
    (folder / "conflict.json").write_text(json.dumps({**ORDER, "order_id": "good1", "client_id": "another"}))
    command(data_dir, "collect", "--until-empty")

    reasons = json.loads(command(data_dir, "quarantine", "list", "--format", "json"))
    assert {reason["file"]: (reason["code"], reason["pointer"], reason["line"]) for reason in reasons} == {
        "truncated.json": ("truncated", "", 1),
        "nan.json": ("not_a_number", "/produits/0/prix_unitaire", None),
        "huge.json": ("integer_out_of_range", "/produits/0/quantite", None),
        "elsewhere.json": ("wrong_channel", "/canal", None),
        "conflict.json": ("conflict", "", None),
    }
    status = json.loads(command(data_dir, "status", "--format", "json"))
    assert (status["feeds"][0]["stored"], status["feeds"][0]["waiting"]) == (40, 0)
