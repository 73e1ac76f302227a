"""Results of jobs: the interface between the models of domains, the jobs that run them, and the feeds they land in.

A result lands as a CSV file. Each of its rows ends with the evidence for it: what it was computed from and by, and how
good it is by a stated metric beside a baseline, on data that neither was fitted to.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from multimarket_async.columns import Column
from multimarket_async.formats import Boolean, Csv, Integer, Number, Text

Better: TypeAlias = Literal["higher", "lower"]
DECIMALS = 6


class NotEnough(Exception):
    """Skip: there is too little data for a result. The message says what is missing."""


@dataclass(frozen=True)
class Result:
    """The rows of a job, equal in their names.

    score, baseline_score: of the model and of the baseline, by `metric`; it is better if it is `better`.
    """

    rows: Sequence[Mapping[str, Any]]
    metric: str
    score: float
    baseline: str
    baseline_score: float
    better: Better

    @property
    def beats_baseline(self) -> bool:
        """False where the baseline is as good."""
        gain = self.score - self.baseline_score
        return gain > 0 if self.better == "higher" else gain < 0

    def content(self, **origin: str | int) -> bytes:
        """A CSV file. origin: the columns of the evidence that the job does not know: digests and seed."""
        evidence = origin | {name: getattr(self, name) for name in EVIDENCE if name not in origin}
        rows = [{name: _rounded(value) for name, value in {**row, **evidence}.items()} for row in self.rows]
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
