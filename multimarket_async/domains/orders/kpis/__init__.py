"""The KPIs of orders, one a module: `kpi(settings)` gives its columns, pipeline, check in SQL and words.

Money is summed in int64 minor units. Every published number has one BSON type for ever: integers are int64, amounts
and rates are doubles; a rate over nothing is null. A generation is one document, so a table that could grow without
end is cut by definition: the latest days and months, the first products.
"""
