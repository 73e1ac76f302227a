"""KPI generations and documents -> Delta tables, in a folder or an S3 bucket: the setting `lake_url`.

Each KPI is a table `kpi_<name>`, which holds its rows in one generation. Each collection that KPIs read is a table of
its name, partitioned by `event_date`, the day in the business time zone: the declared facts of its documents, without
what is personal. A domain may choose other places for both (`LakeTable`). The table `generations` says which generation
the lake holds, and the version of each table that belongs to it: by these versions a reader sees one generation, also
while the next one is written.

The library never calls fsync: after a power cut the last commits may be damaged. `lake rebuild` writes all anew.
"""

from multimarket_async.sinks.lake.lake import Lake, access, check, opened
