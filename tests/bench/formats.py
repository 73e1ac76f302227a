"""Files of a declared format, and files of the contract, by turns: files per second, as in burst.py.

The orders of the format are as Shopify sends them, one a file: one to five lines, some with a discount, one in twenty
with a refund.
"""

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from alone import alone
from burst import collector_run
from ground import Ground, console
from results import Row
from rich.progress import track
from turns import Run

MEASURE = "formats"
FORMAT, CONTRACT = "shopify", "contract"
PER_CHANNEL, PAIRS = 3_334, 5
QUICK_PER_CHANNEL, QUICK_PAIRS = 500, 2
CHANNEL = {FORMAT: {"format": FORMAT}}


def measure(found: Ground, *, quick: bool) -> list[Row]:
    """Rates, and processor time a file."""
    per_channel, pairs = (QUICK_PER_CHANNEL, QUICK_PAIRS) if quick else (PER_CHANNEL, PAIRS)
    runs: dict[str, list[Run]] = defaultdict(list)
    for pair in track(range(pairs), MEASURE, console=console):
        for name, data_dir in (
            (FORMAT, received(found.folder / f"{FORMAT}_{pair}", 3 * per_channel)),
            (CONTRACT, found.received(f"{CONTRACT}_{pair}", per_channel)),
        ):
            runs[name].append(collector_run(found, data_dir, data_dir.name, {"ORDERS_CHANNELS": json.dumps(CHANNEL)}))
            found.client.drop_database(data_dir.name)
            shutil.rmtree(data_dir)
    rates = [Row(MEASURE, name, "files/s", [run.rate_s for run in of]) for name, of in runs.items()]
    rates[0] = Row(MEASURE, FORMAT, "files/s", rates[0].values, at_least=5_000)
    return rates + [Row(MEASURE, f"{name}, CPU", "µs/file", [run.cpu_us for run in of]) for name, of in runs.items()]


def received(data_dir: Path, orders: int) -> Path:
    """A fresh data folder in which so many orders of Shopify wait, one a file."""
    folder = data_dir / "sources" / FORMAT
    folder.mkdir(parents=True)
    for number in range(orders):
        (folder / f"{number}.json").write_text(json.dumps(order(number)), "utf-8")
    return data_dir


def order(number: int) -> dict[str, Any]:
    """An order as GET /admin/api/2024-01/orders/<id>.json has it, with what most shops fill in."""
    lines = [_line(number, place) for place in range(number % 5 + 1)]
    moment = f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:11+01:00"
    goods = sum(line["quantity"] * float(line["price"]) for line in lines) - sum(map(_discount, lines))
    return {
        "id": 900_000_000_000 + number,
        "name": f"#{number}",
        "order_number": number,
        "created_at": moment,
        "updated_at": moment,
        "cancelled_at": moment if number % 15 == 0 else None,
        "currency": "EUR",
        "source_name": "web",
        "financial_status": "partially_refunded" if number % 20 == 1 else "paid",
        "taxes_included": False,
        "total_discounts": f"{sum(map(_discount, lines)):.2f}",
        "subtotal_price": f"{goods:.2f}",
        "total_tax": f"{goods / 5:.2f}",
        "customer": {"id": 700_000_000_000 + number % 997, "email": f"client{number % 997}@example.com"},
        "shipping_address": {"address1": f"{number % 90 + 1} rue de l'Essai", "address2": None, "city": "Lyon"},
        "shipping_lines": [{"title": "Colis", "price": "4.90"}],
        "line_items": lines,
        "refunds": [_refund(number, lines[0], moment)] if number % 20 == 1 else [],
    }


def _line(number: int, place: int) -> dict[str, Any]:
    price, product = f"{number * 37 % 90 + 1}.{number % 100:02}", (number * 7 + place) % 500
    tax = [{"title": "TVA", "rate": 0.2, "price": f"{float(price) / 5:.2f}"}]
    reduced = [{"amount": "0.50", "discount_application_index": 0}] if number % 4 == 0 else []
    return {
        "id": number * 10 + place,
        "product_id": product,
        "variant_id": product * 10,
        "sku": f"LAMP-{product}",
        "name": f"Lampe {product}",
        "quantity": number % 3 + 1,
        "price": price,
        "tax_lines": tax,
        "discount_allocations": reduced,
    }


def _discount(line: dict[str, Any]) -> float:
    return sum(float(given["amount"]) for given in line["discount_allocations"])


def _refund(number: int, line: dict[str, Any], moment: str) -> dict[str, Any]:
    returned = {"line_item_id": line["id"], "quantity": 1, "subtotal": line["price"], "total_tax": "0.00"}
    return {"id": number, "created_at": moment, "refund_line_items": [returned]}


if __name__ == "__main__":
    alone(measure)
