"""Rounds, as a user starts them: right when nothing is wrong, and every planted bug is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from multimarket_async.settings import MongoDriver
from multimarket_async.torture import BUGS, torture
from tests.conftest import DRIVERS

COMMAND = [sys.executable, "-m", "multimarket_async", "torture"]
FOUND = {
    "archive_before_acknowledgement": "not stored",  # its document, or the file itself
    "duplicate_stored": "a document is stored that nobody delivered",
    "conflict_discarded": "lost: received 1 times, found 0 times",
    "half_generation": "was changed after it had been read",
    "young_set_aside": "set aside as truncated, expected",
    "archive_overwrites": "lost: received",
    "cent_too_much": "montant_centimes is stored as",
    "last_arrival_wins": "statut_commande is stored as",
    "early_overwritten": "suivi is stored as",
}


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
async def test_rounds_without_a_violation(tmp_path: Path, driver: MongoDriver) -> None:
    """Every file is accounted for, by either driver; of a round in which all went well nothing is left."""
    rounds = await torture(tmp_path, 1, range(4), driver=driver)
    assert [(one.number, one.violations) for one in rounds] == [(number, []) for number in range(4)]
    for one in rounds:
        assert one.received == one.stored + one.duplicates + one.quarantined.total()
        assert one.generations > 0
    assert not any(one.folder.exists() for one in rounds)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
async def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    """Within a few rounds, for the right reason, and the evidence is kept."""
    rounds = await torture(tmp_path, 1, range(8), bug=bug)
    said = [violation.what for violation in rounds[-1].violations]
    assert any(FOUND[bug] in what for what in said), said
    assert rounds[-1].folder.exists()


def test_the_command_prints_a_line_a_round_and_a_verdict(tmp_path: Path) -> None:
    """No terminal: no colour, no progress."""
    words = [*COMMAND, "--rounds", "2", "--seed", "5", "--data-dir", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second, _, _, verdict = done.stdout.splitlines()
    assert first.startswith("round 0: ")
    assert second.startswith("round 1: ")
    assert verdict == "Right: no promise was broken."
    assert "\x1b" not in done.stdout + done.stderr


def test_a_violation_is_told_with_its_evidence_and_exit_code_4(tmp_path: Path) -> None:
    """As JSON: what, which file, which key, and where everything was kept."""
    words = [*COMMAND, "--rounds", "1", "--first-round", "2", "--bug", "duplicate_stored", "--format", "json"]
    done = subprocess.run([*words, "--data-dir", tmp_path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 4, done.stdout + done.stderr
    told = json.loads(done.stdout)
    [round_2] = told["rounds"]
    assert (told["right"], round_2["number"]) == (False, 2)
    assert any(one["key"].endswith("#2") for one in round_2["violations"])
    assert Path(round_2["folder"]).is_dir()


def test_an_unknown_bug_is_refused() -> None:
    """With the names that there are."""
    done = subprocess.run([*COMMAND, "--bug", "nonsense"], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "duplicate_stored" in done.stderr
