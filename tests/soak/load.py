"""The load: orders delivered as a well-behaved source does it, and the expected outcome of each."""

import random
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.domains.orders.simulator import Simulator
from multimarket_async.simulation import Delivery

DUPLICATES, BAD, LATE = 0.02, 0.01, 0.01
SIMULATORS = {feed: Simulator(canal, OrderSettings()) for feed, canal in CHANNELS.items()}


def bad_of(order: Delivery, rng: random.Random) -> tuple[bytes, str]:
    """The order corrupted, and the code it must get."""
    text = order.content
    return rng.choice(
        [
            (text.decode()[: len(text) // 2].encode(), "truncated"),
            (text.replace(b'"quantite": ', b'"quantite": -', 1), "out_of_range"),
            (text.replace(b'"statut_commande": "', b'"statut_commande": "?', 1), "unknown_status"),
            (b"[]", "not_an_object"),
            (b"\xff\xfe" + text, "not_utf8"),
        ]
    )


@dataclass
class Load:
    """Delivers orders as a well-behaved source does, and counts the expected outcomes."""

    sources: Path
    seed: int
    number: int = 0
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    _earlier: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=1000))

    def deliver(self, rng: random.Random) -> None:
        """The next order, or one from before, or a bad one."""
        self.number += 1
        feed = list(CHANNELS)[self.number % len(CHANNELS)]
        now = datetime.now(UTC)
        since = now - (timedelta(days=700) if rng.random() < LATE else timedelta(hours=1))
        order = SIMULATORS[feed](self.seed, self.number, since, now)
        content, outcome, drawn = order.content, "stored", rng.random()
        if drawn < BAD:
            content, outcome = bad_of(order, rng)
        elif drawn < BAD + DUPLICATES and self._earlier:
            feed, content = rng.choice(self._earlier)
            outcome = "duplicate"
        else:
            self._earlier.append((feed, content))
        self._put(self.sources / feed, content)
        self.expected[feed, outcome] += 1

    def _put(self, folder: Path, content: bytes) -> None:
        hidden = folder / f".{self.number}"
        hidden.write_bytes(content)
        hidden.rename(folder / f"{self.number}.json")
