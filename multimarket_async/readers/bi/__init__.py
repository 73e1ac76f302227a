"""Files for BI tools, generated from the declarations of the KPIs."""

from collections.abc import Sequence
from importlib.resources import files

from multimarket_async.domains import Kpi
from multimarket_async.readers.bi import grafana, power_query


def kit(kpis: Sequence[Kpi], address: str) -> dict[str, str]:
    """The text of each file, by its path in the folder. address: of the HTTP server, without a slash at its end."""
    return {
        "MultiMarket.pq": power_query.query(kpis, address),
        "MultiMarket.pbids": power_query.data_source(kpis, address),
        "grafana/kpis.json": grafana.kpis(kpis, address),
        "grafana/flow.json": files(__package__).joinpath("flow.json").read_text("utf-8"),
    }
