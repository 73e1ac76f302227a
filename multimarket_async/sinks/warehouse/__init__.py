"""The warehouse: KPI tables in PostgreSQL, which every BI tool reads; your own server, or an embedded one."""

from multimarket_async.settings import Settings
from multimarket_async.sinks.sink import Access, Source
from multimarket_async.sinks.warehouse import program
from multimarket_async.sinks.warehouse.connection import Postgres
from multimarket_async.sinks.warehouse.guide import guide, own
from multimarket_async.sinks.warehouse.server import EmbeddedPostgres
from multimarket_async.sinks.warehouse.warehouse import Warehouse


async def opened(source: Source) -> Warehouse:
    """The warehouse of these settings, its server started. Raises CannotContinue."""
    settings = source.settings
    if settings.postgres_uri:
        return Warehouse(source, Postgres(settings.postgres_uri.get_secret_value(), [settings.postgres_schema]))
    server = embedded(settings)
    try:
        await server.start()
    except BaseException:
        await server.aclose()
        raise
    return Warehouse(source, Postgres(server.uri, [settings.postgres_schema]), server)


async def check(settings: Settings) -> str:
    """The server and its version; of the embedded one its program."""
    if not settings.postgres_uri:
        return f"embedded PostgreSQL, {program.find('postgres')}"
    postgres = Postgres(settings.postgres_uri.get_secret_value())
    try:
        [row] = await postgres.fetch("SHOW server_version")
    finally:
        await postgres.aclose()
    return f"PostgreSQL {row[0]} at {postgres.place} answers"


async def access(settings: Settings) -> Access:
    """The connection string for BI tools, read only. The embedded server is started."""
    schema = settings.postgres_schema
    if settings.postgres_uri:
        return Access("", own(Postgres(settings.postgres_uri.get_secret_value()).place, schema))
    server = embedded(settings)
    try:
        await server.start()
        return Access(server.reader_uri, guide(server.reader_uri, schema))
    finally:
        await server.aclose()


def embedded(settings: Settings) -> EmbeddedPostgres:
    """The embedded PostgreSQL under the data folder."""
    return EmbeddedPostgres(
        settings.data_dir / "postgres", port=settings.postgres_port, schema=settings.postgres_schema
    )
