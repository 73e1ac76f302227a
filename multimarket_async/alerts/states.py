"""The state of a rule, and how it changes: when an alert begins, goes on, and ends."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self, TypeAlias

from multimarket_async.alerts.rules import Rule

Kind: TypeAlias = Literal["begun", "goes on", "ended", "test"]


@dataclass(frozen=True)
class Message:
    """One message. id: the same wherever and however often it is made. at: when it became due."""

    id: str
    rule: str
    kind: Kind
    at: datetime
    since: datetime
    sentence: str


@dataclass(frozen=True)
class State:
    """A rule as it was last seen. number: of its alerts so far. met_since: when its condition became true.

    begun_at: the alert goes on since then. reminded: so many reminders were due.
    """

    number: int = 0
    met_since: datetime | None = None
    begun_at: datetime | None = None
    reminded: int = 0
    sentence: str = ""

    @classmethod
    def of(cls, document: dict[str, Any] | None) -> Self:
        """The state in a document of the database."""
        return cls(**{name: document[name] for name in cls.__dataclass_fields__}) if document else cls()

    def document(self) -> dict[str, Any]:
        """The same for the database."""
        return asdict(self)


def following(before: State, name: str, rule: Rule, sentence: str, now: datetime) -> tuple[State, Message | None]:
    """The state after its condition was looked at, and the message that is due. sentence: empty if all is well."""
    if not sentence:
        return State(before.number), _message(before, name, "ended", now) if before.begun_at else None
    since = before.met_since or now
    if before.begun_at is None:
        begins = now - since >= timedelta(minutes=rule.for_minutes)
        state = State(before.number + begins, since, now if begins else None, 0, sentence)
        return state, _message(state, name, "begun", now) if begins else None
    reminded = max(before.reminded, int((now - before.begun_at) / timedelta(hours=rule.remind_hours)))
    state = State(before.number, since, before.begun_at, reminded, sentence)
    return state, _message(state, name, "goes on", now) if reminded > before.reminded else None


def _message(state: State, name: str, kind: Kind, now: datetime) -> Message:
    times = f" {state.reminded}" if kind == "goes on" else ""
    return Message(f"{name} {state.number} {kind}{times}", name, kind, now, state.begun_at or now, state.sentence)
