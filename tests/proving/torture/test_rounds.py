"""Rounds: right when nothing is wrong, and every planted bug is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from multimarket_async.proving.torture import MUTANTS, torture
from multimarket_async.settings import MongoDriver
from tests.conftest import DRIVERS

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "multimarket_async", "torture"]
FOUND = {
    "archive_before_acknowledgement": "not stored",
    "duplicate_stored": "in commandes were never delivered",
    "conflict_discarded": "in quarantine as conflict, and is nowhere",
    "half_generation": "was changed after it had been read",
    "young_quarantined": "must be archived, and is in quarantine as truncated",
    "archive_open_to_writers": "and is nowhere",
    "late_writes_unseen": "in quarantine as written_after_storing, and is archived",
    "archive_overwrites": "and is nowhere",
    "cent_too_much": "has montant_centimes",
    "last_arrival_wins": "has statut_commande",
    "early_overwritten": "has suivi",
    "stale_rollups": "its rollups are out of date",
}


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
async def test_rounds_without_a_violation(tmp_path: Path, driver: MongoDriver) -> None:
    """Every file is accounted for, by either driver; of a round in which all went well nothing is left."""
    rounds = await torture(tmp_path, 1, range(2), driver=driver)
    assert [(done.number, done.violations) for done in rounds] == [(number, []) for number in range(2)]
    for done in rounds:
        assert done.received == done.stored + done.duplicates + done.quarantined.total()
        assert done.generations > 0
    assert not any(done.folder.exists() for done in rounds)


@pytest.mark.slow
@pytest.mark.parametrize("bug", MUTANTS)
async def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    """Within a few rounds, for the right reason, and the evidence is kept."""
    rounds = await torture(tmp_path, 1, range(8), bug=bug)
    violations = rounds[-1].violations
    assert any(FOUND[bug] in violation for violation in violations), violations
    assert rounds[-1].folder.exists()


async def test_a_short_round_without_a_violation(tmp_path: Path) -> None:
    """Every file is accounted for."""
    [only] = await torture(tmp_path, 5, range(1))
    assert only.violations == []
    assert only.received == only.stored + only.duplicates + only.quarantined.total() > 0


@pytest.mark.slow
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


def test_a_violation_is_shown_with_its_evidence_and_exit_code_4(tmp_path: Path) -> None:
    """As JSON: every violation, and the folder in which everything was kept."""
    words = [*COMMAND, "--rounds", "1", "--first-round", "2", "--bug", "duplicate_stored", "--format", "json"]
    done = subprocess.run([*words, "--data-dir", tmp_path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 4, done.stdout + done.stderr
    result = json.loads(done.stdout)
    [round_2] = result["rounds"]
    assert (result["right"], round_2["number"]) == (False, 2)
    assert any(FOUND["duplicate_stored"] in violation for violation in round_2["violations"])
    assert Path(round_2["folder"]).is_dir()


def test_an_unknown_bug_is_refused() -> None:
    """With the names that there are."""
    done = subprocess.run([*COMMAND, "--bug", "nonsense"], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "duplicate_stored" in done.stderr
