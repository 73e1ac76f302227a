"""Made-up files in the shapes of shop systems."""

import json
from datetime import UTC, datetime
from typing import Any

from multimarket_async.domains import IncomingFile, Located, Record
from multimarket_async.domains.orders.formats import declared, reader
from multimarket_async.domains.orders.formats.declared import parsed
from multimarket_async.domains.orders.formats.wide import Order
from multimarket_async.errors import Rejected

DECIMALS = {"JPY": 0, "EUR": 2, "TND": 3}


def named(order: Order) -> Order:
    """The order, if its lines have names. Raises Rejected."""
    lines = [*order["produits"], *(line for refund in order.get("remboursements", ()) for line in refund["lignes"])]
    if any("nom" not in line and "ligne_id" not in line for line in lines):
        raise Rejected("missing_field", "nom is missing.", "/produits/0/nom")
    return order


def records(form: str, content: bytes | Any, name: str = "a.json") -> list[Record]:
    """Records of a file. form: the name of a format, or its declaration."""
    given = content if isinstance(content, bytes) else json.dumps(content).encode()
    file = IncomingFile("shop", name, datetime.min.replace(tzinfo=UTC), given)
    declaration = parsed("mine.toml", form) if "\n" in form else declared(form)
    return list(reader(declaration, DECIMALS.__getitem__, named)(file))


def order(form: str, content: bytes | Any) -> Order:
    """The one order of a file."""
    [record] = records(form, content)
    assert isinstance(record, Located), record
    assert isinstance(record.record, dict)
    return record.record
