"""Results of a bench: rows with median, spread and target; as a table for people, as JSON for programs."""

import json
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "build" / "bench.json"  # build/ is ignored by git


@dataclass(frozen=True)
class Row:
    """One number, measured several times. at_least, at_most: what its median must reach."""

    measure: str
    name: str
    unit: str
    values: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """None: there is no target."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.median >= self.at_least) and (
            self.at_most is None or self.median <= self.at_most
        )

    @property
    def target(self) -> str:
        least, most = (None if item is None else figure(item) for item in (self.at_least, self.at_most))
        return f"≥ {least}" if least else f"≤ {most}" if most else ""


def ratios(measure: str, name: str, ours: Sequence[float], theirs: Sequence[float], at_least: float) -> Row:
    """Pair by pair, since both of a pair met the same machine."""
    return Row(measure, name, "x", [our / their for our, their in zip(ours, theirs, strict=True)], at_least)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def figure(value: float) -> str:
    """Three digits that count, or the whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> Table:
    """Measure, value, spread, target, met or not."""
    shown = Table("measure", "what", title="medians, and the range of all runs")
    for column in ("value", "spread", "target"):
        shown.add_column(column, justify="right")
    shown.add_column("met")
    for row in rows:
        spread = f"{figure(min(row.values))} to {figure(max(row.values))}" if len(row.values) > 1 else ""
        met = {True: "yes", False: "[red]no[/]", None: ""}[row.met]
        shown.add_row(row.measure, row.name, f"{figure(row.median)} {row.unit}", spread, row.target, met)
    return shown


def write(rows: Iterable[Row], *, quick: bool, file: Path = FILE) -> None:
    """All runs of all rows, and the machine they ran on."""
    file.parent.mkdir(exist_ok=True)
    found = [{**asdict(row), "median": row.median, "met": row.met} for row in rows]
    file.write_text(json.dumps({"machine": machine(), "quick": quick, "rows": found}, indent=1) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """Machine, time and commit; a load of more than the bench itself makes wall times worthless."""
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "load_1_min": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
    }
