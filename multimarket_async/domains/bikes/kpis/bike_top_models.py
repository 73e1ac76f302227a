"""The best models."""

from multimarket_async.domains import Kpi
from multimarket_async.domains.bikes import columns, rollups
from multimarket_async.domains.bikes.settings import BikeSettings

MODELS = 10
QUERY = f"""{rollups.SOLD}
SELECT rank() OVER (ORDER BY quantity DESC) AS rank, *
FROM (SELECT model, {rollups.SUMS} FROM sold GROUP BY model) QUALIFY rank <= {MODELS} ORDER BY rank, model
"""
CHECK = f"""
WITH models AS (SELECT model, {rollups.CHECKED_SUMS}
  FROM sold GROUP BY model)
SELECT 1 + (SELECT count(*) FROM models better WHERE better.quantity > m.quantity) AS rank, *
FROM models m WHERE rank <= {MODELS} ORDER BY rank, model
"""


def kpi(settings: BikeSettings) -> Kpi:
    """The best models."""
    return Kpi(
        name="bike_top_models",
        title="Best bike models",
        unit="bikes",
        definition=(f"The models of which most pieces were sold, up to rank {MODELS}; equal ones share a rank."),
        reads=rollups.READS,
        columns=(columns.RANK, columns.MODEL, columns.QUANTITY, *columns.revenue(settings.currency)),
        query=QUERY,
        check=CHECK,
        french={
            "Best bike models": "Meilleurs modèles de vélos",
            "bike_top_models": (
                f"Les modèles les plus vendus, jusqu'au rang {MODELS} ; ceux qui sont à égalité partagent un rang."
            ),
        },
        headline=True,
        place=9,
    )
