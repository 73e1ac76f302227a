"""The HTTP client of one poll: httpx2 asks, stamina retries."""

import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import httpx2
import jiter
import stamina
from pydantic import SecretStr

from multimarket_async.clock import Clock
from multimarket_async.errors import Unavailable
from multimarket_async.poller.secrets import Secrets
from multimarket_async.polling import Refused

for name in ("httpx2", "httpcore2"):
    logging.getLogger(name).setLevel(logging.WARNING)  # else they log URLs and headers, with the keys in them
stamina.instrumentation.set_on_retry_hooks(())  # else it logs each retry of an outage

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
TIMES = httpx2.Timeout(30.0, connect=10.0)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
MOST_REDIRECTS = 5
LARGEST_ERROR_BYTES = 64 << 10
LONGEST_RESET = timedelta(days=1)  # whatever a server says, it is asked once a day
RESET_HEADERS = ("Retry-After", "RateLimit-Reset", "X-RateLimit-Reset")  # the others come with good answers too
EPOCH_FROM_S = 10**9  # a larger number of seconds is an instant, a smaller one a delay


class Client:
    """See `polling.Http`. seen: the validators of the answers so far, as PollState keeps them.

    deadline: of the poll, in seconds of the monotonic clock; a server that wants to rest beyond it is obeyed.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        known: Mapping[str, tuple[str, str]],
        secrets: Secrets,
        clock: Clock,
        *,
        max_bytes: int,
        tries: int,
        deadline: float,
    ) -> None:
        self.seen: dict[str, tuple[str, str]] = {}
        self._http, self._known, self._secrets, self._clock = http, known, secrets, clock
        self._max_bytes, self._tries, self._deadline = max_bytes, tries, deadline

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] = {},
        headers: Mapping[str, str | SecretStr] = {},
        accept: str = "application/json",
    ) -> bytes:
        """See `polling.Http`."""
        return await self._body(self._request(url, params, headers, accept))

    async def get_if_changed(
        self,
        url: str,
        *,
        params: Mapping[str, Any] = {},
        headers: Mapping[str, str | SecretStr] = {},
        accept: str = "application/json",
    ) -> bytes | None:
        """See `polling.Http`."""
        request = self._request(url, params, headers, accept)
        key = self._key(request)
        if key in self._known:
            names = "If-None-Match", "If-Modified-Since"
            request.headers.update({name: value for name, value in zip(names, self._known[key], strict=True) if value})
        try:
            return await self._body(request)
        except Refused as refused:
            if refused.status != httpx2.codes.NOT_MODIFIED or key not in self._known:
                raise
            self.seen[key] = self._known[key]
            return None

    def _request(
        self, url: str, params: Mapping[str, Any], headers: Mapping[str, str | SecretStr], accept: str
    ) -> httpx2.Request:
        if not url.startswith(("https://", "http://")):
            raise ValueError("only http:// and https:// can be polled")
        plain = {name: self._plain(value) for name, value in {"Accept": accept, **headers}.items()}
        address = httpx2.URL(url).copy_merge_params({name: self._plain(value) for name, value in params.items()})
        return self._http.build_request("GET", address, headers=plain)

    def _plain(self, value: Any) -> Any:
        return self._secrets.add(value.get_secret_value()) if isinstance(value, SecretStr) else value

    def _key(self, request: httpx2.Request) -> str:
        return sha256(self._secrets.hide(f"{request.headers['Accept']} {request.url}".encode())).hexdigest()

    async def _body(self, request: httpx2.Request) -> bytes:
        """The body of a successful answer, after retries."""
        host = request.url.host
        try:
            async for attempt in stamina.retry_context(
                self._retried, self._tries, None, wait_initial=FIRST_PAUSE_S, wait_max=LONGEST_PAUSE_S
            ):
                with attempt:
                    response, body = await self._once(request)
        except httpx2.RequestError as error:  # neither its request nor its traceback may be shown
            raise Unavailable(f"{host}: {str(error) or 'no answer'} ({type(error).__name__})") from None
        self._check(response, body, request.headers["Accept"])
        validators = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        if any(validators):
            self.seen[self._key(request)] = validators
        return body

    def _retried(self, error: Exception) -> bool | float:
        """True for what may pass; seconds where the server says when."""
        if isinstance(error, Refused):
            if error.until:
                wait_s = (error.until - self._clock.now()).total_seconds()
                return max(wait_s, 0.0) if self._clock.monotonic() + wait_s < self._deadline else False
            return error.status in RETRIED
        return isinstance(error, httpx2.RequestError) and not _is_final(error)

    async def _once(self, request: httpx2.Request, redirects: int = 0) -> tuple[httpx2.Response, bytes]:
        response = await self._http.send(request, stream=True)
        try:
            if response.next_request is not None:
                next_request = self._redirected(request, response.next_request, redirects)
            elif response.status_code == httpx2.codes.OK:
                return response, await self._read(response, self._max_bytes)
            else:
                raise await self._refused(response)
        finally:
            await response.aclose()
        return await self._once(next_request, redirects + 1)

    def _redirected(self, request: httpx2.Request, target: httpx2.Request, redirects: int) -> httpx2.Request:
        """Only to where the secrets of the request may go."""
        here, there = request.url, target.url
        same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
        upgrade = (here.host, here.scheme, here.port) == (there.host, "http", None) and there.port is None
        if not same and not (upgrade and there.scheme == "https"):
            raise Refused(f"{here.host} redirects to {there.scheme}://{there.host}, which is not followed")
        if redirects == MOST_REDIRECTS:
            raise Refused(f"{here.host} redirects more than {MOST_REDIRECTS} times")
        return target

    async def _read(self, response: httpx2.Response, most: int) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > most:
                raise Refused(f"{response.url.host}: the answer has more than {most} bytes (max_file_bytes)")
        return bytes(body)

    async def _refused(self, response: httpx2.Response) -> Refused:
        try:
            content = await self._read(response, LARGEST_ERROR_BYTES)
        except Refused:
            content = b""
        status = response.status_code
        until = reset_at(status, response.headers, self._clock.now())
        sentence = f"{response.url.host} answers {status} {response.reason_phrase}".rstrip()
        return Refused(sentence, status=status, content=content, until=until)

    def _check(self, response: httpx2.Response, body: bytes, accept: str) -> None:
        host = response.url.host
        if "html" not in accept and response.headers.get("Content-Type", "").startswith("text/html"):
            raise Refused(f"{host} answers with an HTML page instead of {accept}", content=body)
        if accept.endswith("json"):
            try:
                jiter.from_json(body, cache_mode="none")
            except ValueError as error:
                raise Refused(f"{host} answers with what is no JSON: {error}", content=body) from None


def _is_final(error: httpx2.RequestError) -> bool:
    """True for what no retry changes: an untrusted certificate, a broken request."""
    causes: list[BaseException | None] = [error, error.__cause__, error.__context__]
    while (last := causes[-1]) is not None and len(causes) < 10:  # noqa: PLR2004
        causes.append(last.__cause__ or last.__context__)
    untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
    return untrusted or isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError)


def reset_at(status: int, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """The instant from which the server wants to be asked again, at most a day ahead; None if it does not say."""
    names = RESET_HEADERS if status == httpx2.codes.TOO_MANY_REQUESTS else RESET_HEADERS[:1]
    given = (_instant(headers[name].strip(), now) for name in names if name in headers and status in RETRIED)
    at = next((instant for instant in given if instant), None)
    return min(at, now + LONGEST_RESET) if at else None


def _instant(text: str, now: datetime) -> datetime | None:
    """Seconds from now, seconds since 1970, an HTTP date or one of ISO 8601; None for anything else."""
    try:
        if text.isdecimal():
            seconds = min(int(text), 10 * EPOCH_FROM_S)
            since = now if seconds < EPOCH_FROM_S else datetime.fromtimestamp(0, UTC)
            return since + timedelta(seconds=seconds)
        at = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
