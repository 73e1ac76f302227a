"""Reviews by category."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.omnishop import columns
from multimarket_async.domains.omnishop.facts import PRODUCTS, SOCIAL
from multimarket_async.domains.omnishop.settings import OmniSettings

QUERY = """
SELECT coalesce(category, 'unknown') AS category, count(*) AS reviews, sum(stars)::BIGINT AS stars,
  amount(half_up(100 * sum(stars), count(*))) AS mean_stars, count(*) FILTER (stars <= 2) AS bad
FROM posts LEFT JOIN products USING (product) WHERE kind = 'review' AND stars IS NOT NULL GROUP BY ALL ORDER BY category
"""
CHECK = """
SELECT coalesce((SELECT category FROM good_products p WHERE p.product = s.product), 'unknown') AS category,
  count(*) AS reviews, sum(stars)::BIGINT AS stars, amount(half_up(100 * sum(stars), count(*))) AS mean_stars,
  count(*) FILTER (stars <= 2) AS bad
FROM good_social s WHERE kind = 'review' AND stars IS NOT NULL GROUP BY category ORDER BY category
"""


def kpi(_: OmniSettings) -> Kpi:
    """Reviews by category."""
    return Kpi(
        name="omni_reviews",
        title="Reviews by category",
        unit="reviews",
        definition=(
            "Reviews of products by category: their number, the mean of their stars, and how many have one or two."
        ),
        reads=(SOCIAL, PRODUCTS),
        columns=(
            columns.CATEGORY,
            Column("reviews", "integer", "Reviews", "reviews"),
            Column("stars", "integer", "Stars of all", hidden=True),
            Column("mean_stars", "double", "Mean of stars", nullable=True, of=("stars", "reviews")),
            Column("bad", "integer", "With one or two stars", "reviews"),
        ),
        query=QUERY,
        check=CHECK,
        french={
            "Reviews by category": "Avis par catégorie",
            "Reviews": "Avis",
            "reviews": "avis",
            "Stars of all": "Étoiles de tous",
            "Mean of stars": "Moyenne des étoiles",
            "With one or two stars": "D'une ou deux étoiles",
            "omni_reviews": (
                "Avis sur les produits par catégorie : leur nombre, la moyenne des étoiles et ceux d'une ou deux."
            ),
        },
        place=5,
    )
