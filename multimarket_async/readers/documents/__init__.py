"""The documents of the package at `/docs/`, rendered from their Markdown: nothing is fetched from elsewhere."""

from multimarket_async.readers.documents.documents import routes
