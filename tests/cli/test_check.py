"""check, as a user sees it."""

import json
from pathlib import Path

import pytest

from tests.commands import typed

pytestmark = pytest.mark.slow
ORDERS = """\
;order.id;order.line;order.date;customer.id;product.id;quantity
1;1;1;1/25/2011;2;48;1
2;1;1;1/25/2011;2;48;40
3;1;3;13/45/2011;x;52;0
"""


def out(folder: Path, *words: str, expect: int) -> str:
    done = typed(folder, {}, "check", *words)
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_check_says_what_would_become_of_files(tmp_path: Path) -> None:
    """By the feed that accepts most of them, with all reasons; nothing is created."""
    (tmp_path / "orders.csv").write_text(ORDERS, "utf-8")
    [found] = json.loads(out(tmp_path, "orders.csv", "--domain", "bikes", "--format", "json", expect=4))
    assert {name: found[name] for name in ("feed", "records", "accepted", "repeated", "quarantined")} == {
        "feed": "bike_orders", "records": 3, "accepted": 2, "repeated": 1, "quarantined": []
    }  # fmt: skip
    [bad] = found["rejected"]
    codes = [reason["code"] for reason in bad["reasons"]]
    assert (bad["line"], codes) == (4, ["bad_date", "not_an_integer", "quantity_positive"])
    assert found["derived"]["bike_files"][0]["flagged"] == {"quantity_usual": 1}
    shown = out(tmp_path, "orders.csv", "--domain", "bikes", "--feed", "bikes", expect=4)
    assert "bikes/orders.csv: quarantined" in shown
    assert "missing_column" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_check_of_a_good_file_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("".join(ORDERS.splitlines(keepends=True)[:2]), "utf-8")
    assert "1 records, 1 accepted, 0 rejected" in out(tmp_path, "orders.csv", "--domain", "bikes", expect=0)
    assert "none.csv is no file" in out(tmp_path, "none.csv", "--domain", "bikes", expect=2)
    assert "has the suffix of none of the feeds" in out(tmp_path, "orders.csv", expect=2)
    assert "Did you mean bikes?" in out(tmp_path, "orders.csv", "--domain", "bikes", "--feed", "bike", expect=2)
