"""Quality of the data by file and dimension."""

from multimarket_async.domains import Column, Kpi
from multimarket_async.domains.bikes import quality
from multimarket_async.domains.bikes.settings import BikeSettings


def kpi(_: BikeSettings) -> Kpi:
    """One row a file and dimension that has rules."""
    return Kpi(
        name="bike_data_quality",
        title="Quality of the bike data",
        unit="%",
        definition=(
            "Lines of each kind of file that were checked, and those that break a rule of the dimension: rejected "
            "ones, and flagged ones, which are stored and count. Of lists the newest file counts; a rejected order "
            "line counts until a good line of its key is stored."
        ),
        reads=quality.READS,
        columns=(
            quality.FILE,
            quality.DIMENSION,
            Column("checked", "integer", "Lines checked", "lines"),
            Column("failed", "integer", "Lines that failed", "lines"),
            Column("rate", "percent", "Rate of failure", "%", nullable=True, of=("failed", "checked")),
        ),
        query=quality.VIOLATIONS + quality.QUALITY,
        check=quality.QUALITY,
        french={
            "Quality of the bike data": "Qualité des données de vélos",
            "Lines checked": "Lignes contrôlées",
            "Lines that failed": "Lignes en défaut",
            "Rate of failure": "Taux de défaut",
            "bike_data_quality": (
                "Lignes contrôlées de chaque type de fichier, et celles qui enfreignent une règle de la dimension : "
                "rejetées, ou signalées, qui restent et comptent. Des listes, le dernier fichier compte ; une ligne "
                "de commande rejetée compte jusqu'à ce qu'une bonne ligne de sa clé soit enregistrée."
            ),
        },
        headline=True,
        place=12,
    )
