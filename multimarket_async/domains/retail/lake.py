"""The places of retail in the lake: what was extracted, whole, and what was computed of it."""

from multimarket_async.domains import Facts, LakeTable, Value

TYPES = {"at": "TIMESTAMP", "sold_at": "TIMESTAMP", "price": "DOUBLE", "cost": "DOUBLE", "sale_amount": "DOUBLE",
         "loyalty_card": "BOOLEAN"}  # fmt: skip
INTEGERS = (
    "age", "capacity", "opening_hour", "closing_hour", "hour", "visitors", "sales", "nb_type_product", "quantity",
    "price_minor", "cost_minor", "amount_minor",
)  # fmt: skip
TYPES |= dict.fromkeys(INTEGERS, "BIGINT")


def _extracted(name: str, collection: str, fields: str, event: str = "") -> LakeTable:
    """Its fields as they were delivered. event: it is kept by date."""
    values = {field: Value(field, TYPES.get(field, "VARCHAR")) for field in fields.split()}
    return LakeTable(f"extracted_data/{name}", Facts(name, collection, values, event=event))


LAKE = (
    _extracted("stores", "retail_stores", "id name location capacity opening_hour closing_hour"),
    _extracted("products", "retail_products", "product_id name category price cost since price_minor cost_minor"),
    _extracted("clients", "retail_clients", "client_id age gender loyalty_card city"),
    _extracted("retail_data", "retail_footfall", "store_id store_name date hour visitors sales at", "at"),
    _extracted(
        "sales",
        "retail_sales",
        "sale_id nb_type_product product_id client_id store_id quantity sale_amount amount_minor sale_date sale_time"
        " sold_at",
        "sold_at",
    ),
    LakeTable("processed_data/store_days", "store_days"),
)
