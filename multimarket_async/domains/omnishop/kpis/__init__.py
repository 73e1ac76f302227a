"""The KPIs of omnishop, one a module."""
