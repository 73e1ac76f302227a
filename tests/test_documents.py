"""The commands of the documents do what is said, one after the other, in a folder of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.written import DOCUMENTS, ROOT

SHIM = f'#!/bin/sh\nexec {sys.executable} -m multimarket_async "$@"\n'


def installed(folder: Path) -> None:
    """The program under the name that the documents call it by."""
    program = folder / ".venv" / "bin" / "multimarket-async"
    program.parent.mkdir(parents=True)
    program.write_text(SHIM, "utf-8")
    program.chmod(0o755)


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a document in this language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (DOCUMENTS / f"{page}.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def run(folder: Path, page: str) -> list[str]:
    """Output of each block of commands of a document. Fails where a command does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "COLUMNS": "300"}
    printed = []
    for block in blocks(page, "console"):
        lines = "\n".join(
            ["set -e", *(line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))]
        )
        done = subprocess.run(
            ["sh", "-c", lines], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        printed.append(" ".join(done.stdout.split()))
    return printed


@pytest.mark.slow
def test_the_two_hours_with_a_class(tmp_path: Path) -> None:
    """Each part ends as its text says."""
    installed(tmp_path)
    [order] = blocks("tutorial", "json")
    (tmp_path / "order.json").write_text(order, "utf-8")
    first, again, bad, cancelled, shop, broken, _ = run(tmp_path, "tutorial")
    assert "site_web 1 0 - 1 0 0" in first
    assert first.endswith("/234.json")
    assert "site_web 3 0 - 1 1 1 1 conflict" in again
    assert "dearer.json: conflict" in again
    assert "exit code 4" in bad
    assert "site_web 4 0 - 2 1 1 1 conflict" in bad
    assert "17,000.00" in cancelled
    assert "Right: " in shop
    assert "Right" in broken or "as it must" in broken


@pytest.mark.slow
def test_a_backup_is_restored_and_a_lost_database_is_made_from_the_archive(tmp_path: Path) -> None:
    """The restored folder is verified as right, and the KPI from the archive is the same, byte for byte."""
    installed(tmp_path)
    demo = [tmp_path / ".venv/bin/multimarket-async", "demo", "--orders-per-channel", "50", "--follow-ups"]
    subprocess.run(demo, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    backup, _, doctor = run(tmp_path, "operation")
    assert "Right: every file is accounted for" in backup
    assert "database multi_market" in doctor


def test_messages_of_the_troubleshooting_are_those_of_the_code() -> None:
    """As they are written there."""
    page = (DOCUMENTS / "operation.md").read_text("utf-8")
    source = " ".join(file.read_text("utf-8") for file in (ROOT / "multimarket_async").rglob("*.py"))
    messages = re.findall(r"^\| `([A-Za-z][^`]* [^`]*)`", page[page.index("| message |") :], re.MULTILINE)
    assert len(messages) > 8
    for message in messages:
        words = message.replace("the embedded", "")  # its name is put in after it
        assert words.strip() in source, message
