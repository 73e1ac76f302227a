"""All DAGs of a folder, run once each: executed by the Python of Airflow's environment. Says how each ended."""

import sys

from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
sys.stdout.write(f"errors {bag.import_errors}\n")
for name, dag in sorted(bag.dags.items()):
    sys.stdout.write(f"{name} {dag.test().state}\n")
