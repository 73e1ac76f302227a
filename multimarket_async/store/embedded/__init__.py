"""A real mongod as a child process: found, started, shared, watched, stopped."""

from multimarket_async.store.embedded.mongod import find_mongod, is_of_wheel
from multimarket_async.store.embedded.server import EmbeddedServer
