"""Follow-ups applied to a document, as stages that MongoDB runs atomically: in any order of arrival, the same result.

A document is a function of the order it was delivered in and of the set of its events:

- `history` is that set, in the order of time, then of the states; the state it was delivered in is one of its events,
  marked by having no `ingestion` of its own. A document without follow-ups has no history.
- its state is that of the last event.
- as long as only follow-ups have come, there is nothing but `history`, in a partition that no KPI reads.
"""

from multimarket_async.collector.reader import EncodedFollowUp
from multimarket_async.domains import Expression, Lifecycle, Stage
from multimarket_async.store import PLACEHOLDER_PARTITION, Change, Encoded

NOTHING = {"$eq": ["$$ROOT", {"_id": "$_id"}]}
IS_PLACEHOLDER = {"$eq": ["$ingestion.partition", PLACEHOLDER_PARTITION]}


def followed_up(follow_up: EncodedFollowUp, life: Lifecycle) -> Change:
    """The event takes its place in the history, unless it is there; the last event says the state."""
    history, event = f"${life.history}", {"$literal": follow_up.event}
    begun = {"$cond": [IS_PLACEHOLDER, [], [_delivered(life, "$$ROOT")]]}
    stages: list[Stage] = [
        {"$set": {"ingestion": {"$cond": [NOTHING, {"partition": PLACEHOLDER_PARTITION}, "$ingestion"]}}},
        {"$set": {life.history: _with(event, {"$ifNull": [history, begun]}, life)}},
        {"$set": {life.own_state: {"$cond": [IS_PLACEHOLDER, "$$REMOVE", _state(history, life)]}}},
    ]
    return Change(follow_up.key, stages)


def joined(document: Encoded, life: Lifecycle) -> Change:
    """The document replaces its placeholder and keeps the history that waited; a stored document stays."""
    whole = {"$literal": document.bson}
    events = _with(_delivered(life, "$$whole"), {"$ifNull": [f"${life.history}", []]}, life)
    changed = {life.history: "$$events", life.own_state: _state("$$events", life)}
    merged = {"$let": {"vars": {"events": events}, "in": {"$mergeObjects": ["$$whole", changed]}}}
    present = {"$let": {"vars": {"whole": whole}, "in": merged}}
    return Change(document.key, [{"$replaceWith": {"$cond": [{"$or": [NOTHING, IS_PLACEHOLDER]}, present, "$$ROOT"]}}])


def _delivered(life: Lifecycle, document: str) -> Expression:
    """The event that the document itself is."""
    return {life.state: f"{document}.{life.own_state}", life.at: f"{document}.{life.own_at}"}


def _state(events: str, life: Lifecycle) -> Expression:
    return {"$let": {"vars": {"last": {"$last": events}}, "in": f"$$last.{life.state}"}}


def _with(event: Expression, events: Expression, life: Lifecycle) -> Expression:
    """These events, in order, and this one in its place, unless it is there."""
    place, new = _place("$$this", life), _place("$$event", life)
    sooner, same, later = (_those(comparison, place, new) for comparison in ("$lt", "$eq", "$gt"))
    here = {"$cond": [{"$eq": [same, []]}, ["$$event"], same]}
    inside = {"$concatArrays": [sooner, here, later]}
    return {"$let": {"vars": {"events": events, "event": event}, "in": inside}}


def _those(comparison: str, place: Expression, new: Expression) -> Expression:
    return {"$filter": {"input": "$$events", "cond": {comparison: [place, new]}}}


def _place(event: str, life: Lifecycle) -> Expression:
    """The sort key of events: time, rank of the state, its name; the document itself comes before a follow-up."""
    rank = {"$indexOfArray": [{"$literal": list(life.states)}, f"{event}.{life.state}"]}
    follows = {"$gt": [f"{event}.ingestion", None]}
    return [f"{event}.{life.at}", rank, f"{event}.{life.state}", follows]
