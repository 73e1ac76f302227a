"""The KPIs of mobility, one a module: `kpi(settings)`."""
