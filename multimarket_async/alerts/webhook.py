"""Alerts by HTTP POST: JSON, signed where there is a key. `text` is what chats show, such as Slack and Mattermost."""

import hmac
import json
import logging
from urllib.parse import urlsplit

import httpx2
import stamina
from pydantic import SecretStr

from multimarket_async.alerts.states import Message
from multimarket_async.alerts.wording import title, worded
from multimarket_async.errors import Unavailable

for name in ("httpx2", "httpcore2"):
    logging.getLogger(name).setLevel(logging.WARNING)  # else they log addresses, which may hold a secret
stamina.instrumentation.set_on_retry_hooks(())  # else it logs each retry of an outage

SIGNATURE = "X-MultiMarket-Signature"
TRIES, FIRST_PAUSE_S, LONGEST_PAUSE_S = 3, 0.5, 5.0
TIMES = httpx2.Timeout(10.0)
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"it answers {response.status_code} {response.reason_phrase}".rstrip())
        self.status = response.status_code


class Webhook:
    """See `Receiver`."""

    what = "webhook"

    def __init__(self, url: SecretStr, key: SecretStr | None, language: str) -> None:
        self._url, self._key, self._language = url.get_secret_value(), key, language
        self.where = urlsplit(self._url).hostname or "the webhook"

    async def send(self, message: Message) -> None:
        """Post it, three times where that may help. Raises Unavailable."""
        body = self._body(message)
        headers = {"Content-Type": "application/json", "User-Agent": "MultiMarket", **self._signed(body)}
        tries = stamina.retry_context(
            _may_pass, attempts=TRIES, timeout=None, wait_initial=FIRST_PAUSE_S, wait_max=LONGEST_PAUSE_S
        )
        try:
            async with httpx2.AsyncClient(timeout=TIMES, trust_env=False) as client:
                async for attempt in tries:
                    with attempt:
                        _check(await client.post(self._url, content=body, headers=headers))
        except Refused as why:
            raise Unavailable(f"{self.where}: {why}") from None
        except (httpx2.RequestError, httpx2.InvalidURL) as error:  # neither its address nor its traceback is shown
            raise Unavailable(f"{self.where}: it cannot be reached ({type(error).__name__})") from None

    def _body(self, message: Message) -> bytes:
        facts = {
            "id": message.id,
            "rule": message.rule,
            "state": message.kind,
            "at": message.at.isoformat(),
            "since": message.since.isoformat(),
            "sentence": message.sentence,
            "title": title(message, self._language),
            "text": worded(message, self._language),
        }
        return json.dumps(facts, ensure_ascii=False).encode()

    def _signed(self, body: bytes) -> dict[str, str]:
        if not self._key:
            return {}
        return {SIGNATURE: "sha256=" + hmac.new(self._key.get_secret_value().encode(), body, "sha256").hexdigest()}


def _check(response: httpx2.Response) -> None:
    if not response.is_success:
        raise Refused(response)


def _may_pass(error: Exception) -> bool:
    return error.status in RETRIED if isinstance(error, Refused) else isinstance(error, httpx2.RequestError)
