"""The KPIs of bikes, one a module: `kpi(settings)` gives its columns, query, check in SQL and words.

Lines of unknown shops, products and customers count, under "unknown". Prices are those of the order's day.
"""
