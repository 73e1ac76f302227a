"""Fields in which a record differs from the stored one under its key: their names only, as values may be of people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from multimarket_async.domains import Lifecycle, Table
from multimarket_async.store import Encoded, Exists, Outcome, Store

MOST_NAMES, NAME_CHARS = 20, 60
OURS = frozenset(("_id", "ingestion"))


async def with_differences(
    store: Store, table: Table, documents: Sequence[Encoded], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """The outcomes; those of other content under a stored key name its fields. Only these are looked up."""
    described, clashes = list(outcomes), dict[Any, list[tuple[int, Encoded, Exists]]]()
    if Exists not in map(type, outcomes):
        return described
    for index, (document, outcome) in enumerate(zip(documents, outcomes, strict=True)):
        if (
            isinstance(outcome, Exists)
            and outcome.sha256 != document.sha256
            and table.keeps_first(document.version, outcome.version)
        ):
            clashes.setdefault(document.key, []).append((index, document, outcome))
    if not clashes:
        return described
    async for stored in store.aggregate(table.name, [{"$match": {"_id": {"$in": list(clashes)}}}], raw=True):
        as_delivered = _without_follow_ups(stored, table.lifecycle)
        for index, document, outcome in clashes[stored["_id"]]:
            described[index] = replace(outcome, differs=differing(as_delivered, document.bson, table.computed))
    return described


def _without_follow_ups(stored: Mapping[str, Any], lifecycle: Lifecycle | None) -> Mapping[str, Any]:
    """A stored document in the state in which it was delivered: that event has no source of its own."""
    if not lifecycle or lifecycle.history not in stored:
        return stored
    fields = {name: value for name, value in stored.items() if name != lifecycle.history}
    for event in stored[lifecycle.history]:
        if "ingestion" not in event:
            fields[lifecycle.own_state] = event[lifecycle.state]
    return fields


def differing(stored: Mapping[str, Any], delivered: Mapping[str, Any], computed: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of the fields that differ, in the order of what was delivered; some of them if many."""
    names = [name for name in {**delivered, **stored} if name not in OURS and name not in computed]
    places = (place for name in names for place in _in(stored.get(name), delivered.get(name), name))
    return tuple(dict.fromkeys(place[:NAME_CHARS] for place in places))[:MOST_NAMES]


def _in(stored: Any, delivered: Any, place: str) -> Iterator[str]:
    """The innermost fields that differ: livraison.ville; those of the items of a list have one name."""
    if isinstance(stored, Mapping) and isinstance(delivered, Mapping):
        for name in {**delivered, **stored}:
            yield from _in(stored.get(name), delivered.get(name), f"{place}.{name}")
    elif isinstance(stored, list) and isinstance(delivered, list) and len(stored) == len(delivered):
        for item, other in zip(stored, delivered, strict=True):
            yield from _in(item, other, place)
    elif _aware(stored) != _aware(delivered):
        yield place


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value
