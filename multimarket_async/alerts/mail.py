"""Alerts by mail: Python's own SMTP client, in a thread."""

import asyncio
import smtplib
import ssl
from datetime import UTC
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256

import structlog

from multimarket_async.alerts.states import Message
from multimarket_async.alerts.wording import title, worded
from multimarket_async.errors import Unavailable
from multimarket_async.settings import Settings

log = structlog.get_logger()

TIMEOUT_S = 15.0  # of each answer of the server


class Mail:
    """See `Receiver`."""

    what = "mail"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.where = settings.smtp_host

    async def send(self, message: Message) -> None:
        """Send it to all addresses. Raises Unavailable."""
        try:
            await asyncio.to_thread(self._send, self._mail(message))
        except smtplib.SMTPAuthenticationError:
            raise Unavailable(f"{self.where} does not accept smtp_user and smtp_password") from None
        except smtplib.SMTPRecipientsRefused:
            raise Unavailable(f"{self.where} refuses all addresses of alert_mail_to") from None
        except smtplib.SMTPResponseException as error:  # what the server says may quote addresses
            raise Unavailable(f"{self.where} answers {error.smtp_code}") from None
        except ssl.SSLError as error:
            raise Unavailable(f"{self.where}: the encryption fails: {error.reason or error}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"{self.where}: it cannot be reached ({type(error).__name__})") from None

    def _mail(self, message: Message) -> EmailMessage:
        mail, language = EmailMessage(), self._settings.alert_language
        mail["Subject"] = f"[MultiMarket] {title(message, language)}"
        mail["From"], mail["To"] = self._settings.alert_mail_from, ", ".join(self._settings.alert_mail_to)
        mail["Date"] = format_datetime(message.at.astimezone(UTC))
        mail["Message-ID"] = f"<{sha256(f'{message.id} {message.since}'.encode()).hexdigest()[:32]}@multimarket>"
        mail["Auto-Submitted"] = "auto-generated"  # no answering machine answers (RFC 3834)
        mail.set_content(worded(message, language) + "\n")
        return mail

    def _send(self, mail: EmailMessage) -> None:
        given, context = self._settings, ssl.create_default_context()
        place = (given.smtp_host, given.smtp_port)
        encrypted = given.smtp_security == "tls"
        with (
            smtplib.SMTP_SSL(*place, timeout=TIMEOUT_S, context=context)
            if encrypted
            else smtplib.SMTP(*place, timeout=TIMEOUT_S)
        ) as server:
            if given.smtp_security == "starttls":
                server.starttls(context=context)
            if given.smtp_user and given.smtp_password:
                server.login(given.smtp_user.get_secret_value(), given.smtp_password.get_secret_value())
            refused = server.send_message(mail)
        if refused:
            log.warning("alert.refused", by=self.what, addresses=len(refused))
