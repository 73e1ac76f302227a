"""erase, as a user sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tests.commands import typed

pytestmark = pytest.mark.slow


@pytest.fixture
def given(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> dict[str, str]:
    named = {"MONGO_URI": mongo_uri, "MONGO_DATABASE": database.name, "DATA_DIR": str(tmp_path)}
    return {f"MULTIMARKET_{name}": value for name, value in named.items()}


def out(given: dict[str, str], *words: str, expect: int = 0, answer: str = "") -> str:
    done = typed(Path.cwd(), given, *words, answer=answer)
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_erase_asks_removes_and_leaves_what_verify_finds_right(given: dict[str, str], tmp_path: Path) -> None:
    """Also compared with the manifest, which names no file of theirs any more."""
    out(given, "demo", "--orders-per-channel", "40")
    archived = [path.read_text("utf-8") for path in (tmp_path / "archive" / "site_web").rglob("*.json")]
    client = str(json.loads(archived[0])["client_id"])
    assert "Nothing was erased" in out(given, "erase", "--client", client, "--dry-run")
    assert "--yes erases without a question" in out(given, "erase", "--client", client, expect=3)
    assert not (tmp_path / "erasures.key").exists()
    erased = out(given, "erase", "--client", client, answer="y\n")
    assert "documents of commandes" in erased
    assert not (tmp_path / "kpis.duckdb").exists()
    assert "Right" in out(given, "verify")
    assert "Right" in out(given, "verify", "--manifest", "latest")
    assert "Erased at" in out(given, "erase", "--client", client, "--yes")
    assert "is empty" in out(given, "erase", "--client", " ", expect=2)
    shown = out(given, "kpi", "show", "top_products", "--generation", "1", expect=4)
    assert "its rows were removed" in shown
