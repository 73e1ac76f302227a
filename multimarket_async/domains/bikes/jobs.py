"""The jobs of bikes: what each model reads of the stored documents, and when it runs."""

from multimarket_async.domains import Facts, Input, Job, Value
from multimarket_async.domains.bikes.rollups import FLAGS, LINES, SHOPS
from multimarket_async.domains.bikes.settings import BikeSettings

MODELS = Facts(
    "models",
    "bikes",
    {
        "bike": Value("bike", "BIGINT"),
        **{name: Value(name, "VARCHAR") for name in ("model", "category1", "category2", "frame")},
        "price_minor": Value("price_minor", "BIGINT"),
        **FLAGS,
    },
)
READS = (LINES, MODELS, SHOPS)
BOUGHT = """
WITH bought AS (
  SELECT l.order_id, l.local::DATE AS day, l.customer AS shop_id, coalesce(s.name, 'unknown') AS shop, model,
    category1, category2, quantity, price_minor
  FROM order_lines l JOIN models m ON m.bike = l.product LEFT JOIN shops s ON s.shop = l.customer)
"""
INPUTS = {
    "bike_segments": {
        "bought": f"""{BOUGHT}
SELECT order_id, shop_id, shop, category1, category2, sum(quantity)::BIGINT, sum(quantity * price_minor)::BIGINT
FROM bought GROUP BY ALL ORDER BY ALL"""
    },
    "bike_affinity": {
        "orders": f"""{BOUGHT}
SELECT shop_id, shop, day, order_id, category2, sum(quantity)::BIGINT FROM bought GROUP BY ALL ORDER BY ALL"""
    },
    "bike_forecast": {
        "sold": f"{BOUGHT} SELECT model, day, sum(quantity)::BIGINT FROM bought GROUP BY ALL ORDER BY ALL"
    },
    "bike_price_model": {
        "models": """
SELECT bike, model, category1, category2, frame, price_minor / 100 FROM models ORDER BY bike"""
    },
}
# By the name of the job: its title, and its module.
TITLES = {
    "bike_segments": ("Segments of shops", "segments"),
    "bike_affinity": ("Kinds of bikes that a shop buys next", "affinity"),
    "bike_forecast": ("Bikes sold in the months to come", "forecast"),
    "bike_price_model": ("Prices by the attributes of models", "price_model"),
}


PACKAGES = {"local": ("scikit-learn",), "spark": ("scikit-learn", "pyspark")}


def jobs(settings: BikeSettings) -> tuple[Job, ...]:
    """The models."""
    engine = settings.engine
    suffix, extra = ("_on_spark", "spark") if engine == "spark" else ("", "models")
    return tuple(
        Job(
            name,
            title,
            {table: Input(READS, query) for table, query in INPUTS[name].items()},
            f"{__package__}.models.{module}{suffix}",
            PACKAGES[engine],
            extra,
            settings.models_schedule,
            settings.timezone,
            engine=engine,
        )
        for name, (title, module) in TITLES.items()
    )
