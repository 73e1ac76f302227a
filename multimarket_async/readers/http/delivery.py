"""Requests as clients write them, and answers as they want them: addresses made plain, parts of files, compression."""

import re
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CACHE_BUSTERS = frozenset(("_", "_t", "_ts", "_dc", "cb", "nocache"))
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
COMPRESSION = 6  # 9 takes three times as long, and saves two percent


def delivered(app: ASGIApp) -> ASGIApp:
    """The application with all of this."""
    return GZipMiddleware(Ranges(Plain(app)), compresslevel=COMPRESSION)


class Plain:
    """Takes from an address what only keeps caches away, and a slash at the end of a path of the API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on the plain address."""
        path = scope["path"]
        if path.startswith("/api/"):
            scope = {**scope, "path": path.rstrip("/"), "query_string": _without_busters(scope["query_string"])}
        await self._app(scope, receive, send)


def _without_busters(query: bytes) -> bytes:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept = [(name, text) for name, text in pairs if name not in CACHE_BUSTERS]
    return query if len(kept) == len(pairs) else urlencode(kept).encode()


class Ranges:
    """Sends the part of an answer that is asked for (RFC 9110, one range); answers in pieces are sent as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the body of an answer whose length is known."""
        headers = Headers(scope=scope)
        await self._app(scope, receive, _Cut(send, headers).send if scope["type"] == "http" else send)


class _Cut:
    """One answer. asked: the headers of its request."""

    def __init__(self, send: Send, asked: Headers) -> None:
        self._send = send
        self._asked = asked
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        """Hold the start back until the length of the body is known."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start:
            start, self._start = self._start, None
            start, message = self._part(start, message)
            await self._send(start)
        await self._send(message)

    def _part(self, start: Message, body: Message) -> tuple[Message, Message]:
        """The start and the body of the answer, or of the part of it that is asked for."""
        headers = MutableHeaders(raw=list(start["headers"]))
        content = body.get("body", b"")
        whole = start["status"] == 200 and headers.get("content-length") == str(len(content))  # noqa: PLR2004
        if not whole or "etag" not in headers:
            return start, body
        headers["accept-ranges"] = "bytes"
        if self._asked.get("if-range", headers["etag"]) != headers["etag"]:
            return {**start, "headers": headers.raw}, body
        found = _range(self._asked.get("range", ""), len(content))
        if found is None:
            return {**start, "headers": headers.raw}, body
        part = content[found.start : found.stop]
        place = f"{found.start}-{found.stop - 1}" if part else "*"
        headers["content-range"] = f"bytes {place}/{len(content)}"
        headers["content-length"] = str(len(part))
        return {**start, "status": 206 if part else 416, "headers": headers.raw}, {**body, "body": part}


def _range(asked: str, length: int) -> range | None:
    """The bytes that one range asks for, none where there are none; None for no range, or several."""
    found = RANGE.fullmatch(asked.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last so many
        return range(max(0, length - int(last)), length)
    end = min(int(last) + 1, length) if last else length
    return range(int(first), end) if int(first) < end else range(0)
