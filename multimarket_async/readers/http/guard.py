"""What every request passes before anything reads it, and what every response carries.

Read only; called by a name of ours (DNS rebinding); with the token where there is one; not too long, not too often,
not too many at a time. Pure ASGI, so that streams pass through.
"""

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from multimarket_async.readers.http.problems import MEDIA_TYPE, body

METHODS = ("GET", "HEAD", "OPTIONS")
ALLOWED = (("Allow", ", ".join(METHODS)),)
COOKIE = "multimarket"
OPEN = ("/livez",)  # that the process lives its port says already
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, or all together, may ask for. burst: requests at once, refilled with rate_per_s."""

    url_bytes: int = 4096
    at_once: int = 200
    rate_per_s: float = 100.0
    burst: int = 2000
    clients: int = 1024


@dataclass(frozen=True)
class Refused(Exception):
    """Not even looked at."""

    status: HTTPStatus
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


class Guard:
    """Stands before an ASGI application. names: by which clients may call us, besides localhost and IP addresses."""

    def __init__(
        self,
        app: ASGIApp,
        token: str | None,
        names: Iterable[str] = (),
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._token = token
        self._names = {name.lower() for name in ("localhost", *names)}
        self._limits = limits or Limits()
        self._rates = Rates(self._limits, monotonic)
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it; nothing but HTTP is served."""
        if scope["type"] != "http":
            return
        guarded = _with_security(send)
        try:
            granted = self._admit(scope)
        except Refused as refused:
            await _respond(guarded, refused.status, body(refused.status, refused.detail), refused.headers)
            return
        if granted:
            await _respond(guarded, HTTPStatus.SEE_OTHER, b"", granted)
        elif scope["method"] == "OPTIONS":
            await _respond(guarded, HTTPStatus.NO_CONTENT, b"", ALLOWED)
        else:
            await self._pass_on(scope, receive, guarded)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """HEAD is a GET whose answer ends after its headers."""
        self._active += 1
        try:
            if scope["method"] == "HEAD":
                await self._app({**scope, "method": "GET"}, receive, _without_body(send))
            else:
                await self._app(scope, receive, send)
        finally:
            self._active -= 1

    def _admit(self, scope: Scope) -> tuple[tuple[str, str], ...] | None:
        """None to go on, or the headers of a redirect. Raises Refused."""
        headers = Headers(scope=scope)
        self._check_form(scope, headers)
        self._check_host(headers)
        self._check_rate(scope)
        return self._check_token(scope, headers)

    def _check_form(self, scope: Scope, headers: Headers) -> None:
        if scope["method"] not in METHODS:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Nothing can be written over HTTP.", ALLOWED)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.url_bytes:
            raise Refused(
                HTTPStatus.REQUEST_URI_TOO_LONG, f"The address has more than {self._limits.url_bytes} characters."
            )
        if headers.get("content-length", "0").strip() not in ("", "0") or "transfer-encoding" in headers:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No request has a body here.")

    def _check_host(self, headers: Headers) -> None:
        """A name that a stranger's DNS leads here would let his page read what we answer; an address cannot lie."""
        hosts = headers.getlist("host")
        host = _hostname(hosts[0]) if len(hosts) == 1 else ""
        if host not in self._names and not _is_address(host):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "Call this server by a name of its own (http_allowed_hosts).")

    def _check_rate(self, scope: Scope) -> None:
        client = (scope.get("client") or ("",))[0]
        if self._active >= self._limits.at_once:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at the same time.", (("Retry-After", "1"),)
            )
        if not self._rates.allow(client):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests from this address.", (("Retry-After", "1"),))

    def _check_token(self, scope: Scope, headers: Headers) -> tuple[tuple[str, str], ...] | None:
        if self._token is None or scope["path"] in OPEN or self._is_known(headers):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [text for name, text in query if name == "token"]
        if len(given) == 1 and _same(given[0], self._token):
            return self._welcome(scope, [pair for pair in query if pair[0] != "token"])
        challenge = (("WWW-Authenticate", 'Bearer realm="multimarket"'),)
        raise Refused(HTTPStatus.UNAUTHORIZED, "Show the token: Authorization: Bearer, or ?token= once.", challenge)

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = self._token or ""
        return (scheme.lower() == "bearer" and _same(given.strip(), token)) or _same(_cookie(headers), _proof(token))

    def _welcome(self, scope: Scope, query: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """To the same page without the token, which then stands in no history; the cookie proves it and is not it."""
        path = "/" + scope["path"].lstrip("/\\")  # else //evil.example would lead away
        cookie = f"{COOKIE}={_proof(self._token or '')}; Path=/; HttpOnly; SameSite=Strict"
        location = path if path.isascii() and path.isprintable() else "/"
        return (
            ("Location", location + (f"?{urlencode(query)}" if query else "")),
            ("Set-Cookie", cookie),
            ("Cache-Control", "no-store"),
        )


class Rates:
    """A bucket of requests a client; of the clients that were there last."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, client: str) -> bool:
        """Whether this client has a request left; it is taken."""
        now = self._monotonic()
        left, at = self._left.pop(client, (float(self._limits.burst), now))
        left = min(self._limits.burst, left + (now - at) * self._limits.rate_per_s)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        while len(self._left) > self._limits.clients:
            self._left.popitem(last=False)
        return allowed


def _with_security(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            known = {name.lower() for name, _ in given}
            own = [(name.lower().encode(), text.encode()) for name, text in SECURITY.items()]
            message = {**message, "headers": [*given, *(one for one in own if one[0] not in known)]}
        await send(message)

    return guarded


def _without_body(send: Send) -> Send:
    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})

    return headers_only


async def _respond(send: Send, status: HTTPStatus, content: bytes, headers: Iterable[tuple[str, str]]) -> None:
    about = {} if status == HTTPStatus.NO_CONTENT else {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(content))}
    told = {**about, **dict(headers)}
    encoded = [(name.lower().encode(), text.encode("latin-1")) for name, text in told.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})
    await send({"type": "http.response.body", "body": content})


def _hostname(host: str) -> str:
    """Without the port."""
    name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _proof(token: str) -> str:
    return hmac.new(token.encode(), b"multimarket cookie", hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    """In a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
