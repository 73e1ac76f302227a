"""Pathway on the same orders; runs in an environment of its own. Arguments: data folder, URI, database.

Streaming, with persistence, durable writes. Its JSON reader wants an object a line, so its files are the same
orders on one line. It goes on until killed: who started it looks when all documents are there.
"""

import sys
from pathlib import Path

import pathway as pw

COMMIT_EVERY_MS = 100  # from 20 to 1,500 it made no difference to the whole that noise would not have made


class Order(pw.Schema):
    order_id: int
    client_id: int
    produits: pw.Json
    date_commande: str
    canal: str
    statut_commande: str
    livraison: pw.Json | None = pw.column_definition(default_value=None)


def main(data_dir: str, uri: str, database: str) -> None:
    orders = pw.io.fs.read(
        f"{data_dir}/sources/*/*.json",
        format="json",
        schema=Order,
        mode="streaming",
        autocommit_duration_ms=COMMIT_EVERY_MS,
        name="orders",
    )
    durable = f"{uri}&w=majority&journal=true"
    pw.io.mongodb.write(orders, connection_string=durable, database=database, collection="commandes")
    state = pw.persistence.Backend.filesystem(Path(data_dir) / "state")
    print("ready", flush=True)  # noqa: T201 - to who measures
    sys.stdin.readline()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, persistence_config=pw.persistence.Config(state))


if __name__ == "__main__":
    main(*sys.argv[1:4])
