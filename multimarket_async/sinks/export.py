"""Files of one date each, of the domains that declare an export: written atomically, and only where they differ."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from multimarket_async.domains import DatedExport, LoadedDomain
from multimarket_async.errors import CannotContinue, OperationFailed
from multimarket_async.files_io import atomic_write
from multimarket_async.settings import Settings
from multimarket_async.sinks.sink import Access, Generation, Held, Source
from multimarket_async.sinks.star_copy import StarCopy

FOLDER, COPY, HELD, MAPPING = "exports", "exports.duckdb", ".held.json", "mapping.json"
GUIDE = """Files by date in {folder}: <domain>/<date>.csv and, for Elasticsearch and Kibana, <date>.bulk.ndjson.
  curl -X PUT $URL/<index> -H 'Content-Type: application/json' --data-binary @mapping.json
  curl -X POST $URL/_bulk -H 'Content-Type: application/x-ndjson' --data-binary @<date>.bulk.ndjson
A file that is sent again replaces its own documents: their ids are those of its rows."""
TYPES = {
    "text": "keyword",
    "date": "date",
    "timestamptz": "date",
    "boolean": "boolean",
    "bigint": "long",
    "int": "long",
}


class Exports:
    """The files in a folder. What differs from what was written last is known from a copy; it may be deleted."""

    def __init__(self, source: Source) -> None:
        folder = source.settings.data_dir
        self._folder = folder / FOLDER
        self._exports = {domain.name: domain.export for domain in source.domains if domain.export}
        domains = tuple(
            replace(domain, star=domain.export.tables, kpis=()) for domain in source.domains if domain.export
        )
        self._copy = StarCopy(replace(source, domains=domains), folder / COPY if folder.is_dir() else None)

    async def held(self) -> Held | None:
        """The generation of which all files were written."""
        try:
            return Held(**json.loads(await asyncio.to_thread((self._folder / HELD).read_bytes)))
        except (OSError, ValueError, TypeError):
            return None

    async def write(self, generation: Generation) -> None:
        """Write the dates that changed or have no file. Raises OperationFailed, CannotContinue."""
        for domain in self._copy.domains:
            await self._copy.refresh(domain)
            folder = self._folder / domain.name
            for day in await self._due(domain, folder):
                await self._write_day(domain, folder, day)
            await asyncio.to_thread(_write, folder / MAPPING, mapping(self._exports[domain.name]))
            await self._copy.remember(domain, generation.place.ledger)
        await asyncio.to_thread(_write, self._folder / HELD, _json(generation.place._asdict()))

    async def compare(self, generation: Generation) -> AsyncIterator[str]:  # noqa: ARG002 - they follow documents
        """A sentence for each file that is not as the documents give it."""
        for domain in self._copy.domains:
            await self._copy.refresh(domain)
            for day in await self._complete(domain):
                for path, content in (await self._files(domain, self._folder / domain.name, day)).items():
                    if await asyncio.to_thread(_read, path) != content:
                        yield f"{path.name} of {domain.name} is not as the documents give it"

    async def aclose(self) -> None:
        """Close the copy."""
        await self._copy.aclose()

    async def _complete(self, domain: LoadedDomain) -> list[str]:
        """The dates that are over, in order."""
        return sorted([row[0] async for row in self._copy.all(domain, domain.star[1])])

    async def _due(self, domain: LoadedDomain, folder: Path) -> list[str]:
        """The dates that are over, and have other rows than when they were written, or no files."""
        complete, table = await self._complete(domain), domain.star[0]
        missing = {day for day in complete if not all(path.exists() for path in _paths(folder, day))}
        if not await self._copy.mark(domain):
            return complete
        changed = {row[0] async for row in self._copy.changed(domain, table)}
        changed |= {row[0] async for row in self._copy.gone(domain, table)}
        return [day for day in complete if day in missing | changed]

    async def _write_day(self, domain: LoadedDomain, folder: Path, day: str) -> None:
        for path, content in (await self._files(domain, folder, day)).items():
            if await asyncio.to_thread(_read, path) != content:
                await asyncio.to_thread(_write, path, content)

    async def _files(self, domain: LoadedDomain, folder: Path, day: str) -> dict[Path, bytes]:
        """The content of the files of a date."""
        export, table = self._exports[domain.name], domain.star[0]
        rows = [row async for row in self._copy.chosen(domain, table, '"date" = ?', [day])]
        as_csv, bulk = _paths(folder, day)
        return {as_csv: _csv([*table.columns], rows), bulk: b"".join(_bulk(export, rows))}


def _paths(folder: Path, day: str) -> tuple[Path, Path]:
    return folder / f"{day}.csv", folder / f"{day}.bulk.ndjson"


def _csv(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Always the same text of the same rows: UTF-8, LF, nothing for what is missing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return str(value)


def _bulk(export: DatedExport, rows: Sequence[tuple[Any, ...]]) -> Iterator[bytes]:
    """Two lines a row, as the API _bulk takes them; its id is its key."""
    columns = [*export.table.columns]
    keys = [columns.index(name) for name in export.table.key]
    for row in rows:
        action = {"index": {"_index": export.index, "_id": "/".join(_text(row[place]) for place in keys)}}
        source = {name: _plain(value) for name, value in zip(columns, row, strict=True)}
        if source.get("longitude") is not None and source.get("latitude") is not None:
            source["location"] = {"lon": source["longitude"], "lat": source["latitude"]}
        yield _json(action) + _json(source)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else _text(value) if isinstance(value, date) else value


def mapping(export: DatedExport) -> bytes:
    """The mapping of the index."""
    types = {name: {"type": TYPES.get(type_, "double")} for name, type_ in export.table.columns.items()}
    types["date"] = {"type": "date"}
    if {"longitude", "latitude"} <= types.keys():
        types["location"] = {"type": "geo_point"}
    return json.dumps({"mappings": {"properties": types}}, indent=1).encode() + b"\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """Replace a file where it differs. Raises OperationFailed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _read(path) != content:
            atomic_write(path, content)
    except OSError as error:
        raise OperationFailed(f"{path} cannot be written: {error.strerror}") from error


async def opened(source: Source) -> Exports:
    """The files of these settings."""
    return Exports(source)


async def check(settings: Settings) -> str:
    """The folder that it writes to. Raises CannotContinue."""
    folder = settings.data_dir / FOLDER
    if folder.exists() and not folder.is_dir():
        raise CannotContinue(f"{folder} is no folder: move it away.")
    return f"files by date in {folder}"


async def access(settings: Settings) -> Access:
    """The folder, for people."""
    return Access("", GUIDE.format(folder=settings.data_dir / FOLDER))
