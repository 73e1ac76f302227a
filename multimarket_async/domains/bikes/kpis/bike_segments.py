"""Segments of shops."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, results
from multimarket_async.domains.bikes.settings import BikeSettings

SOLD = ("{}% {} ({}% of all), mostly {}", "{} % {} ({} % pour tous), surtout {}")
FIGURES = ("; {}, {} on average ({}); {}, {} ({})", " ; {}, {} en moyenne ({}) ; {}, {} ({})")
IN_WORDS = {
    SOLD[0] + FIGURES[0]: SOLD[1] + FIGURES[1],
    f"{SOLD[0]} and {{}}{FIGURES[0]}": f"{SOLD[1]} et {{}}{FIGURES[1]}",
    "{}; no better than chance": "{} ; pas mieux que le hasard",
    "dearer bikes": "vélos plus chers",
    "cheaper bikes": "vélos moins chers",
    "usual prices": "prix habituels",
    "many bikes a shop": "beaucoup de vélos par magasin",
    "few bikes a shop": "peu de vélos par magasin",
    "a usual number of bikes a shop": "un nombre habituel de vélos par magasin",
    "Road": "route",
    "Mountain": "montagne",
}
GROUPED = """
SELECT segment, any_value(description) AS description, count(*) AS shops, sum(bikes)::BIGINT AS bikes,
  sum(value_minor)::BIGINT AS value_minor, {price} AS average_price, any_value(silhouettes) AS silhouettes,
  any_value(beats_baseline) AS beats_baseline
FROM bike_segments_rows GROUP BY segment ORDER BY segment
"""


def kpi(settings: BikeSettings) -> Kpi:
    """The segments, those that buy most first."""
    return Kpi(
        name="bike_segments",
        title="Segments of shops",
        unit="bikes",
        definition=(
            "Shops by the kinds of bikes that they buy (k-means), in as many segments as have the best silhouette, each"
            " in words from its own figures beside those of all shops. Prices are those of the newest list."
        ),
        reads=(results.FACTS["bike_segments"],),
        columns=(
            columns.SEGMENT,
            Column("description", "string", "In words", sentences=True),
            Column("shops", "integer", "Shops"),
            Column("bikes", "integer", "Bikes sold", "bikes"),
            Column("value_minor", "money", "Value", settings.currency, decimals=2),
            Column("average_price", "double", "Average price", settings.currency, of=("value_minor", "bikes")),
            Column("silhouettes", "string", "Silhouettes by number of segments", role="other"),
            columns.BEATS,
        ),
        query=GROUPED.format(price="amount(half_up(sum(value_minor), sum(bikes)))"),
        check=GROUPED.format(price="((2 * sum(value_minor) + sum(bikes)) // (2 * sum(bikes)) / 100)::DOUBLE"),
        french={
            "Segments of shops": "Segments de magasins",
            "In words": "En mots",
            **IN_WORDS,
            "Shops": "Magasins",
            "Value": "Valeur",
            "Average price": "Prix moyen",
            "Silhouettes by number of segments": "Silhouettes par nombre de segments",
            "bike_segments": (
                "Magasins selon les sortes de vélos qu'ils achètent (k-means), en autant de segments que le veut la"
                " meilleure silhouette, chacun décrit par ses chiffres. Les prix sont ceux de la dernière liste."
            ),
        },
        key=("segment",),
        headline=True,
        place=14,
    )
