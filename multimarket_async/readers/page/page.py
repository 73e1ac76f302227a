"""Routes of the page: its files, the declarations of the domains, and the chart library."""

import asyncio
import contextlib
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from multimarket_async.domains import Kpi, Listing, LoadedDomain
from multimarket_async.files_io import atomic_write, private_folder
from multimarket_async.readers.charts import drawing
from multimarket_async.readers.french import CONDITIONS, OUTAGES, REASONS, SENTENCES
from multimarket_async.readers.http.cache import not_modified
from multimarket_async.readers.page.targets import Targets, targets
from multimarket_async.settings import FILE, Settings

TARGETS = FILE.with_name("targets.toml")

# Revalidated each time (304 if unchanged): else a browser would mix files of two versions.
NO_CACHE = {"Cache-Control": "no-cache"}
# In a process of its own: V8 would keep 150 MiB of this one for ever.
BUNDLE = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle())"


# Of a script: comments that are lines of their own, and indentation. They are a sixth of what is sent.
FOR_READERS = re.compile(rb"^[ \t]*(//[^\n]*|/\*\*.*?\*/)\n|^[ \t]+", re.MULTILINE | re.DOTALL)


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if path.endswith(".js") and isinstance(response, FileResponse):
            script = await asyncio.to_thread(_without_comments, Path(response.path))
            headers = {"ETag": response.headers["etag"]}
            response = Response(script, headers=headers, media_type="text/javascript")
        response.headers.update(NO_CACHE)
        return response


def _without_comments(file: Path) -> bytes:
    return FOR_READERS.sub(b"", file.read_bytes())


def files() -> StaticFiles:
    """An ASGI application: `/` is index.html."""
    return _Files(directory=Path(__file__).with_name("static"), html=True)


def routes(domains: Sequence[LoadedDomain], settings: Settings) -> APIRouter:
    """Routes that are computed: /about.json, /french.json and /vega.js."""
    router, library = APIRouter(include_in_schema=False), Library(settings.data_dir / "cache")
    declarations, words = about(domains, settings), french(domains)

    @router.get("/about.json")
    async def about_json() -> dict[str, Any]:
        return declarations

    @router.get("/french.json")
    async def french_json() -> dict[str, str]:
        return words

    @router.get("/vega.js")
    async def vega_js(request: Request) -> Response:
        return await library.response(request)

    return router


class Library:
    """Vega-Lite's JavaScript: bundled when first asked for, and kept in a folder for the next process."""

    def __init__(self, cache: Path) -> None:
        made_by = version("vl-convert-python")
        self._file = cache / f"vega-{made_by}.js"
        self._headers = {"ETag": f'"{made_by}"', **NO_CACHE}
        self._bundle: asyncio.Task[bytes] | None = None

    async def response(self, request: Request) -> Response:
        """The script, or 304."""
        if unchanged := not_modified(request, self._headers):
            return unchanged
        if self._bundle is None or (self._bundle.done() and self._bundle.exception()):
            self._bundle = asyncio.create_task(_kept(self._file))
        script = await asyncio.shield(self._bundle)  # a client that disconnects does not cancel it for the others
        return Response(script, media_type="text/javascript", headers=self._headers)


async def _kept(file: Path) -> bytes:
    with contextlib.suppress(OSError):
        return await asyncio.to_thread(file.read_bytes)
    script = await _bundled()
    await asyncio.to_thread(_keep, file, script)
    return script


def _keep(file: Path, script: bytes) -> None:
    """Write it atomically; where that fails it is bundled again next time."""
    with contextlib.suppress(OSError):
        private_folder(file.parent)
        atomic_write(file, script)


async def _bundled() -> bytes:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", BUNDLE, stdout=asyncio.subprocess.PIPE)
    script, _ = await child.communicate()
    if child.returncode:
        raise ChildProcessError(f"vl_convert ended with {child.returncode}")
    return script


def about(domains: Sequence[LoadedDomain], settings: Settings, file: Path = TARGETS) -> dict[str, Any]:
    """Declarations for the page besides /api/kpis: time zone, landing directories, dashboards, charts.

    file: of the targets. Raises WrongSettings.
    """
    wanted = targets(file, domains)
    return {
        "timezone": settings.timezone,
        "landing": str(settings.data_dir / "sources"),
        "dashboards": [dashboard for domain in domains for dashboard in _dashboards(domain, wanted)],
        "drawings": {kpi.name: _drawing(kpi) for domain in domains for kpi in domain.kpis},
    }


def french(domains: Sequence[LoadedDomain]) -> dict[str, str]:
    """Words and sentences of the API, and of what the domains declare, in French."""
    own = {text: word for domain in domains for text, word in domain.french.items()}
    return CONDITIONS | OUTAGES | REASONS | SENTENCES | own


def _dashboards(domain: LoadedDomain, targets: Targets) -> list[dict[str, Any]]:
    """Its dashboards as declared, each with its domain and an id for its elements."""
    numbered = enumerate(domain.dashboards, start=1)
    return [
        {
            "id": f"part-{domain.name}" + (f"-{number}" if number > 1 else ""),
            "domain": domain.name,
            **asdict(dashboard),
            "targets": targets.get(domain.name, {}),
            "listing": _listing(domain.listings[0]) if domain.listings else None,
        }
        for number, dashboard in numbered
    ]


def _listing(listing: Listing) -> dict[str, Any]:
    """The columns of a list of documents, and those by which it can be filtered."""
    public = listing.public()
    return {
        "name": listing.name,
        "title": listing.title,
        "columns": [{**asdict(attribute.column), "digits": attribute.column.digits} for attribute in public],
        "filters": [attribute.column.name for attribute in public if attribute.filtered],
    }


def _drawing(kpi: Kpi) -> dict[str, Any] | None:
    chart = drawing(kpi)
    if chart is None:
        return None
    return {
        "kind": chart.kind,
        "x": chart.x.name,
        "y": chart.y.name,
        "series": chart.series.name if chart.series else None,
        "added_up": chart.added_up,
    }
