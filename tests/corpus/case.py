"""One file of the corpus, and a good order to spoil."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

STORED = "stored"
LEFT = "left"  # not ours: it stays where it is
ABSENT = object()
Put: TypeAlias = Callable[[Path, bytes], object]

ORDER = """{
  "order_id": "@",
  "client_id": "123",
  "produits": [
    {"produit_id": "P015", "nom": "Café", "quantite": 2, "prix_unitaire": 8500.00}
  ],
  "date_commande": "2025-04-26T14:00:00",
  "canal": "web",
  "statut_commande": "payée",
  "livraison": {"adresse": "10 Av Roudani, Centre ville", "ville": "Casablanca"}
}
"""


@dataclass(frozen=True)
class Case:
    """wrong: what is wrong with it. place: line and column, for a fault of syntax. put: how it gets there."""

    wrong: str
    content: bytes
    outcome: str = STORED
    pointer: str = ""
    place: tuple[int, int] | None = None
    feed: str = "site_web"
    name: str = ""
    put: Put = Path.write_bytes

    @property
    def file_name(self) -> str:
        """Its name in the landing directory."""
        return self.name or f"{self.wrong}.json"


def good(order_id: str) -> bytes:
    """A valid order of the web channel."""
    return ORDER.replace('"@"', json.dumps(order_id)).encode()


def swapped(wrong: str, old: str, new: str, outcome: str = STORED, pointer: str = "", **more: Any) -> Case:
    """The order with a piece of its text replaced, once."""
    text = ORDER.replace(old, new, 1)
    assert text != ORDER, wrong
    return Case(wrong, text.replace('"@"', json.dumps(wrong)).encode(), outcome, pointer, **more)


def changed(wrong: str, pointer: str, value: Any, outcome: str, **more: Any) -> Case:
    """The order with the value at this place replaced; ABSENT takes it away."""
    tree = copy.deepcopy(json.loads(good(wrong)))
    *way, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    parent: Any = tree
    for step in way:
        parent = parent[step]
    parent[last] = value
    if value is ABSENT:
        del parent[last]
    return Case(wrong, json.dumps(tree).encode(), outcome, "" if outcome == STORED else pointer, **more)
