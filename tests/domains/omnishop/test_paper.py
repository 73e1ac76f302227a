"""The report has what the exercise asks for, and its diagram and slides are those of today's declarations."""

from multimarket_async.domains.omnishop.paper import REPORT, written

# The deliverables and their parts, as the exercise lists them.
HEADINGS = (
    "Introduction", "Description de l'architecture proposée", "Schéma architectural", "Ingestion", "Stockage",
    "Traitement", "Consommation", "Justification des choix architecturaux", "Les paradigmes", "Les technologies",
    "La réponse à chaque besoin", "Gestion des données", "Gouvernance", "Sécurité", "Qualité", "Conformité",
    "Considérations opérationnelles", "Scalabilité", "Résilience", "Monitoring", "Coûts", "Conclusion", "perspectives",
)  # fmt: skip


def test_every_part_of_the_exercise_is_in_the_report() -> None:
    text = REPORT.read_text("utf-8")
    headings = "\n".join(line for line in text.splitlines() if line.startswith(("#", "**")))
    assert [heading for heading in HEADINGS if heading not in headings] == []


def test_diagram_and_slides_are_made_of_what_is_declared() -> None:
    """`python -m multimarket_async.domains.omnishop.paper` makes them anew."""
    assert {path.name for path, content in written().items() if path.read_text("utf-8") != content} == set()
