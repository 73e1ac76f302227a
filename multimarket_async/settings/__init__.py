"""Settings: the engine's, and their layers with those of the domains."""

from multimarket_async.settings.engine import (
    Business,
    EnvironmentKey,
    LogFormat,
    MongoDriver,
    Pace,
    Settings,
    Token,
    Words,
)
from multimarket_async.settings.loading import FILE, Loaded, as_text, fields, load, shown, variable
