"""Formats of orders: a declaration says what each field of an order is in the files of a shop system.

They are `built_in/<name>.toml` and the user's `config/formats/<name>.toml`. `reader` makes the `read` of a feed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from jmespath.exceptions import JMESPathError
from pydantic_core import to_json

from multimarket_async.domains import Document, IncomingFile, Located, Record
from multimarket_async.domains.orders.formats.csv_orders import csv_reader
from multimarket_async.domains.orders.formats.declared import Format, declared, names, source
from multimarket_async.domains.orders.formats.json_orders import json_reader
from multimarket_async.domains.orders.formats.wide import Order, mapping
from multimarket_async.errors import Rejected
from multimarket_async.formats.records import Make
from multimarket_async.store import digest_of

DIGEST = "empreinte"
JSON_SUFFIXES = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")
CSV_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt", ".xlsx")

FRENCH = {
    "Orders in the words of MultiMarket": "Commandes dans les mots de MultiMarket",
    "Rows of invoices (CSV)": "Lignes de factures (CSV)",
    "built in ({}.toml)": "intégré ({}.toml)",
    "An expression of the format fails on it: {}": "Une expression du format échoue dessus : {}",
    "An order is an object, and not {}": "Une commande est un objet, et non {}",
    "The file has no order, which would be an object": "Le fichier n'a pas de commande, qui serait un objet",
    "Goods {}, refunded {}, net {} {}": "Articles {}, remboursé {}, net {} {}",
    "The sender's own total is the same.": "Le total de l'expéditeur est le même.",
    "The sender's own total is {}": "Le total de l'expéditeur est {}",
}

Check = Callable[[Order], Document]


def reader(form: Format, decimals: Callable[[str], int], check: Check) -> Callable[[IncomingFile], Iterator[Record]]:
    """The `read` of a feed: a document of each order. check: makes it of an order in our words; raises Rejected."""
    return records_of(form, make_of(mapping(form, decimals), check))


def make_of(mapped: Callable[[Any], Order], check: Check) -> Make:
    """The function that makes a document of an order as its sender has it."""

    def make(tree: dict[str, Any]) -> Document:
        try:
            order = mapped(tree)
        except JMESPathError as error:
            raise Rejected("expression_failed", f"An expression of the format fails on it: {error}.") from None
        try:
            return check(order)
        except Rejected as why:
            raise _first_missing(why) from None

    return make


def _first_missing(why: Rejected) -> Rejected:
    """The same faults, first those of the order that it lacks: of a file of another format they say most."""
    faults = [replace(why, also=()), *why.also]
    first, *others = sorted(faults, key=lambda fault: (fault.code != "missing_field", fault.pointer.count("/")))
    return replace(first, also=tuple(others))


def records_of(form: Format, make: Make) -> Callable[[IncomingFile], Iterator[Record]]:
    """The reader of files of a format. make: of an order as its sender has it."""
    return csv_reader(form, make) if form.files == "csv" else json_reader(form, make)


def orders(form: Format, decimals: Callable[[str], int], check: Check) -> Callable[[IncomingFile], Iterator[Order]]:
    """The orders in our words, of those that are good, with the digest that decides between equal versions."""

    def checked(order: Order) -> Document:
        return {**order, DIGEST: digest_of(check(order))}

    read = reader(form, decimals, checked)
    return lambda file: (record.record for record in read(file) if isinstance(record, Located))  # type: ignore[misc]


def as_ndjson(found: Iterable[Order]) -> Iterator[bytes]:
    """One order a line."""
    return (to_json(order) + b"\n" for order in found)


def suffixes(form: Format) -> tuple[str, ...]:
    """The suffixes of files of a format."""
    return CSV_SUFFIXES if form.files == "csv" else JSON_SUFFIXES
