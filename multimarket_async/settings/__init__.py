"""Settings: the engine's, and their layers with those of the domains."""

from multimarket_async.settings.engine import Business, LogFormat, MongoDriver, Pace, Settings, Token, Words
from multimarket_async.settings.loading import Loaded, Shown, as_text, fields, load, shown

__all__ = [
    "Business",
    "Loaded",
    "LogFormat",
    "MongoDriver",
    "Pace",
    "Settings",
    "Shown",
    "Token",
    "Words",
    "as_text",
    "fields",
    "load",
    "shown",
]
