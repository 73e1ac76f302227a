"""A new KPI is one file: it is found everywhere, and no other file is edited."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WRITTEN = (ROOT / "multimarket_async" / "docs" / "extend.md").read_text("utf-8")
[NEW] = re.findall(r"```py\n(\"\"\"Orders by cancellation.*?)```", WRITTEN, re.DOTALL)
TABLE = "import written; print(written.kpi_table())"
PAGE = """
from multimarket_async.discovery import declared, settings_models
from multimarket_async.settings import load
print([domain.french["Cancelled"] for domain in declared(load(settings_models(), {}, {}))])
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package with one file more."""
    copy = tmp_path / "multimarket_async"
    shutil.copytree(ROOT / "multimarket_async", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "domains" / "orders" / "kpis" / "orders_by_cancellation.py").write_text(NEW, "utf-8")
    return tmp_path


def python(package: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{package}:{ROOT / 'tests'}"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_new_file_is_a_kpi_in_lists_bi_files_readme_and_french(package: Path) -> None:
    """Last in the lists, as it declares no place."""
    assert "orders_by_cancellation" in python(package, "-m", "multimarket_async", "kpi", "list")
    assert "\n| `orders_by_cancellation` | Orders that are " in python(package, "-c", TABLE)
    assert python(package, "-c", PAGE).strip() == "['Annulée']"
    python(package, "-m", "multimarket_async", "bi", "--write", "bi", "--data-dir", "data")
    files = {path.name: path.read_text("utf-8") for path in (package / "bi").rglob("*") if path.is_file()}
    assert "orders_by_cancellation" in files["MultiMarket.pq"]
    assert "orders_by_cancellation" in files["kpis.json"]


@pytest.mark.slow
def test_a_new_file_is_measured_shown_and_verified(package: Path) -> None:
    """In MongoDB, and once more in SQL from the archived files."""
    data = ("--data-dir", "data")
    python(package, "-m", "multimarket_async", "demo", "--orders-per-channel", "20", "--follow-ups", *data)
    show = ("kpi", "show", "orders_by_cancellation", "--format", "json")
    shown = json.loads(python(package, "-m", "multimarket_async", *show, *data))
    assert sum(row["orders"] for row in shown["rows"]) == 60
    verified = json.loads(python(package, "-m", "multimarket_async", "verify", "--format", "json", *data))
    assert (verified["right"], verified["kpis"][-1]) == (True, "orders_by_cancellation")
