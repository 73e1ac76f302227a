"""DAGs of Airflow 3 for domains that are polled: fetch, collect, measure, publish, each a command of MultiMarket.

Airflow has an environment of its own. Its Variables say where MultiMarket is: `multimarket_command`, such as
/srv/multimarket/.venv/bin/multimarket-async, and `multimarket_folder`, which has its config and data. There `domains`
and `sinks` are on, and `schedule` is empty: Airflow is the clock. A step can be repeated at any time; a run that was
missed is caught up by one.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, chain

TIMEZONE = "Europe/Paris"  # the business time zone
SCHEDULES = {"retail": "0 6 * * *", "mobility": "*/15 * * * *"}
STEPS = {
    "fetch": "poll --once --domain {domain}",
    "collect": "collect --until-empty",
    "measure": "kpi refresh",
    "publish": "sink --once",
}
COMMAND = "{{ var.value.get('multimarket_command', 'multimarket-async') }}"
FOLDER = "{{ var.value.get('multimarket_folder', '.') }}"


def pipeline(domain: str, schedule: str) -> DAG:
    """The steps of a domain, one after the other; one that fails is tried again."""
    started = datetime(2026, 1, 1, tzinfo=ZoneInfo(TIMEZONE))
    with DAG(
        f"multimarket_{domain}",
        schedule=schedule,
        start_date=started,
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    ) as dag:
        steps = [
            BashOperator(
                task_id=name, bash_command=f"cd {FOLDER} && {COMMAND} {step.format(domain=domain)}", append_env=True
            )
            for name, step in STEPS.items()
        ]
        chain(*steps)
    return dag


for domain, schedule in SCHEDULES.items():
    globals()[f"multimarket_{domain}"] = pipeline(domain, schedule)
