"""A guide for people: how each BI tool connects to the warehouse."""

from urllib.parse import urlsplit

TOOLS = {
    "Power BI": "Get data > PostgreSQL database: server {host}:{port}, database {database}; sign in under Database",
    "Excel": "Data > Get Data > From Database > From PostgreSQL Database: the same",
    "Metabase": "Admin > Databases > Add database > PostgreSQL: host, port, database, user; schemas: {schema}",
    "Grafana": "Connections > Data sources > PostgreSQL: host {host}:{port}, database, user; TLS/SSL mode: disable",
    "Superset": "Settings > Database connections > + Database > PostgreSQL: postgresql+psycopg2://{rest}",
    "Tableau": "Connect > To a server > PostgreSQL: server, port, database; authentication: user and password",
    "others": "psql, pandas, Polars, DuckDB and whatever takes a connection string: as it is printed",
}
TABLES = "kpi_<name> is the newest generation, kpi_<name>_history has all that are kept; `kpis` says what each means."


def guide(uri: str, schema: str) -> str:
    """The fields that forms ask for, and the way to the form of each tool. uri: of the reader, with its password."""
    parts = urlsplit(uri)
    fields = {"host": parts.hostname, "port": parts.port, "database": parts.path[1:], "schema": schema}
    user = {"user": parts.username, "password": parts.password}
    form = ", ".join(f"{name} {value}" for name, value in {**fields, **user}.items())
    rest = uri.partition("://")[2]
    lines = (f"  {tool + ':':<10} {way.format(**fields, rest=rest)}" for tool, way in TOOLS.items())
    return "\n".join([f"PostgreSQL, read only: {form}", *lines, f"  {TABLES}"])


def own(place: str, schema: str) -> str:
    """Advice for a server of your own."""
    return (
        f"postgres_uri is set: the warehouse is the schema {schema} at {place}. Give BI tools a user of their own,"
        f" who may read it: GRANT USAGE ON SCHEMA {schema} TO bi; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO bi; "
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO bi;"
    )
