"""Result of a comparison with manifests, and its report."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 20  # differences


@dataclass
class Comparison:
    """Result of a comparison with manifests.

    known: manifests of other runs, whose files are no surprise. killed: manifests without a last line. files,
    documents: number compared. undelivered: files that a killed run announced and did not deliver. unnamed: files and
    documents that no manifest names, by feed or collection; example: one such file. kpis: those compared. differences:
    the first ones; wrong: the number of all.
    """

    generation: int
    manifests: list[Path]
    known: list[Path] = field(default_factory=list)
    killed: list[Path] = field(default_factory=list)
    files: int = 0
    documents: int = 0
    undelivered: int = 0
    unnamed: Counter[str] = field(default_factory=Counter)
    example: str = ""
    kpis: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    wrong: int = 0

    @property
    def right(self) -> bool:
        """No difference, and nothing that could not be compared."""
        return not self.wrong and not self.unnamed

    def add(self, difference: str) -> None:
        """Count one more difference."""
        self.wrong += 1
        if len(self.differences) < SHOWN:
            self.differences.append(difference)


def report(comparison: Comparison) -> Iterator[str]:
    """Sentences for people; the last one says whether everything is right."""
    for path in comparison.killed:
        yield f"{path} has no last line: its run was killed, or still runs. The files that it names are compared."
    if comparison.undelivered:
        yield f"{comparison.undelivered:,} files were announced by a run that was killed before it delivered them."
    if comparison.unnamed:
        total = f"{comparison.unnamed.total():,}"
        counts = ", ".join(f"{place} {number:,}" for place, number in comparison.unnamed.items())
        example = f", for example {comparison.example}" if comparison.example else ""
        yield f"No manifest given names {total} files or documents: {counts}{example}. So KPIs were not compared."
        yield "If other runs delivered them, name their manifests too (all: --manifest all)."
    yield from (f"WRONG {difference}" for difference in comparison.differences)
    if comparison.wrong > len(comparison.differences):
        yield f"WRONG and {comparison.wrong - len(comparison.differences):,} more differences"
    yield from summary(comparison)


def summary(comparison: Comparison) -> Iterator[str]:
    """The sentence for a comparison without differences; about KPIs only if they could be compared."""
    if not comparison.wrong:
        files = f"{comparison.files - comparison.undelivered:,} files are where the manifest says"
        documents = f"{comparison.documents:,} documents are as they were delivered"
        kpis = f"{len(comparison.kpis)} KPIs of generation {comparison.generation} agree to the cent"
        yield f"Right: {files}, {documents}, and {kpis}." if comparison.kpis else f"{files}, and {documents}."
