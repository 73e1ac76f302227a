"""The KPIs of retail, one a module: `kpi(settings)`. Each has a row for every store; those of periods also for all."""
