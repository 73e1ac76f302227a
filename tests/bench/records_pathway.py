"""Pathway on the same file of many records; as pathway_peer.py. Arguments: data folder, URI, database."""

import sys
from pathlib import Path

import pathway as pw

COMMIT_EVERY_MS = 100


class Sale(pw.Schema):
    ticket: int
    line: int
    day: str
    store: str
    product: str
    quantity: int
    price: float


def main(data_dir: str, uri: str, database: str) -> None:
    sales = pw.io.csv.read(
        f"{data_dir}/sources/sales", schema=Sale, mode="streaming", autocommit_duration_ms=COMMIT_EVERY_MS, name="sales"
    )
    durable = f"{uri}&w=majority&journal=true"
    pw.io.mongodb.write(sales, connection_string=durable, database=database, collection="sales")
    state = pw.persistence.Backend.filesystem(Path(data_dir) / "state")
    print("ready", flush=True)  # noqa: T201 - to who measures
    sys.stdin.readline()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, persistence_config=pw.persistence.Config(state))


if __name__ == "__main__":
    main(*sys.argv[1:4])
