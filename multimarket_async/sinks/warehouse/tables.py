"""The tables of a warehouse, as SQL: each row of a KPI from which generation to which, and views of these.

kpi_<name>           the rows of the generation that is held
kpi_<name>_history   the rows of every generation that is kept
kpi_<name>_versions  behind both: a row that does not change is there once
"""

from collections.abc import Sequence

from multimarket_async.domains import Kpi, digest
from multimarket_async.sinks.columns import Cell, cells
from multimarket_async.sinks.warehouse.connection import literal, quoted

FORMAT = 1  # of all tables; one of another format is made anew
LONGEST = 63 - len("kpi_") - len("_versions")  # PostgreSQL keeps 63 bytes of a name
CONTEXT = ("generation", "computed_at", "as_of")
ENGINE = """
CREATE TABLE IF NOT EXISTS held (ledger text NOT NULL, generation bigint NOT NULL, format int NOT NULL);
CREATE TABLE IF NOT EXISTS generations (
  generation bigint PRIMARY KEY, computed_at timestamptz NOT NULL, as_of timestamptz NOT NULL, failed text[] NOT NULL);
CREATE TABLE IF NOT EXISTS kpis (
  name text PRIMARY KEY, domain text NOT NULL, title text NOT NULL, unit text NOT NULL, definition text NOT NULL,
  generation bigint NOT NULL, computed_at timestamptz NOT NULL, as_of timestamptz NOT NULL, rows bigint NOT NULL,
  error text, digest text NOT NULL, declared text NOT NULL);
"""
COMMENTS = {
    "held": "The generation that this warehouse holds, of which ledger.",
    "generations": "The generations that the _history views show; failed: KPIs without rows of their own in it.",
    "kpis": "Every KPI; where error is not null its rows are as of an earlier generation, or there are none.",
}


def named(kpi: str, suffix: str = "") -> str:
    """The name of a view or table of a KPI; a long one is cut, as PostgreSQL would, but stays a name of its own."""
    return f"kpi_{kpi}{suffix}" if len(kpi) <= LONGEST else f"kpi_{kpi[: LONGEST - 13]}_{digest(kpi)}{suffix}"


def versions(kpi: Kpi) -> str:
    """The name of the table behind both views."""
    return named(kpi.name, "_versions")


def staged(kpi: Kpi) -> str:
    """The name of a temporary table for new rows, another one for other columns."""
    return f"new_{kpi.name[: LONGEST - 13]}_{declared(kpi)}"


def declared(kpi: Kpi) -> str:
    """A digest of the columns."""
    return digest([FORMAT, [[cell.name, cell.type, cell.nullable] for cell in cells(kpi)]])


def created(kpi: Kpi) -> list[str]:
    """Statements that create the table and its views; an earlier one goes, with its rows."""
    columns = cells(kpi)
    name, now, history = (quoted(named(kpi.name, suffix)) for suffix in ("_versions", "", "_history"))
    typed = [f"{quoted(cell.name)} {cell.type}{'' if cell.nullable else ' NOT NULL'}" for cell in columns]
    keys = '"_key" text NOT NULL, "_from" bigint NOT NULL, "_to" bigint'
    return [
        f"DROP TABLE IF EXISTS {name} CASCADE",
        f'CREATE TABLE {name} ({", ".join([keys, *typed])}, PRIMARY KEY ("_key", "_from"))',
        f'CREATE UNIQUE INDEX ON {name} ("_key") WHERE "_to" IS NULL',
        (
            f"CREATE VIEW {now} AS SELECT {_shown(columns, 'k')} FROM {name} v CROSS JOIN kpis k"
            f' WHERE k.name = {literal(kpi.name)} AND v."_to" IS NULL'
        ),
        (
            f"CREATE VIEW {history} AS SELECT {_shown(columns, 'g')} FROM {name} v JOIN generations g"
            f' ON g.generation >= v."_from" AND (v."_to" IS NULL OR g.generation < v."_to")'
            f" WHERE {literal(kpi.name)} <> ALL (g.failed)"
        ),
        *(f"COMMENT ON VIEW {view} IS {literal(f'{kpi.title}. {kpi.definition}')}" for view in (now, history)),
        *(
            f"COMMENT ON COLUMN {view}.{quoted(column.name)} IS {literal(f'{column.title} {column.unit}'.strip())}"
            for view in (now, history)
            for column in kpi.columns
        ),
    ]


def _shown(columns: Sequence[Cell], context: str) -> str:
    names = [cell.name for cell in columns]
    more = [f"{context}.{name}" for name in CONTEXT if name not in names]
    return ", ".join([*(f"v.{quoted(name)}" for name in names), *more])


def removed(name: str) -> str:
    """The statement that removes the table and the views of a KPI."""
    return f"DROP TABLE IF EXISTS {quoted(named(name, '_versions'))} CASCADE"


def staging(kpi: Kpi) -> str:
    """The statement that creates the temporary table, which is empty after each transaction."""
    columns = ", ".join(['"_key" text', *(f"{quoted(cell.name)} {cell.type}" for cell in cells(kpi))])
    return f"CREATE TEMPORARY TABLE IF NOT EXISTS {quoted(staged(kpi))} ({columns}) ON COMMIT DELETE ROWS"


def ended(kpi: Kpi) -> str:
    """The statement that ends, with generation $1, the rows that are not among the new ones."""
    equal = " AND ".join(['n."_key" = v."_key"', *(f"n.{name} IS NOT DISTINCT FROM v.{name}" for name in _names(kpi))])
    return (
        f'UPDATE {quoted(versions(kpi))} v SET "_to" = $1 WHERE v."_to" IS NULL'
        f" AND NOT EXISTS (SELECT FROM {quoted(staged(kpi))} n WHERE {equal})"
    )


def begun(kpi: Kpi) -> str:
    """The statement that adds, from generation $1 on, the new rows that are not there."""
    columns = ", ".join(['"_key"', *_names(kpi)])
    return (
        f'INSERT INTO {quoted(versions(kpi))} ("_from", {columns}) SELECT $1, {columns} FROM {quoted(staged(kpi))} n'
        f' WHERE NOT EXISTS (SELECT FROM {quoted(versions(kpi))} v WHERE v."_to" IS NULL AND v."_key" = n."_key")'
    )


def pruned(kpi: Kpi) -> str:
    """The statement that removes rows that no kept generation has."""
    return (
        f'DELETE FROM {quoted(versions(kpi))} v WHERE v."_to" IS NOT NULL AND NOT EXISTS'
        f' (SELECT FROM generations g WHERE g.generation >= v."_from" AND g.generation < v."_to")'
    )


def _names(kpi: Kpi) -> list[str]:
    return [quoted(cell.name) for cell in cells(kpi)]
