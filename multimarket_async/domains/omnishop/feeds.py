"""The landing directories: six kinds of sources, promotions, the catalogue, and the truth that models are graded by."""

from dataclasses import replace
from functools import partial

from multimarket_async.domains import Feed, Table
from multimarket_async.domains.omnishop.records import document
from multimarket_async.domains.omnishop.settings import OmniSettings
from multimarket_async.domains.omnishop.simulator import corruptions, simulated
from multimarket_async.formats import Json

LISTS = 2  # simulated files of each
TABLES = (
    Table("omni_products", "replace"),
    Table("omni_clients", "replace", person="client"),
    Table("omni_promotions", "replace"),
    Table("omni_orders", person="client", dated="at", computed=("amount_minor",)),
    Table("omni_events", person="client", dated="at"),
    Table("omni_stock", "upsert"),
    Table("omni_social", person="client", dated="at"),
    Table("omni_sensors", "upsert"),
    Table("omni_truth", "upsert", person="client"),
)


def feeds(settings: OmniSettings) -> tuple[Feed, ...]:
    """The feeds. Good records of a file are stored, whatever is wrong with others."""
    named = {True: settings.pseudonyms, False: None}
    return tuple(_feed(replace(table, pseudonyms=named[bool(table.person)]), settings) for table in TABLES)


def _feed(table: Table, settings: OmniSettings) -> Feed:
    return Feed(
        table.name,
        table,
        Json().reader(partial(document, table.name, settings.pseudonyms)),
        (".json", ".ndjson"),
        records="many",
        on_bad_record="keep_rest",
        simulate=simulated(table.name, settings),
        simulated_files=LISTS if table.mode == "replace" else None,
        corruptions=corruptions(),
    )
