"""Settings of those who are alerted: a webhook, and people by mail."""

from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from multimarket_async.settings.values import EnvironmentKey, Token, Words, empty_is_none


class Receivers(BaseModel):
    """Part of the engine's settings."""

    alert_webhook_url: Token | None = Field(None, description="address that alerts are posted to, as JSON; empty: none")
    alert_webhook_key: EnvironmentKey | None = Field(
        None, description="key of their signature (HMAC-SHA-256), from the environment only; empty: they have none"
    )
    alert_mail_to: Words = Field((), description="addresses that alerts are mailed to")
    alert_mail_from: str = Field("multimarket@localhost", min_length=1, description="sender of these mails")
    alert_language: Literal["en", "fr"] = Field("en", description="language of alerts: en or fr")
    smtp_host: str = Field("localhost", min_length=1, description="mail server that takes the mails")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port; 465 is usual with tls, 25 with none")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="encryption on the way to it: starttls, tls from the first byte, or none"
    )
    smtp_user: EnvironmentKey | None = Field(
        None, description="name for its login, from the environment only; empty: without login"
    )
    smtp_password: EnvironmentKey | None = Field(None, description="password for its login, from the environment only")

    _none_if_empty = field_validator(
        "alert_webhook_url", "alert_webhook_key", "smtp_user", "smtp_password", mode="before"
    )(empty_is_none)

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_http(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("expected an address that begins with https:// or http://")
        return url

    @field_validator("alert_mail_to", "alert_mail_from")
    @classmethod
    def _are_addresses(cls, given: Any) -> Any:
        for address in (given,) if isinstance(given, str) else given:
            if "@" not in address or not address.isprintable() or " " in address:
                raise ValueError(f"{address!r} is no mail address")
        return given

    @model_validator(mode="after")
    def _logs_in_safely(self) -> "Receivers":
        if bool(self.smtp_user) != bool(self.smtp_password):
            raise ValueError("smtp_user and smtp_password belong together: set both, or neither")
        if self.smtp_user and self.smtp_security == "none":
            raise ValueError("smtp_security = 'none' would send the password as it is: set starttls or tls")
        return self
