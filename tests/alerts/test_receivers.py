"""Receivers and the command line: a real mail server, with encryption and a login, and a real webhook."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from multimarket_async.alerts import receivers
from multimarket_async.alerts.states import Message
from multimarket_async.clock import Clock
from multimarket_async.errors import Unavailable
from multimarket_async.settings import Settings
from tests.alerts.conftest import KEY, LOGIN, mail_server
from tests.commands import Done, typed
from tests.poller.source import Reply, Source

NOW = Clock().now()
MESSAGE = Message("few 1 begun", "few", "begun", NOW, NOW, "3 files of the last hour were late")
MAIL = {"alert_mail_to": ("boss@example.org", "shop@example.org"), "smtp_host": "127.0.0.1"}
SECRET = {"smtp_user": LOGIN.login.decode(), "smtp_password": LOGIN.password.decode()}


async def send(**given: Any) -> None:
    [receiver] = receivers(Settings.model_validate(given))
    await receiver.send(MESSAGE)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_goes_out_encrypted_and_with_a_login(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the language of the settings; answering machines stay silent."""
    with mail_server(tmp_path, security) as mailbox:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        await send(**MAIL, **SECRET, smtp_port=mailbox.port, smtp_security=security, alert_language="fr")
    [mail] = mailbox.mails
    assert mailbox.logins == ["shop"]
    assert mail["To"] == "boss@example.org, shop@example.org"
    assert mail["Subject"] == "[MultiMarket] Alerte few : elle commence"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == [
        "Alerte few : elle commence.",
        "3 fichiers de la dernière heure étaient en retard.",
        f"Depuis le {NOW:%Y-%m-%d %H:%M} UTC.",
    ]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_unknown_certificate_gets_no_password(security: str, tmp_path: Path) -> None:
    with mail_server(tmp_path, security) as mailbox:
        with pytest.raises(Unavailable, match=r"^127\.0\.0\.1: the encryption fails: CERTIFICATE_VERIFY_FAILED"):
            await send(**MAIL, **SECRET, smtp_port=mailbox.port, smtp_security=security)
        assert (mailbox.mails, mailbox.logins) == ([], [])


async def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**SECRET, "smtp_password": "hush-hush"}
    with mail_server(tmp_path, "starttls") as mailbox:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with pytest.raises(Unavailable) as refused:
            await send(**MAIL, **wrong, smtp_port=mailbox.port)
    assert str(refused.value) == "127.0.0.1 does not accept smtp_user and smtp_password"


async def test_a_server_that_refuses_or_is_away_is_unavailable(tmp_path: Path) -> None:
    """Its words may quote addresses: its code is enough."""
    with mail_server(tmp_path, "none") as mailbox:
        mailbox.answer = "451 boss@example.org is on holiday"
        given = {**MAIL, "smtp_port": mailbox.port, "smtp_security": "none"}
        with pytest.raises(Unavailable, match=r"^127\.0\.0\.1 answers 451$"):
            await send(**given)
    with pytest.raises(Unavailable, match=r"^127\.0\.0\.1: it cannot be reached \(ConnectionRefusedError\)$"):
        await send(**given)


async def test_a_webhook_is_asked_again_where_that_may_help(webhook: Source) -> None:
    """Three times; a redirection is no answer, and is not followed."""
    url = f"{webhook.url}/hush-hush"
    webhook.answers(Reply(status=503), Reply(status=429), Reply(status=204))
    await send(alert_webhook_url=url)
    assert len({asked.body for asked in webhook.asked}) == 1
    assert "X-MultiMarket-Signature" not in webhook.asked[0].headers
    webhook.answers(Reply(status=302, headers={"Location": "/elsewhere"}))
    with pytest.raises(Unavailable, match=r"^127\.0\.0\.1: it answers 302 Found$"):
        await send(alert_webhook_url=url)
    assert webhook.paths == ["/hush-hush"] * 4


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"alert_webhook_url": "hush-hush"}, "expected an address that begins with https:// or http://"),
        ({"alert_mail_to": "boss"}, "'boss' is no mail address"),
        ({"alert_mail_from": "a b@c"}, "'a b@c' is no mail address"),
        ({"alert_mail_to": "a@b\nBcc: c@d"}, "is no mail address"),
        ({"smtp_user": "shop"}, "smtp_user and smtp_password belong together"),
        ({"smtp_user": "a", "smtp_password": "hush-hush", "smtp_security": "none"}, "set starttls or tls"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(given)


def test_the_command_tries_receivers_without_a_database(
    tmp_path: Path, webhook: Source, write: Callable[[str], None]
) -> None:
    """It names what fails; the address is no part of it."""

    def run(*words: str, **settings: str) -> Done:
        names = {f"MULTIMARKET_{name.upper()}": value for name, value in settings.items()}
        return typed(tmp_path, names, "alerts", *words)

    write("")
    assert run("--test").stderr == "error: Alerts have no receiver: set alert_webhook_url or alert_mail_to.\n"
    both = {"alert_webhook_url": f"{webhook.url}/hush-hush", "alert_webhook_key": KEY, "alert_mail_to": "a@example.org"}
    with mail_server(tmp_path, "none") as mailbox:
        place = {"smtp_host": "127.0.0.1", "smtp_port": str(mailbox.port), "smtp_security": "none"}
        done = run("--test", **both, **place)
        assert (done.returncode, done.stdout) == (0, "webhook: a test was sent\nmail: a test was sent\n")
        assert mailbox.mails[0]["Subject"] == "[MultiMarket] Alert test: test"
    done = run("--test", **both, **place)
    assert done.returncode == 3
    assert done.stdout.splitlines()[1] == "mail: 127.0.0.1: it cannot be reached (ConnectionRefusedError)"
    assert "hush-hush" not in done.stdout + done.stderr
    write('[a]\nwhen = "late"\nover = 1\n')
    done = run("--test", **both)
    assert (done.returncode, done.stderr) == (2, "error: config/alerts.toml: [a] over: this rule has no such key\n")
    assert not os.path.exists(tmp_path / "data")  # noqa: PTH110 - it may not even be a folder


def test_once_lists_what_goes_on(
    given: dict[str, Any], tmp_path: Path, webhook: Source, write: Callable[[str], None]
) -> None:
    """With 3 where a receiver does not get it."""
    names = {f"MULTIMARKET_{name.upper()}": str(value) for name, value in given.items()}
    (tmp_path / "data" / "sources").mkdir(parents=True)
    for feed in ("site_web", "application_mobile", "boutique_physique"):
        (tmp_path / "data" / "sources" / feed).mkdir()
    write('[a]\nwhen = "late"\n')
    assert typed(tmp_path, names, "alerts", "--once").stdout == "No alert goes on.\nalerts by webhook: 0 sent\n"
    write('[a]\nwhen = "source_away"\nfeeds = ["site_web"]\nminutes = 5\n')
    os.utime(tmp_path / "data" / "sources" / "site_web", (1_700_000_000, 1_700_000_000))
    webhook.answers(Reply(status=404))
    done = typed(tmp_path, {**names, "LANG": "fr_FR.UTF-8"}, "alerts", "--once")
    assert done.returncode == 3
    first, second = done.stdout.splitlines()
    assert first.startswith("Alerte a depuis le 20")
    assert first.endswith(" : rien n'est arrivé pour site_web depuis le 2023-11-14 22:13 UTC.")
    assert second == "alertes par webhook : 127.0.0.1 : réponse 404 Not Found"
