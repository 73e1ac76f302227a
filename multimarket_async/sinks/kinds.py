"""The sinks that there are, and the packages that each needs."""

import asyncio
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from multimarket_async.domains import LoadedDomain
from multimarket_async.errors import CannotContinue, WrongSettings, did_you_mean
from multimarket_async.extras import install_command, installed
from multimarket_async.settings import Settings
from multimarket_async.sinks.sink import Access, Sink, Source
from multimarket_async.store import EXPORTS


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of sink. name: of its extra, which installs these packages. module: its code."""

    name: str
    packages: tuple[str, ...]
    module: str

    async def opened(self, source: Source) -> Sink:
        """A sink of this kind. Raises CannotContinue, Unavailable."""
        self.require()
        sink: Sink = await (await self._imported()).opened(source)
        return sink

    async def check(self, settings: Settings) -> str:
        """The place that it writes to, in words. Raises CannotContinue, Unavailable."""
        self.require()
        return str(await (await self._imported()).check(settings))

    async def access(self, settings: Settings) -> Access:
        """The way of those who only read. Raises as `check` does."""
        self.require()
        access: Access = await (await self._imported()).access(settings)
        return access

    async def _imported(self) -> ModuleType:
        """Its code, which takes a moment to import: the event loop turns meanwhile."""
        return await asyncio.to_thread(importlib.import_module, self.module)

    def require(self) -> None:
        """Raises CannotContinue where its packages are not installed."""
        if not installed(self.packages):
            install = install_command(self.name)
            raise CannotContinue(f"The sink {self.name} needs packages that are not installed here: {install}")


_ALL = (
    Kind("warehouse", ("asyncpg",), f"{__package__}.warehouse"),
    Kind("lake", ("deltalake", "obstore"), f"{__package__}.lake"),
    Kind("cassandra", ("acsylla",), f"{__package__}.cassandra"),
)
_EXPORTS = Kind(EXPORTS, (), f"{__package__}.export")
KINDS = {kind.name: kind for kind in _ALL}


def chosen(settings: Settings, domains: Iterable[LoadedDomain] = ()) -> list[Kind]:
    """The sinks that are on: those of the settings, and the files that these domains export. Raises WrongSettings."""
    for name in settings.sinks:
        if name not in KINDS:
            raise WrongSettings(f"There is no sink {name}; there are: {', '.join(KINDS)}.{did_you_mean(name, KINDS)}")
    exports = [_EXPORTS] if any(domain.export for domain in domains) else []
    return [*(KINDS[name] for name in dict.fromkeys(settings.sinks)), *exports]
