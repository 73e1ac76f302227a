"""Files for BI tools, made from the declarations: a new KPI is in them when they are written next."""

from collections.abc import Sequence

from multimarket_async.domains import Kpi
from multimarket_async.readers.bi import grafana, power_query

__all__ = ["kit"]


def kit(kpis: Sequence[Kpi], address: str) -> dict[str, str]:
    """Every file by its name under config/bi. address: of the HTTP server, without a slash at its end."""
    return {
        "MultiMarket.pq": power_query.query(kpis, address),
        "MultiMarket.pbids": power_query.data_source(kpis, address),
        "grafana/kpis.json": grafana.kpis(kpis, address),
        "grafana/flow.json": grafana.flow(),
    }
