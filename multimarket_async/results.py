"""Results of jobs: the interface between the models of domains, the jobs that run them, and the feeds they land in.

A result lands as a CSV file. Each of its rows ends with the evidence for it: what it was computed from and by, and how
good it is by a stated metric beside a baseline, on data that neither was fitted to.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from multimarket_async.columns import Column
from multimarket_async.feeds import Feed, Table
from multimarket_async.formats import Boolean, Csv, Integer, Number, Text
from multimarket_async.formats.columns import Column as Header

Better: TypeAlias = Literal["higher", "lower"]
Rows: TypeAlias = Sequence[Mapping[str, Any]]
DECIMALS = 6
BUDGET_S = 30
SQL_TYPES: dict[type[Header], str] = {Boolean: "BOOLEAN", Integer: "BIGINT", Number: "DOUBLE", Text: "VARCHAR"}


class NotEnough(Exception):
    """Skip: there is too little data for a result. The message says what is missing."""


@dataclass(frozen=True)
class Result:
    """The rows of a job, equal in their names.

    score, baseline_score: of the model and of the baseline, by `metric`; it is better if it is `better`.
    tables: rows of further tables of the job, equal in their names, by the feed that they land in.
    """

    rows: Rows
    metric: str
    score: float
    baseline: str
    baseline_score: float
    better: Better
    tables: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def beats_baseline(self) -> bool:
        """False where the baseline is as good."""
        gain = self.score - self.baseline_score
        return gain > 0 if self.better == "higher" else gain < 0

    def content(self, table: str = "", **origin: str | int) -> bytes:
        """A CSV file: of a further table, or of the job's own. origin: the evidence it does not know: digests, seed."""
        evidence = origin | {name: getattr(self, name) for name in EVIDENCE if name not in origin}
        rows = [
            {name: _rounded(value) for name, value in {**row, **evidence}.items()}
            for row in (self.tables[table] if table else self.rows)
        ]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()


def _rounded(value: Any) -> Any:
    """Floats to so many decimals that the same model gives the same text on every machine."""
    return round(value, DECIMALS) if isinstance(value, float) else value


# Of each column of the evidence how it is read, and its type in SQL.
EVIDENCE = {
    "data_digest": (Text("data_digest"), "VARCHAR"),
    "code_digest": (Text("code_digest"), "VARCHAR"),
    "seed": (Integer("seed"), "BIGINT"),
    "metric": (Text("metric"), "VARCHAR"),
    "score": (Number("score"), "DOUBLE"),
    "baseline": (Text("baseline"), "VARCHAR"),
    "baseline_score": (Number("baseline_score"), "DOUBLE"),
    "beats_baseline": (Boolean("beats_baseline"), "BOOLEAN"),
}
EVIDENCE_TYPES: Mapping[str, str] = {name: type_ for name, (_, type_) in EVIDENCE.items()}
EVIDENCE_COLUMNS = (
    Column("metric", "string", "Metric", role="other"),
    Column("score", "double", "Score"),
    Column("baseline", "string", "Baseline", role="other"),
    Column("baseline_score", "double", "Score of the baseline"),
    Column("beats_baseline", "boolean", "Better than the baseline", role="other"),
    Column("data_digest", "string", "Digest of the data", role="other", hidden=True),
    Column("code_digest", "string", "Digest of the code", role="other", hidden=True),
    Column("seed", "integer", "Seed", role="other", hidden=True),
)
FRENCH = {
    "Metric": "Mesure", "Score": "Score", "Baseline": "Référence", "Score of the baseline": "Score de la référence",
    "Better than the baseline": "Meilleur que la référence", "Digest of the data": "Empreinte des données",
    "Digest of the code": "Empreinte du code", "Seed": "Graine",
}  # fmt: skip


def result_file(columns: Mapping[str, Any]) -> Csv:
    """The format of a feed of results. columns: its own, by header, before those of the evidence."""
    return Csv({**columns, **{name: column for name, (column, _) in EVIDENCE.items()}}, decimal=".")


@dataclass(frozen=True)
class ResultTable:
    """A table of results, and the feed that they land in.

    columns: its own, by header, before those of the evidence. key: the columns that no two rows agree in.
    mode: of the feed: a file is the whole table, or a newer row replaces an older one. person: as in `Table`.
    """

    name: str
    columns: Mapping[str, Header]
    key: tuple[str, ...]
    mode: Literal["replace", "upsert"] = "replace"
    person: str = ""

    @cached_property
    def file(self) -> Csv:
        """The format of its files."""
        return result_file(self.columns)

    @property
    def headers(self) -> tuple[str, ...]:
        """All of its columns."""
        return tuple(self.file.columns)

    @property
    def types(self) -> dict[str, str]:
        """Its columns with their types in SQL."""
        return {**{name: SQL_TYPES[type(column)] for name, column in self.columns.items()}, **EVIDENCE_TYPES}

    def feed(self) -> Feed:
        """The feed: a file is stored as a whole or not."""
        return Feed(
            self.name,
            Table(self.name, self.mode, person=self.person),
            self.file.reader(lambda row: {"_id": "/".join(str(row[key]) for key in self.key), **row}),
            (".csv",),
            records="many",
            self_delimiting=False,
            latency_budget_s=BUDGET_S,
        )

    def check(self) -> str:
        """A statement for the table `<name>_rows` of what was received, for `Received`."""
        typed = ", ".join(f"{column}::{type_} AS {column}" for column, type_ in self.types.items())
        newest = f"WHERE version = (SELECT max(version) FROM {self.name})"  # noqa: S608 - a name that a domain declares
        whole = newest if self.mode == "replace" else ""
        return f"""
CREATE TABLE {self.name}_rows AS SELECT {typed} FROM {self.name} {whole}
QUALIFY row_number() OVER (PARTITION BY {", ".join(self.key)} ORDER BY version DESC, "row" DESC) = 1;
"""  # noqa: S608 - names that a domain declares


def result_columns(kind: type[Header], *names: str) -> dict[str, Header]:
    """Columns of one type, under their own names."""
    return {name: kind(name) for name in names}
