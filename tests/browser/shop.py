"""A shop that is open: the real process on a folder of its own, with orders that were made for it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "multimarket_async"]
QUICK = {
    "MULTIMARKET_HTTP_PORT": "0",
    "MULTIMARKET_SNAPSHOT_EVERY_S": "0.3",
    "MULTIMARKET_SCAN_EVERY_S": "0.1",
    "MULTIMARKET_QUIET_PERIOD_S": "0.2",
}
PATIENCE_S = 120
EVIL = "<img src=x onerror=alert(1)>"
FORMULA = "=1+1"


def order(number: int, date: datetime, product: str = "Laptop", pieces: int = 2) -> dict[str, Any]:
    """A valid order of the web site, over 17,000.00 unless told otherwise."""
    line = {"produit_id": "P015", "nom": product, "quantite": pieces, "prix_unitaire": 8500.00}
    return {
        "order_id": f"T{number}",
        "client_id": "123",
        "produits": [line],
        "date_commande": date.isoformat(timespec="seconds"),
        "canal": "web",
        "statut_commande": "payée",
        "livraison": {"adresse": "10 Av Roudani, Centre ville", "ville": "Casablanca"},
    }


@dataclass(frozen=True)
class Shop:
    """A data folder and the address of its page."""

    data_dir: Path
    url: str

    def deliver(self, name: str, content: str) -> None:
        """A file of the web site, as a shop system delivers it."""
        deliver(self.data_dir, name, content)

    def command(self, *words: str) -> str:
        """The output of a command about it."""
        return command(self.data_dir, *words)

    def kpi(self, name: str) -> list[dict[str, Any]]:
        """The rows that `kpi show` prints; asked for once, since only the last test of all changes them."""
        return _shown(self.data_dir, name)

    def get(self, path: str) -> Any:
        """JSON of its HTTP interface."""
        with urllib.request.urlopen(f"{self.url}api/{path}", timeout=60) as answer:
            return json.load(answer)


@cache
def _shown(data_dir: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(command(data_dir, "kpi", "show", name, "--format", "json"))["rows"]
    return rows


def deliver(data_dir: Path, name: str, content: str) -> None:
    """Written under a name that starts with a dot, then renamed."""
    folder = data_dir / "sources" / "site_web"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f".{name}").write_text(content, encoding="utf-8")
    (folder / f".{name}").rename(folder / f"{name}.json")


def command(data_dir: Path, *words: str) -> str:
    """Run to its end; what it printed."""
    line = [*COMMAND, *words, "--data-dir", str(data_dir)]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout


@contextmanager
def opened(data_dir: Path, *, produce: bool = False) -> Iterator[Shop]:
    """`run` on this folder."""
    log = data_dir.with_suffix(".log")
    line = [*COMMAND, "run", "--data-dir", str(data_dir), *([] if produce else ["--no-produce"])]
    with log.open("wb") as out, subprocess.Popen(line, stdout=out, stderr=out, env={**os.environ, **QUICK}) as process:
        try:
            yield Shop(data_dir, _url(log))
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _url(log: Path) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if '"http.listening"' in line:
                return str(json.loads(line)["url"])
        time.sleep(0.05)
    raise TimeoutError(log.read_text())


def stocked(data_dir: Path) -> None:
    """200 made-up orders of each channel, one whose product is a script, one that is a formula, and a bad file."""
    produced(data_dir, 200)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    deliver(data_dir, "evil", json.dumps(order(1, yesterday, product=EVIL, pieces=999)))
    deliver(data_dir, "formula", json.dumps(order(2, yesterday, product=FORMULA, pieces=998)))
    deliver(data_dir, "bad", json.dumps({**order(3, yesterday), "statut_commande": EVIL}))


def produced(data_dir: Path, orders_per_channel: int) -> None:
    """Made-up orders wait to be collected."""
    command(data_dir, "produce", "--orders-per-channel", str(orders_per_channel))


def settled(shop: Shop, orders: int) -> None:
    """Wait until so many orders are in the newest generation, and everything is in its place."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        status = shop.get("status")
        measured = shop.get("kpis/cancellation_rate_by_channel")["rows"] if status["kpi"]["generation"] else []
        waiting = status["conservation"]["sum"]["waiting"]
        if sum(row["orders"] for row in measured) == orders and not waiting:
            return
        time.sleep(0.1)
    raise TimeoutError(str(shop.get("status")))
