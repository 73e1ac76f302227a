"""The five landing directories, each of which takes JSON lists, NDJSON and CSV with the same names."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from multimarket_async.domains import Document, Feed, IncomingFile, Record, Table
from multimarket_async.domains.retail.documents import Documents
from multimarket_async.domains.retail.settings import RetailSettings
from multimarket_async.domains.retail.simulator import corruptions, simulated
from multimarket_async.domains.retail.source import poll
from multimarket_async.formats import Boolean, Csv, Integer, Json, Number, Text

JSON_SUFFIXES = (".json", ".ndjson", ".jsonl")
CSV_SUFFIXES = (".csv", ".csv.gz")
SUFFIXES = (*JSON_SUFFIXES, *(f"{suffix}.gz" for suffix in JSON_SUFFIXES), *CSV_SUFFIXES)
LARGEST_BYTES = 1 << 30  # theirs are rewritten whole: 38 MB a day

Maker = Callable[[datetime], Callable[[dict[str, Any]], Document]]


def _text(*names: str) -> dict[str, Text]:
    return {name: Text(name) for name in names}


COLUMNS: Mapping[str, Csv] = {
    "retail_stores": Csv({
        **_text("id", "name", "location"), "capacity": Integer("capacity"),
        **_text("opening_hour", "closing_hour"),
    }),
    "retail_products": Csv({**_text("id", "name", "category"), "price": Number("price"), "cost": Number("cost")}),
    "retail_clients": Csv({
        **_text("id", "name"), "age": Integer("age"), **_text("gender"), "loyalty_card": Boolean("loyalty_card"),
        **_text("city"),
    }),
    "retail_footfall": Csv({
        **_text("store_id", "store_name", "date"), "hour": Integer("hour"),
        "visitors": Integer("visitors", nullable=True), "sales": Integer("sales", nullable=True),
    }),
    "retail_sales": Csv({
        **_text("sale_id"), "nb_type_product": Integer("nb_type_product"),
        **_text("product_id", "client_id", "store_id"), "quantity": Integer("quantity"),
        "sale_amount": Number("sale_amount"), **_text("sale_date", "sale_time"),
    }),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """The `read` of a feed: by the suffix of a file, as CSV or as JSON. make: from the file's time, its maker."""

    csv: Csv
    make: Maker

    def __call__(self, file: IncomingFile) -> Iterable[Record]:
        """The records of a file."""
        form = self.csv if file.name.lower().endswith(CSV_SUFFIXES) else Json()
        return form.reader(self.make(file.received_at))(file)


def feeds(settings: RetailSettings) -> tuple[Feed, ...]:
    """The feeds. A price list stays in force for the sales of its time: none replaces it."""
    documents = Documents(settings)
    persons = partial(Table, person="client_id", pseudonyms=settings.pseudonyms)
    sales = persons("retail_sales", dated="sold_at", computed=("sold_at", "amount_minor"))
    declared: tuple[tuple[Table, Maker, int | None], ...] = (
        (Table("retail_stores", "replace"), lambda _: documents.store, 1),
        (Table("retail_products", "upsert"), documents.product, 2),
        (persons("retail_clients", "replace"), lambda _: documents.client, 1),
        (Table("retail_footfall", "upsert", dated="at"), lambda _: documents.footfall, None),
        (sales, lambda _: documents.sale, None),
    )
    return tuple(_feed(*each, settings) for each in declared)


def _feed(table: Table, make: Maker, simulated_files: int | None, settings: RetailSettings) -> Feed:
    return Feed(
        table.name,
        table,
        Reader(COLUMNS[table.name], make),
        SUFFIXES,
        records="many",
        on_bad_record="keep_rest",
        self_delimiting=False,
        max_file_bytes=LARGEST_BYTES,
        simulate=simulated(table.name, settings),
        simulated_files=simulated_files,
        corruptions=corruptions(),
        poll=poll(table.name, settings),
    )
