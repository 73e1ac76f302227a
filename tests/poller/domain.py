"""A subject area that polls, in processes of the command line: stations and their weather, of the API at $API."""

import os
from pathlib import Path

DECLARATION = '''
"""Stations."""
import json
import os

from multimarket_async.domains import Answer, Domain, Feed, LoadedDomain, Poll, Table
from multimarket_async.settings import Business, Token


class StationSettings(Business):
    """Settings of the stations."""

    api_key: Token | None = None


def read(file):
    return json.loads(file.content)


def source(path, settings):
    async def fetch(http, at, saved):
        body = await http.get_if_changed(os.environ["API"] + path, params={"key": settings.api_key})
        if body is not None:
            yield Answer(path.strip("/"), body)
    return Poll(60, fetch)


def declare(settings):
    tables = Table("stations"), Table("weather")
    feeds = tuple(
        Feed(table.name, table, read, records="many", poll=source(f"/{table.name}", settings)) for table in tables
    )
    return LoadedDomain("stations", feeds, ())


STATIONS = Domain("stations", StationSettings, declare)
'''
# Every process starts with this: a folder more is searched for domains.
SITE = "import multimarket_async.domains as domains; domains.__path__.append({folder!r})\n"
KEY = "a-key-of-the-api"


def environment(folder: Path, url: str) -> dict[str, str]:
    """Of a process that knows this domain too."""
    package = folder / "domains" / "stations"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(DECLARATION)
    (folder / "sitecustomize.py").write_text(SITE.format(folder=str(folder / "domains")))
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return {
        **os.environ,
        "PYTHONPATH": path,
        "API": url,
        "MULTIMARKET_DOMAINS": "orders,stations",
        "MULTIMARKET_STATIONS_API_KEY": KEY,
    }
