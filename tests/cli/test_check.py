"""check, as a user sees it."""

import json
import re
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


SHOPIFY = {
    "id": 9001,
    "created_at": "2026-01-05T10:00:00+01:00",
    "updated_at": "2026-01-05T10:00:00+01:00",
    "financial_status": "paid",
    "currency": "EUR",
    "subtotal_price": "19.90",
    "line_items": [{"id": 1, "name": "Bol", "quantity": 2, "price": "9.95"}],
}


def test_check_shows_what_a_format_makes_of_a_file(tmp_path: Path) -> None:
    """The order beside its expressions, all faults of a bad one, the total of the sender compared: 4 if it differs."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(SHOPIFY), "utf-8")
    bad.write_text(json.dumps({**SHOPIFY, "id": None, "created_at": "now", "subtotal_price": "20.00"}), "utf-8")
    done = typed(tmp_path, {}, "check", "--format", "shopify", "good.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^  order_id +9001 +<- id$", done.stdout, re.MULTILINE)
    assert "Goods 19.90, refunded 0.00, net 19.90 EUR." in done.stdout
    done = typed(tmp_path, {}, "check", "--format", "shopify", "--format", "json", "bad.json")
    [record] = json.loads(done.stdout)[0]["records"]
    assert (done.returncode, record["agrees"]) == (4, False)
    assert [fault["pointer"] for fault in record["rejected"]] == ["/order_id", "/date_commande"]


def test_a_wrong_format_is_one_sentence_with_its_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "config/formats").mkdir(parents=True)
    text = (
        'order = { order_id = "Order No", date_commande = "d" }\nlines = { nom = "n", quantite = "q", montant = "a" }'
    )
    (tmp_path / "config/formats/mine.toml").write_text(text, "utf-8")
    done = typed(tmp_path, {}, "check", "--format", "mine", "any.json")
    assert done.returncode == 2
    assert "config/formats/mine.toml: order.order_id = 'Order No': Unexpected token" in done.stderr
    done = typed(tmp_path, {}, "check", "--format", "shopfy", "any.json")
    assert "There is no format shopfy" in done.stderr
    assert "Did you mean shopify?" in done.stderr


def test_formats_are_listed_shown_and_suggested(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SHOPIFY), "utf-8")
    assert "order-lines" in typed(tmp_path, {}, "formats", "list").stdout
    assert 'each = "line_items"' in typed(tmp_path, {}, "formats", "show", "shopify").stdout
    assert 'quantite = "quantity"  # 2' in typed(tmp_path, {}, "formats", "suggest", "a.json").stdout
