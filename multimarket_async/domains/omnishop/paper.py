"""The diagram of the report, made from the declarations, and the slides, made from the report.

`python -m multimarket_async.domains.omnishop.paper` writes both beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from multimarket_async.domains import LoadedDomain, facts_of
from multimarket_async.domains.omnishop import OMNISHOP

FOLDER = Path(__file__).parent
REPORT, DIAGRAM, SLIDES = (FOLDER / name for name in ("report.md", "report.svg", "slides.html"))
WIDTH, HEIGHT, GAP, COLUMN, TOP = 190, 24, 6, 270, 50
COLUMNS = ("Sources (fichiers)", "MongoDB (tables)", "Indicateurs (SQL)", "Modèles (tâches)", "Résultats (fichiers)")
STYLE = "font:12px sans-serif"
PAGE = """<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><title>OmniShop</title><style>
html {{ scroll-snap-type: y mandatory; font: 26px/1.4 sans-serif; color: #222 }}
section {{ min-height: 100vh; box-sizing: border-box; padding: 6vh 8vw; scroll-snap-align: start }}
h2 {{ color: #1f4e79; margin: 0 0 0.6em }} svg {{ width: 100%; max-height: 78vh }} li {{ margin: 0.4em 0 }}
</style></head><body>
{sections}
</body></html>
"""


class Box(NamedTuple):
    """A name in a column of the diagram, and the names in columns before it that it reads."""

    name: str
    column: int
    reads: Sequence[str] = ()


def boxes(domain: LoadedDomain) -> list[Box]:
    """Everything that is declared."""
    results = {feed for job in domain.jobs for feed in job.feeds}
    sources = [feed for feed in domain.feeds if feed.name not in results]
    return [
        *(Box(f"{feed.name}/", 0) for feed in sources),
        *(Box(feed.name, 1, (f"{feed.name}/",)) for feed in sources),
        *(Box(kpi.name, 2, sorted({facts.collection for facts in kpi.facts})) for kpi in domain.kpis),
        *(Box(f"{job.name} ({job.packages[0]})", 3, _read_by(domain, job.name)) for job in domain.jobs),
        *(Box(name, 4, [f"{job.name} ({job.packages[0]})" for job in domain.jobs if name in job.feeds])
          for name in sorted(results)),
    ]  # fmt: skip


def _read_by(domain: LoadedDomain, name: str) -> list[str]:
    job = next(job for job in domain.jobs if job.name == name)
    reads = [read for each in job.inputs.values() for read in each.reads]
    return sorted({facts.collection for facts in facts_of(reads)})


def diagram(domain: LoadedDomain) -> str:
    """The architecture as SVG."""
    placed: dict[tuple[int, str], tuple[int, int]] = {}
    drawn = boxes(domain)
    for column in range(len(COLUMNS)):
        for row, box in enumerate(each for each in drawn if each.column == column):
            placed[column, box.name] = (10 + column * COLUMN, TOP + row * (HEIGHT + GAP))
    height = max(y for _, y in placed.values()) + HEIGHT + 20
    body = [*_titles(), *_lines(drawn, placed), *_boxes(placed)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMN * len(COLUMNS)} {height}" style="{STYLE}">\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _titles() -> Iterator[str]:
    for column, title in enumerate(COLUMNS):
        yield f'<text x="{10 + column * COLUMN}" y="30" font-weight="bold">{escape(title)}</text>'


def _lines(drawn: Sequence[Box], placed: Mapping[tuple[int, str], tuple[int, int]]) -> Iterator[str]:
    for box in drawn:
        x, y = placed[box.column, box.name]
        for (column, name), (left, top) in placed.items():
            if name in box.reads and column < box.column:
                x1, y1, y2 = left + WIDTH, top + HEIGHT // 2, y + HEIGHT // 2
                yield f'<path d="M{x1} {y1} C{x1 + 40} {y1} {x - 40} {y2} {x} {y2}" fill="none" stroke="#9bb"/>'


def _boxes(placed: Mapping[tuple[int, str], tuple[int, int]]) -> Iterator[str]:
    for (_, name), (x, y) in placed.items():
        yield (
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="#eef4f8" stroke="#1f4e79"/>'
            f'<text x="{x + 6}" y="{y + 16}">{escape(name)}</text>'
        )


def slides(report: str, drawing: str) -> str:
    """A page a section of the report: what it says behind `>`; the diagram where the report shows it."""
    sections = [part for part in report.split("\n## ")[1:] if "\n> " in part or "](report.svg)" in part]
    return PAGE.format(sections="\n".join(_slide(part, drawing) for part in sections))


def _slide(part: str, drawing: str) -> str:
    title, _, body = part.partition("\n")
    points = [escape(line[2:]) for line in body.splitlines() if line.startswith("> ")]
    listed = "".join(f"<li>{point}</li>" for point in points)
    shown = drawing if "](report.svg)" in body else ""
    return f"<section><h2>{escape(title)}</h2><ul>{listed}</ul>{shown}</section>"


def written() -> dict[Path, str]:
    """The files and what is in them."""
    drawing = diagram(OMNISHOP.declare(OMNISHOP.settings.model_validate({})))
    return {DIAGRAM: drawing, SLIDES: slides(REPORT.read_text("utf-8"), drawing)}


if __name__ == "__main__":
    for path, content in written().items():
        path.write_text(content, "utf-8")
