"""Files for BI tools, generated from the declarations of the KPIs."""

from collections.abc import Sequence
from importlib.resources import files

from multimarket_async.domains import LoadedDomain
from multimarket_async.readers.bi import grafana, power_bi, power_query
from multimarket_async.readers.bi.power_bi import Warehouse

NEAR = Warehouse()


def kit(domains: Sequence[LoadedDomain], address: str, warehouse: Warehouse = NEAR) -> dict[str, str]:
    """The text of each file, by its path in the folder. address: of the HTTP server, without a slash at its end.

    A .pbids file opens Power BI with one KPI: there is one for each domain, and the first domain's has no name in it.
    """
    kpis = [kpi for domain in domains for kpi in domain.kpis]
    marked = [("" if domain is domains[0] else f".{domain.name}", domain) for domain in domains if domain.kpis]
    return {
        "MultiMarket.pq": power_query.query(kpis, address),
        **{f"MultiMarket{mark}.pbids": power_query.data_source(domain.kpis, address) for mark, domain in marked},
        **{f"powerbi/{path}": text for domain in domains for path, text in power_bi.project(domain, warehouse).items()},
        "grafana/kpis.json": grafana.kpis(kpis, address),
        **{f"grafana/{domain.name}.json": grafana.warehouse(domain) for domain in domains if domain.panels},
        "grafana/flow.json": files(__package__).joinpath("flow.json").read_text("utf-8"),
    }
