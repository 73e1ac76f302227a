"""The numbers, the documents and the flow over HTTP: read only, in the event loop of `run`.

Imported by processes that serve only: FastAPI takes a fifth of a second to load.
"""

from multimarket_async.readers.http.sources import Sources
