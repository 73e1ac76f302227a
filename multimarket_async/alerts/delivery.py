"""The task that sends what waits for one receiver: in the order in which it became due, as often as it takes."""

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Protocol

import structlog

from multimarket_async.alerts.mail import Mail
from multimarket_async.alerts.states import Message
from multimarket_async.alerts.webhook import Webhook
from multimarket_async.clock import Clock, beats
from multimarket_async.errors import Unavailable
from multimarket_async.settings import Settings
from multimarket_async.store import AlertMessages, Store
from multimarket_async.tasks import Tasks

log = structlog.get_logger()

TIMEOUT_S = 100.0  # of one message, with its retries: shorter than it is claimed
GIVEN_UP = timedelta(days=3)


class Receiver(Protocol):
    """A place that messages go to. what: a word for it; where: its host, without what may be secret in its address."""

    what: str
    where: str

    async def send(self, message: Message) -> None:
        """Send one message. Raises Unavailable, whose sentence has no secret."""


def receivers(settings: Settings) -> Iterator[Receiver]:
    """The receivers that the settings name."""
    if settings.alert_webhook_url:
        yield Webhook(settings.alert_webhook_url, settings.alert_webhook_key, settings.alert_language)
    if settings.alert_mail_to:
        yield Mail(settings)


class Delivery:
    """The task of a receiver. What it raises is for the caller, who tries again."""

    def __init__(self, receiver: Receiver, store: Store, clock: Clock, tasks: Tasks) -> None:
        self.name = f"alerts by {receiver.what}"
        self._receiver, self._messages, self._clock, self._tasks = receiver, AlertMessages(store), clock, tasks
        self._by = f"{socket.gethostname()} {os.getpid()} {id(self)}"

    async def run(self, every_s: float, stop: asyncio.Event) -> None:
        """Send again and again, until stopped. Raises Unavailable."""
        async for _ in beats(every_s, stop):
            await self.send_waiting()
            self._tasks.works(self.name)

    async def send_waiting(self) -> int:
        """Send all messages that wait; their number. Raises Unavailable."""
        sent = 0
        while document := await self._messages.claim(self._receiver.what, self._by, self._clock.now()):
            message = Message(**{field.name: document[field.name] for field in fields(Message)})
            if self._clock.now() - message.at > GIVEN_UP:
                log.error("alert.given_up", rule=message.rule, kind=message.kind, by=self._receiver.what)
            else:
                await self._send(message, document)
                sent += 1
            await self._messages.end(document, self._clock.now())
        return sent

    async def _send(self, message: Message, document: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._receiver.send(message)
        except (TimeoutError, Unavailable) as why:
            await self._messages.release(document, self._clock.now())
            raise Unavailable(str(why) or f"{self._receiver.where} does not answer in time") from None
        log.info("alert.sent", rule=message.rule, kind=message.kind, by=self._receiver.what)
