"""The best model of each place: of a shop, a city or a state."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import columns, rollups


def best_model(of: str, french: str, shown: Column, *also: Column, place: int, headline: bool = False) -> Kpi:
    """The KPI of a kind of place, in English and French. also: more columns of the place."""
    keys = [column.name for column in (shown, *also)]
    name, title = f"bike_top_model_by_{of}", f"Best model of each {of}"
    return Kpi(
        name=name,
        title=title,
        unit="bikes",
        definition=f"The models of which most pieces were sold in each {of}; all of several that are equal.",
        reads=rollups.READS,
        columns=(shown, columns.RANK, columns.MODEL, columns.QUANTITY, *also),
        query=rollups.best(*keys),
        check=rollups.best_in_check(*keys),
        french={
            title: f"Meilleur modèle par {french}",
            name: f"Les modèles les plus vendus par {french} ; tous ceux qui sont à égalité.",
        },
        headline=headline,
        place=place,
    )
