"""channels -> producer -> data/sources -> collector -> MongoDB -> snapshots -> kpi_snapshots -> readers."""
