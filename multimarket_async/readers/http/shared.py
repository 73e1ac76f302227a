"""Answers that are the same for all who ask within half a second: made for the first, and sent again to the others."""

from collections.abc import Hashable
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARED_FOR_S = 0.5
MOST_ANSWERS, MOST_BYTES = 256, 1 << 17
NO_STORE = (b"cache-control", b"no-store")
NEGOTIATED = (b"accept", b"accept-encoding", b"if-none-match", b"if-range", b"range")


@dataclass(frozen=True)
class Answer:
    """The two messages of an answer that is sent as a whole."""

    until: float
    start: Message
    body: Message


class Shared:
    """Stands before an application. Answers in pieces, of `no-store`, large ones and faults of ours are not shared."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: dict[Hashable, Answer] = {}

    def expire(self) -> None:
        """Make every answer anew; one that is being made is not shared."""
        self._answers = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, or have it made."""
        key, answers, now = _key(scope), self._answers, monotonic()
        answer = answers.get(key)
        if answer and now < answer.until:
            await send(answer.start)
            await send(answer.body)
            return
        first: list[Message] = []  # messages: a stream has no end

        async def recorded(message: Message) -> None:
            first.extend([message][: 2 - len(first)])
            await send(message)

        await self._app(scope, receive, recorded)
        if len(first) == len(("start", "body")) and _is_same_for_all(*first):
            _keep(answers, key, Answer(now + SHARED_FOR_S, *first))


def _key(scope: Scope) -> Hashable:
    negotiated = tuple(header for header in scope["headers"] if header[0] in NEGOTIATED)
    return scope["path"], scope["query_string"], negotiated


def _is_same_for_all(start: Message, body: Message) -> bool:
    whole = not body.get("more_body") and len(body.get("body", b"")) <= MOST_BYTES
    return whole and start["status"] < HTTPStatus.INTERNAL_SERVER_ERROR and NO_STORE not in start["headers"]


def _keep(answers: dict[Hashable, Answer], key: Hashable, answer: Answer) -> None:
    answers.pop(key, None)
    answers[key] = answer
    if len(answers) > MOST_ANSWERS:
        del answers[next(iter(answers))]
