"""Kinds of values: lists, and secrets."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr


def _split(value: Any) -> Any:
    """A list as text, in JSON or separated by commas."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else [word.strip() for word in value.split(",") if word.strip()]


def empty_is_none(value: Any) -> Any:
    """None in place of an empty text: a validator of settings that may be left out."""
    return value or None


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Token(SecretStr):
    """A secret, of which `config show` prints nothing."""


class EnvironmentKey(Token):
    """A key that is taken from the environment only: a file of settings is copied, and kept in repositories."""
