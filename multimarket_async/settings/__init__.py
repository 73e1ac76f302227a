"""Settings: the engine's, and their layers with those of the domains."""

from multimarket_async.settings.engine import Business, LogFormat, MongoDriver, Pace, Settings, WithPseudonyms
from multimarket_async.settings.loading import FILE, Loaded, as_text, fields, load, shown, variable
from multimarket_async.settings.values import EnvironmentKey, Token, Words, empty_is_none
