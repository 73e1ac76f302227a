"""What was seen, as numbers with names; and what a scenario expects of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict

FACTS: Mapping[str, str] = {
    "files": "files received",
    "orders": "good orders received",
    "copies": "second copies received",
    "contradictions": "contradictions received",
    "bad": "bad files received",
    "torn": "files written in two halves",
    "stored": "orders stored",
    "duplicates": "files archived as duplicates",
    "conflicts": "files set aside as conflicts",
    "quarantined": "files set aside, all in all",
    "reasons": "different reasons for it",
    "waiting": "files that still wait",
    "missing": "files missing, at any look",
    "otherwise": "files that became what they must not",
    "max_backlog_files": "files waiting at the same time, at most",
    "p99_s": "longest wait of 99 files in 100, s",
    "max_s": "longest wait, s",
    "breaches": "files that waited longer than promised",
    "waiting_while_away": "files waiting when MongoDB came back",
    "stored_while_away": "files archived while it was away",
    "amount": "revenue in the KPIs",
    "amount_of_orders": "revenue of each good order, once",
    "amount_of_all_files": "revenue if every copy counted",
}
AMOUNTS = frozenset(name for name in FACTS if name.startswith("amount"))


def _known(name: str) -> str:
    if name not in FACTS:
        raise ValueError(f"there is no fact {name}; there are {', '.join(FACTS)}")
    return name


FactName = Annotated[str, AfterValidator(_known)]
Operand: TypeAlias = int | float | FactName


class Bounds(BaseModel):
    """At least, at most or more than a number or another fact; all that are given must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: Operand | None = None
    at_most: Operand | None = None
    more_than: Operand | None = None


Expected: TypeAlias = int | float | FactName | Bounds

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "": lambda seen, wanted: seen == wanted,
    "at least": lambda seen, wanted: seen >= wanted,
    "at most": lambda seen, wanted: seen <= wanted,
    "more than": lambda seen, wanted: seen > wanted,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation and what was seen; texts for people."""

    title: str
    seen: str
    expected: str
    right: bool

    def __str__(self) -> str:
        return f"{self.title}: {self.seen}, expected {self.expected}"


def findings(
    expected: Mapping[str, Expected], facts: Mapping[str, float], shown: Callable[[str, float], str]
) -> Iterator[Finding]:
    """Each expectation, held against the facts; shown(fact, value) writes a value."""
    for name, wanted in expected.items():
        for how, operand in _conditions(wanted):
            value = facts[operand] if isinstance(operand, str) else operand
            text = f"{how} {shown(name, value)}".lstrip()
            source = f" ({FACTS[operand]})" if isinstance(operand, str) else ""
            right = _HOLDS[how](facts[name], value)
            yield Finding(FACTS[name], shown(name, facts[name]), text + source, right)


def _conditions(wanted: Expected) -> Iterator[tuple[str, Operand]]:
    if not isinstance(wanted, Bounds):
        yield "", wanted
        return
    for how, operand in wanted:
        if operand is not None:
            yield how.replace("_", " "), operand
