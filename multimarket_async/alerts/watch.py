"""The task that evaluates the rules, and notes messages that are due."""

import asyncio
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import structlog

from multimarket_async.alerts.conditions import Observer
from multimarket_async.alerts.rules import Rules
from multimarket_async.alerts.states import Message, State, following
from multimarket_async.clock import Clock, beats
from multimarket_async.errors import OperationFailed
from multimarket_async.store import AlertMessages, AlertStates, Store
from multimarket_async.tasks import Tasks

log = structlog.get_logger()


class Watch:
    """See `Keeper` of sinks: what it raises is for the caller, who tries again. receivers: their names."""

    name = "alerts"

    def __init__(
        self, rules: Rules, observer: Observer, store: Store, clock: Clock, *, receivers: Collection[str], tasks: Tasks
    ) -> None:
        self._rules, self._observer, self._clock = rules, observer, clock
        self._states, self._messages = AlertStates(store), AlertMessages(store)
        self._receivers, self._tasks = receivers, tasks

    async def run(self, every_s: float, stop: asyncio.Event) -> None:
        """Look again and again, until stopped. Raises Unavailable, OperationFailed."""
        async for _ in beats(every_s, stop):
            await self.look()
            self._tasks.works(self.name)
            if not self._rules:
                return

    async def look(self) -> None:
        """Evaluate every rule. Raises Unavailable; OperationFailed in the end where one cannot be evaluated."""
        found, wrong = await self._observer.look(self._rules) if self._rules else ({}, [])
        states = await self._states.all()
        for name in states.keys() - self._rules.keys():  # removed from the file: nothing says that it ended
            await self._write(name, State(states[name]["number"]), states[name])
        for name, sentence in found.items():
            if sentence is not None:
                await self._follow(name, sentence, states.get(name, {}))
        await self._messages.expire(self._clock.now())
        if wrong:
            raise OperationFailed("; ".join(wrong))

    async def _follow(self, name: str, sentence: str, document: dict[str, Any]) -> None:
        """The message is noted first: after a death in between, it is due again, and there already."""
        before = State.of(document)
        after, message = following(before, name, self._rules[name], sentence, self._clock.now())
        if message:
            _log(message)
            noted = {**asdict(message), "_id": message.id}
            await self._messages.insert(noted, self._receivers, message.at)
        await self._write(name, after, document)

    async def _write(self, name: str, after: State, document: dict[str, Any]) -> None:
        if after != State.of(document):
            await self._states.write(name, after.document(), document.get("version", 0))


def _log(message: Message) -> None:
    rule, since, sentence = message.rule, message.since.isoformat(), message.sentence
    if message.kind == "ended":
        log.info("alert.ended", rule=rule, since=since, sentence=sentence)
    else:
        log.warning(
            "alert.begun" if message.kind == "begun" else "alert.repeated", rule=rule, since=since, sentence=sentence
        )
