"""kill -9 of a polling process at each of its operations on files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

WHOLE = ["a" * 10, "b" * 10, "c" * 10]


def test_a_set_lands_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """The next poll, though its source is away, lands the rest or nothing; in the end each answer is there once."""
    command = [sys.executable, "-m", "tests.poller.killed", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert [trial["number"] for trial in trials] == list(range(1, len(trials) + 1))
    after_kill, after_failure, in_the_end = zip(*(trial["rounds"] for trial in trials), strict=True)
    assert {len(landed) for landed in after_kill} == {0, 1, 2, 3}  # kills before, within and after the landing
    assert all(landed in ([], WHOLE) for landed in after_failure)
    assert all(landed == WHOLE for landed in in_the_end)
    assert all(trial["hidden"] == [] for trial in trials)
