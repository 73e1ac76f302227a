"""The application with rules, a webhook and a mail server: real ones, on this machine."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import stamina
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from pymongo.database import Database

from multimarket_async import app
from multimarket_async.app import Application
from multimarket_async.supervised import free_port
from tests.poller.source import Reply, Source, certificate, serving
from tests.sinks.conftest import HASTE, loaded

LOGIN = LoginPassword(b"shop", b"correct horse")
KEY = "0123456789abcdef"


@dataclass
class Mailbox:
    """A mail server. answer: its answer to a whole mail."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answer: str = "250 taken"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - its name there
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.original_content or b"", policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.answer

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: Any, given: Any) -> AuthResult:
        self.logins.append(given.login.decode())
        return AuthResult(success=given == LOGIN, handled=False)


@contextmanager
def mail_server(tmp_path: Path, security: str) -> Iterator[Mailbox]:
    """With this security, and a login where there is one."""
    mailbox, context = Mailbox(free_port(None)), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    given = {
        "starttls": {"tls_context": context, "require_starttls": True, "auth_required": True},
        "tls": {"ssl_context": context, "auth_require_tls": False},
        "none": {},
    }[security]
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=mailbox.port, authenticator=mailbox.authenticate, **given
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@pytest.fixture(autouse=True)
def _without_pauses() -> Iterator[None]:
    """Between retries."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def webhook() -> Iterator[Source]:
    """A receiver that takes everything."""
    with serving() as source:
        source.answers(Reply())
        yield source


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write config/alerts.toml, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    return lambda text: (tmp_path / "config" / "alerts.toml").write_text(text, "utf-8") and None


@pytest.fixture
def given(mongo_uri: str, database: "Database[Any]", tmp_path: Path, webhook: Source) -> dict[str, Any]:
    """Settings of an application with a webhook; a test may add others."""
    place = {"data_dir": tmp_path / "data", "mongo_uri": mongo_uri, "mongo_database": database.name}
    return {**place, **HASTE, "alert_webhook_url": f"{webhook.url}/hooks/hush-hush", "alert_webhook_key": KEY}


@pytest.fixture
async def application(given: dict[str, Any], write: Callable[[str], None]) -> AsyncIterator[Application]:
    """Orders only."""
    async with app.opened(app.workspace(loaded(given))) as opened:
        yield opened
