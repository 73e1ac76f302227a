"""Checks of every request before it is handled, and headers of every response.

Read only; called by one of our host names (against DNS rebinding); with the token if one is set; not too long. Pure
ASGI, so that streams pass through.
"""

import hashlib
import hmac
import ipaddress
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from multimarket_async.readers.http.occurrences import Occurrences
from multimarket_async.readers.http.problems import MEDIA_TYPE, body
from multimarket_async.readers.http.share import WATCHED

log = structlog.get_logger()

METHODS = ("GET", "HEAD", "OPTIONS")
ALLOWED = (("Allow", ", ".join(METHODS)),)
MAX_URL_BYTES, MAX_PATH = 4096, 200
COOKIE = "multimarket"
OPEN = ("/livez",)  # says no more than the open port does
MOST_REQUESTS = 200
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
# A script or a style sheet is no document, to which the others apply: they would be 10 KB of a first visit.
OF_SCRIPTS = tuple(
    header for header in SECURITY if header[0] in (b"x-content-type-options", b"cross-origin-resource-policy")
)
SCRIPTS = (b"text/javascript", b"text/css")


@dataclass(frozen=True)
class Refused(Exception):
    """A request that is answered without being handled."""

    status: HTTPStatus
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


BUSY = (HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests are being answered.", (("Retry-After", "2"),))


async def busy(_: Scope, __: Receive, send: Send) -> None:
    """Refuse a request, whatever it asks for."""
    await _refuse(_with_security(send), Refused(*BUSY))


class Guard:
    """Stands before an ASGI application. hosts: names that clients may call us by, besides localhost and addresses."""

    def __init__(self, app: ASGIApp, token: str | None, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._token = token
        self._hosts = {host.lower() for host in ("localhost", *hosts)}
        self._attempts, self._failures = Occurrences(), Occurrences()
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP and nothing else. HEAD is a GET whose answer ends after its headers."""
        if scope["type"] != "http":
            return
        guarded = _with_security(send)
        try:
            granted = self._admit(scope)
        except Refused as refused:
            await _refuse(guarded, refused)
            return
        if granted:
            await _respond(guarded, HTTPStatus.SEE_OTHER, b"", granted)
        elif scope["method"] == "OPTIONS":
            await _respond(guarded, HTTPStatus.NO_CONTENT, b"", ALLOWED)
        else:
            self._in_flight += 1
            try:
                await self._handle(scope, receive, guarded)
            except Exception as error:  # noqa: BLE001 - it was answered, or its connection is closed
                self._log_failure(scope["path"], error)
            finally:
                self._in_flight -= 1

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> tuple[tuple[str, str], ...] | None:
        """None to go on, or the headers of a redirect. Raises Refused."""
        headers = Headers(scope=scope)
        self._check_shape(scope, headers)
        self._check_host(headers)
        granted = self._check_token(scope, headers)
        if self._in_flight >= MOST_REQUESTS and scope["path"] not in WATCHED:
            raise Refused(*BUSY)
        return granted

    def _check_shape(self, scope: Scope, headers: Headers) -> None:
        if scope["method"] not in METHODS:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Nothing can be written over HTTP.", ALLOWED)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL_BYTES:
            raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"The address has more than {MAX_URL_BYTES} bytes.")
        if headers.get("content-length", "0").strip() not in ("", "0") or "transfer-encoding" in headers:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No request has a body here.")

    def _check_host(self, headers: Headers) -> None:
        """Refuse unknown names: a page could rebind its own DNS name to this address and read the answers."""
        hosts = headers.getlist("host")
        host = _hostname(hosts[0]) if len(hosts) == 1 else ""
        if host not in self._hosts and not _is_address(host):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "Call this server by a name of its own (http_allowed_hosts).")

    def _check_token(self, scope: Scope, headers: Headers) -> tuple[tuple[str, str], ...] | None:
        if self._token is None or scope["path"] in OPEN or self._has_token(headers):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [text for name, text in query if name == "token"]
        if len(given) == 1 and _same(given[0], self._token):
            return self._welcome(scope, [pair for pair in query if pair[0] != "token"])
        if given or "authorization" in headers or _cookie(headers):
            self._log_attempt((scope.get("client") or ("unknown",))[0])
        challenge = (("WWW-Authenticate", 'Bearer realm="multimarket"'),)
        raise Refused(HTTPStatus.UNAUTHORIZED, "Show the token: Authorization: Bearer, or ?token= once.", challenge)

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = self._token or ""
        return (scheme.lower() == "bearer" and _same(given.strip(), token)) or _same(_cookie(headers), _proof(token))

    def _log_attempt(self, address: str) -> None:
        if attempts := self._attempts.count(address):
            log.warning("token.refused", address=address, attempts=attempts)

    def _log_failure(self, path: str, error: Exception) -> None:
        """Log where it happened once a minute: a client that finds a fault could fill the log with it."""
        *_, last = traceback.walk_tb(error.__traceback__)
        if times := self._failures.count((last[0].f_code.co_filename, last[1])):
            log.error("request.failed", path=path[:MAX_PATH], times=times, exc_info=error)

    def _welcome(self, scope: Scope, query: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Redirect to the page without the token, so that no history keeps it; the cookie proves the token."""
        path = "/" + scope["path"].lstrip("/\\")  # //evil.example would redirect to another host
        cookie = f"{COOKIE}={_proof(self._token or '')}; Path=/; HttpOnly; SameSite=Strict"
        location = path if path.isascii() and path.isprintable() else "/"
        return (
            ("Location", location + (f"?{urlencode(query)}" if query else "")),
            ("Set-Cookie", cookie),
            ("Cache-Control", "no-store"),
        )


def _with_security(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [*message.get("headers", ())]
            of_script = any(name == b"content-type" and value.startswith(SCRIPTS) for name, value in given)
            message = {**message, "headers": [*given, *(OF_SCRIPTS if of_script else SECURITY)]}
        await send(message)

    return guarded


def _without_body(send: Send) -> Send:
    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})

    return headers_only


async def _refuse(send: Send, refused: Refused) -> None:
    await _respond(send, refused.status, body(refused.status, refused.detail), refused.headers)


async def _respond(send: Send, status: HTTPStatus, content: bytes, headers: Iterable[tuple[str, str]]) -> None:
    own = {} if status == HTTPStatus.NO_CONTENT else {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(content))}
    encoded = [(name.lower().encode(), text.encode("latin-1")) for name, text in {**own, **dict(headers)}.items()]
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
    """Compare in a time that does not depend on where the two differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
