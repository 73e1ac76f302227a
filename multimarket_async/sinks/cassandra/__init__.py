"""KPI generations and documents -> Apache Cassandra: the setting `cassandra_hosts`.

Each KPI is a table `kpi_<name>`, a partition of it the rows of one version. The one row of the table `held` says which
generation the keyspace holds, and the version of each KPI that belongs to it: by these a reader sees one generation,
also while the next one is written. Each collection that KPIs read is a table of its name, without what is personal.

Cassandra has no transactions, but it keeps the newest of two writes by their timestamp: those of documents are the
versions of their partitions in MongoDB, so it does not matter who writes what in which order, nor how often.
"""

from multimarket_async.settings import Settings
from multimarket_async.sinks.cassandra.keyspace import Keyspace
from multimarket_async.sinks.cassandra.session import Session
from multimarket_async.sinks.sink import Access, Source

GUIDE = """Cassandra at {place}: `{keyspace}.held` says which version of each KPI belongs to the newest generation.
  cqlsh   SELECT generation, versions FROM {keyspace}.held;
          SELECT * FROM {keyspace}.kpi_top_products WHERE kpi_version = '<its version>';
Give readers a role of their own: GRANT SELECT ON KEYSPACE {keyspace} TO <role>;"""


async def opened(source: Source) -> Keyspace:
    """The keyspace of these settings. Raises WrongSettings."""
    return Keyspace(source, Session(source.settings))


async def check(settings: Settings) -> str:
    """The server and its version."""
    session = Session(settings)
    try:
        [(version,)] = await session.fetch("SELECT release_version FROM system.local")
    finally:
        await session.aclose()
    return f"Cassandra {version} at {session.place} answers"


async def access(settings: Settings) -> Access:
    """The keyspace, for people: drivers of Cassandra know no addresses."""
    return Access("", GUIDE.format(place=Session(settings).place, keyspace=settings.cassandra_keyspace))
