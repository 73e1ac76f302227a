"""Tables of documents in the lake and in Cassandra: the collections that they hold, and the columns of their facts."""

from collections.abc import Sequence

from multimarket_async.domains import Facts, LoadedDomain, Value, facts_of


def tables_of(domain: LoadedDomain) -> list[Facts]:
    """The collections that KPIs, and jobs on Spark, read, each with all facts that are declared of it, by their tables.

    Of those whose table the domain declares, what it declares.
    """
    own = {table.of.collection: (table.name, [table.of]) for table in domain.lake if isinstance(table.of, Facts)}
    by_collection: dict[str, list[Facts]] = {}
    for facts in (*domain.facts, *_of_jobs(domain)):
        by_collection.setdefault(facts.collection, []).append(facts)
    read = {name: (name, declared) for name, declared in by_collection.items()}
    return [_together(name, declared) for name, declared in sorted((read | own).values())]


def column_of(facts: Facts, field: str, table: Facts) -> str:
    """The column of the table for a field of these facts."""
    value, known = facts.fields[field], table.fields[field]
    return field if (known.path, known.type) == (value.path, value.type) else f"{facts.name}_{field}"


def _of_jobs(domain: LoadedDomain) -> list[Facts]:
    inputs = (each for job in domain.jobs if job.engine == "spark" for each in job.inputs.values())
    return [facts for each in inputs for facts in facts_of(each.reads)]


def _together(name: str, declared: Sequence[Facts]) -> Facts:
    """All fields, each nullable: a document of ours is in the lake whatever it lacks."""
    fields: dict[str, Value] = {}
    for facts in declared:
        for field, value in facts.fields.items():
            known = fields.get(field, value)
            place = field if (known.path, known.type) == (value.path, value.type) else f"{facts.name}_{field}"
            fields[place] = Value(value.path, value.type, nullable=True)
    event = next((facts.event for facts in declared if facts.event), "")
    return Facts(name, declared[0].collection, fields, event=event)
