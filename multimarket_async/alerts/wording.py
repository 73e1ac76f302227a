"""Messages in words."""

from multimarket_async.alerts.states import Message
from multimarket_async.readers.language import ENGLISH, FRENCH, Language

LANGUAGES = {"en": ENGLISH, "fr": FRENCH}


def title(message: Message, language: str) -> str:
    """A line: the alert, and if it begins or ends."""
    return LANGUAGES[language].say(f"Alert {message.rule}: {message.kind}")


def worded(message: Message, language: str) -> str:
    """All of it."""
    said: Language = LANGUAGES[language]
    since = f"Since {message.since:%Y-%m-%d %H:%M} UTC."
    if message.kind == "ended":
        since = f"From {message.since:%Y-%m-%d %H:%M} to {message.at:%Y-%m-%d %H:%M} UTC."
    sentence = said.say(f"{message.sentence}.")
    return f"{title(message, language)}.\n{sentence[:1].upper()}{sentence[1:]}\n{said.say(since)}"
