"""The jobs of omnishop: what each model reads of the stored documents, and when it runs."""

from dataclasses import replace

from multimarket_async.domains import Input, Job
from multimarket_async.domains.omnishop import fraud
from multimarket_async.domains.omnishop.facts import (
    CLIENTS,
    EVENTS,
    ORDERS,
    PRODUCTS,
    PROMOTIONS,
    SOCIAL,
    SOLD,
    STOCK,
    TRUTH,
)
from multimarket_async.domains.omnishop.settings import OmniSettings

EVER = 36_500  # days
ON_SPARK = "churn_risk"
LABELS = Input((TRUTH,), "SELECT key, label FROM truth WHERE kind = 'fraud' ORDER BY key")
CATALOGUE = Input((PRODUCTS,), "SELECT product, category FROM products ORDER BY product")
INPUTS: dict[str, dict[str, Input]] = {
    "recommendations": {
        "bought": Input(
            (ORDERS,),
            """
SELECT client, product, day, sum(quantity)::BIGINT AS quantity FROM (
  SELECT client, local::DATE AS day, unnest(line_products) AS product, unnest(quantities) AS quantity
  FROM orders WHERE kind = 'sale')
GROUP BY ALL ORDER BY ALL""",
        ),
        "viewed": Input(
            (EVENTS,),
            """
SELECT client, product, local::DATE AS day, count(*) AS views FROM events
WHERE kind IN ('view', 'basket') AND client IS NOT NULL AND product IS NOT NULL GROUP BY ALL ORDER BY ALL""",
        ),
        "products": CATALOGUE,
    },
    "fraud_model": {
        "orders": Input(
            (ORDERS,),
            f"""{fraud.counted(fraud.COUNTED, "orders", EVER)}
SELECT order_id, amount_minor, {fraud.features()} FROM counted ORDER BY "at", order_id""",
        ),
        "labels": LABELS,
    },
    "demand_forecast": {
        "shelves": Input(
            (STOCK,),
            "SELECT product, place, day::DATE AS day, sold, stock FROM shelves ORDER BY product, place, shelves.day",
        ),
        "lost": Input(
            (TRUTH,),
            """
SELECT split_part(key, '/', 2) AS product, split_part(key, '/', 1) AS place, split_part(key, '/', 3)::DATE AS day, value
FROM truth WHERE kind = 'lost' ORDER BY key""",
        ),
        "campaigns": Input(
            (PROMOTIONS,),
            "SELECT category, channel, starts::DATE, ends::DATE, discount FROM promotions ORDER BY campaign",
        ),
        "products": CATALOGUE,
    },
    "campaign_effect": {
        "sold": Input(
            (SOLD, PRODUCTS),
            """
SELECT sold.period::DATE AS day, category, channel, sum(quantity)::BIGINT AS quantity,
  sum(amount_minor)::BIGINT AS minor
FROM sold JOIN products USING (product) WHERE kind = 'sale' GROUP BY ALL ORDER BY ALL""",
        ),
        "campaigns": Input(
            (PROMOTIONS,),
            """
SELECT campaign, category, channel, starts::DATE AS starts, ends::DATE AS ends, cost_minor
FROM promotions ORDER BY promotions.starts, campaign""",
        ),
        "truth": Input((TRUTH,), "SELECT key, value FROM truth WHERE kind = 'uplift' ORDER BY key"),
    },
    "churn_risk": {
        "bought": Input(
            (ORDERS,),
            """
SELECT client, local::DATE AS day, sum(amount_minor)::BIGINT AS minor FROM orders WHERE kind = 'sale'
GROUP BY ALL ORDER BY ALL""",
        ),
        "visited": Input(
            (EVENTS,),
            """
SELECT client, local::DATE AS day, count(DISTINCT session) AS visits FROM events WHERE client IS NOT NULL
GROUP BY ALL ORDER BY ALL""",
        ),
        "reviewed": Input(
            (SOCIAL,),
            """
SELECT client, local::DATE AS day, min(stars) AS stars FROM posts WHERE client IS NOT NULL AND stars IS NOT NULL
GROUP BY ALL ORDER BY ALL""",
        ),
        "clients": Input((CLIENTS,), "SELECT client, loyal FROM clients ORDER BY client"),
        "truth": Input((TRUTH,), "SELECT key, local::DATE AS day FROM truth WHERE kind = 'gone' ORDER BY key"),
    },
}
# By the name of the job: its title, its module, and further tables of its result.
JOBS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "recommendations": ("Products for each client", "recommendations", ("omni_affinity",)),
    "fraud_model": ("What frauds look like", "fraud", ()),
    "demand_forecast": ("Demand of the week to come", "demand", ("reorder",)),
    "campaign_effect": ("Effects of campaigns", "campaigns", ()),
    "churn_risk": ("Clients who may leave", "churn", ()),
}


def jobs(settings: OmniSettings) -> tuple[Job, ...]:
    """The five models."""
    on_spark = {ON_SPARK} if settings.engine == "spark" else set()
    return tuple(_on_spark(job) if job.name in on_spark else job for job in _local(settings))


def _on_spark(job: Job) -> Job:
    packages = (*job.packages, "pyspark")
    return replace(job, module=f"{job.module}_on_spark", packages=packages, extra="spark", engine="spark")


def _local(settings: OmniSettings) -> tuple[Job, ...]:
    return tuple(
        Job(
            name,
            title,
            INPUTS[name],
            f"{__package__}.models.{module}",
            ("scikit-learn",),
            "models",
            settings.omnishop_schedule,
            settings.timezone,
            tables=(*tables, "omni_grades"),
            grades="omni_grades",
        )
        for name, (title, module, tables) in JOBS.items()
    )
