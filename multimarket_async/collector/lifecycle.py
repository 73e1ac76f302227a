"""Follow-ups applied to a document, as stages that MongoDB runs atomically: in any order of arrival, the same result.

A document is a function of the order it was delivered in and of the set of its events:

- `history` is that set, in the order of time, then of the states; the state it was delivered in is one of its events,
  marked by having no `ingestion` of its own. A document without follow-ups has no history.
- its state is that of the last event.
- as long as only follow-ups have come, there is nothing but `history`, in a partition that no KPI reads.
- where an event is new, the document moves to the partition that its writer fills.
"""

from multimarket_async.domains import Expression, Lifecycle, Stage
from multimarket_async.records import EncodedFollowUp
from multimarket_async.store import PLACEHOLDER_PARTITION, Change, Encoded

NOTHING = {"$eq": ["$$ROOT", {"_id": "$_id"}]}
IS_PLACEHOLDER = {"$eq": ["$ingestion.partition", PLACEHOLDER_PARTITION]}


def followed_up(follow_up: EncodedFollowUp, lifecycle: Lifecycle) -> Change:
    """The event takes its place in the history, unless it is there; the last event says the state."""
    history, event = f"${lifecycle.history}", {"$literal": follow_up.event}
    begun = {"$cond": [IS_PLACEHOLDER, [], [_delivered(lifecycle, "$$ROOT")]]}
    stays = {"$or": [IS_PLACEHOLDER, _is_in(event, {"$ifNull": [history, []]}, lifecycle)]}
    moved = {"$cond": [stays, "$ingestion.partition", {"$literal": follow_up.partition}]}
    events = _with(event, {"$ifNull": [history, begun]}, lifecycle)
    stages: list[Stage] = [
        {"$set": {"ingestion": {"$cond": [NOTHING, {"partition": PLACEHOLDER_PARTITION}, "$ingestion"]}}},
        {"$set": {lifecycle.history: events, "ingestion.partition": moved}},
        {"$set": {lifecycle.own_state: {"$cond": [IS_PLACEHOLDER, "$$REMOVE", _state(history, lifecycle)]}}},
    ]
    return Change(follow_up.key, stages)


def joined(document: Encoded, lifecycle: Lifecycle) -> Change:
    """The document replaces its placeholder and keeps the history that waited; a stored document stays."""
    whole = {"$literal": document.bson}
    events = _with(_delivered(lifecycle, "$$whole"), {"$ifNull": [f"${lifecycle.history}", []]}, lifecycle)
    changed = {lifecycle.history: "$$events", lifecycle.own_state: _state("$$events", lifecycle)}
    merged = {"$let": {"vars": {"events": events}, "in": {"$mergeObjects": ["$$whole", changed]}}}
    present = {"$let": {"vars": {"whole": whole}, "in": merged}}
    return Change(document.key, [{"$replaceWith": {"$cond": [{"$or": [NOTHING, IS_PLACEHOLDER]}, present, "$$ROOT"]}}])


def _delivered(lifecycle: Lifecycle, document: str) -> Expression:
    """The event that the document itself is."""
    return {lifecycle.state: f"{document}.{lifecycle.own_state}", lifecycle.at: f"{document}.{lifecycle.own_at}"}


def _state(events: str, lifecycle: Lifecycle) -> Expression:
    return {"$let": {"vars": {"last": {"$last": events}}, "in": f"$$last.{lifecycle.state}"}}


def _with(event: Expression, events: Expression, lifecycle: Lifecycle) -> Expression:
    """These events, in order, and this one in its place, unless it is there."""
    place, new = _place("$$this", lifecycle), _place("$$event", lifecycle)
    sooner, same, later = (_those(comparison, place, new) for comparison in ("$lt", "$eq", "$gt"))
    here = {"$cond": [{"$eq": [same, []]}, ["$$event"], same]}
    inside = {"$concatArrays": [sooner, here, later]}
    return {"$let": {"vars": {"events": events, "event": event}, "in": inside}}


def _is_in(event: Expression, events: Expression, lifecycle: Lifecycle) -> Expression:
    same = _those("$eq", _place("$$this", lifecycle), _place("$$event", lifecycle))
    return {"$let": {"vars": {"events": events, "event": event}, "in": {"$ne": [same, []]}}}


def _those(comparison: str, place: Expression, new: Expression) -> Expression:
    return {"$filter": {"input": "$$events", "cond": {comparison: [place, new]}}}


def _place(event: str, lifecycle: Lifecycle) -> Expression:
    """The sort key of events: time, rank of the state, its name; the document itself comes before a follow-up."""
    rank = {"$indexOfArray": [{"$literal": list(lifecycle.states)}, f"{event}.{lifecycle.state}"]}
    follows = {"$gt": [f"{event}.ingestion", None]}
    return [f"{event}.{lifecycle.at}", rank, f"{event}.{lifecycle.state}", follows]
