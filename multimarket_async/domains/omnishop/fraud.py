"""The features of an order that frauds differ in, as SQL: the same for the model that weighs them and for alerts."""

INTERCEPT, THRESHOLD = "(intercept)", "(threshold)"
USUAL_MINOR, SMALL_MINOR = 4000, 800
# Feature: SQL over what is counted of the past of an order, and its words where it is a reason, from a value on.
FEATURES: dict[str, tuple[str, str, float]] = {
    "cards_of_device": ("ln(greatest(cards, 1))", "many cards on one device", 0.6),
    "orders_of_card": ("ln(greatest(paid, 1))", "one order after the other on a card", 0.6),
    "addresses_of_card": ("ln(greatest(addresses, 1))", "one card for several addresses", 0.6),
    "new_device": ("(on_device = 1 AND visits > 1)::INT", "a new device", 1.0),
    "amount": ("greatest(0, ln(amount_minor / usual))", "an unusual amount", 1.2),
    "amount_on_new_device": (
        "(on_device = 1 AND visits > 1)::INT * greatest(0, ln(amount_minor / usual))",
        "an unusual amount on a new device",
        0.8,
    ),
    "small_amount": (f"greatest(0, ln({SMALL_MINOR} / amount_minor))", "a tiny amount", 1.0),
    "refunds": ("ln(1 + refunds)", "one refund after the other", 1.0),
}
TOGETHER = "all together"
FRENCH = {
    "{}, {}": "{}, {}", TOGETHER: "tout ensemble", "many cards on one device": "plusieurs cartes sur un appareil",
    "one order after the other on a card": "commande sur commande avec une carte",
    "one card for several addresses": "une carte pour plusieurs adresses", "a new device": "un nouvel appareil",
    "an unusual amount": "un montant inhabituel", "a tiny amount": "un montant infime",
    "an unusual amount on a new device": "un montant inhabituel sur un nouvel appareil",
    "one refund after the other": "retour sur retour",
}  # fmt: skip
# Of each order, how often in its past and itself: only what came before it, or in the same second, counts.
COUNTED = """
WITH recent AS (
  SELECT order_id, kind, channel, client, card, device, address, "at", greatest(amount_minor, 1) AS amount_minor
  FROM {orders} WHERE "at" > (SELECT max("at") FROM {orders}) - INTERVAL {days} DAY),
counted AS (
  SELECT *,
    CASE WHEN device IS NULL THEN 0 ELSE count(DISTINCT card) OVER (PARTITION BY device ORDER BY "at"
      RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW) END AS cards,
    CASE WHEN card IS NULL OR kind <> 'sale' THEN 0 ELSE count(*) FILTER (kind = 'sale') OVER (PARTITION BY card
      ORDER BY "at" RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW) END AS paid,
    CASE WHEN card IS NULL THEN 0 ELSE count(DISTINCT address) OVER (PARTITION BY card ORDER BY "at"
      RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) END AS addresses,
    CASE WHEN device IS NULL THEN 0 ELSE count(*) OVER (PARTITION BY client, device ORDER BY "at"
      RANGE UNBOUNDED PRECEDING) END AS on_device,
    count(*) FILTER (device IS NOT NULL) OVER (PARTITION BY client ORDER BY "at" RANGE UNBOUNDED PRECEDING) AS visits,
    (coalesce(sum(amount_minor) OVER past, 0) + {usual}) / (count(*) OVER past + 1) AS usual,
    CASE WHEN kind = 'refund' THEN count(*) FILTER (kind = 'refund') OVER (PARTITION BY client ORDER BY "at"
      RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW) - 1 ELSE 0 END AS refunds
  FROM recent
  WINDOW past AS (PARTITION BY client ORDER BY "at", order_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
"""
# The same by joins, for the check.
CHECKED = """
WITH recent AS (
  SELECT order_id, kind, channel, client, card, device, address, "at", greatest(amount_minor, 1) AS amount_minor
  FROM {orders} WHERE "at" > (SELECT max("at") FROM {orders}) - INTERVAL {days} DAY),
by_device AS (
  SELECT o.order_id, count(DISTINCT p.card) FILTER (p."at" >= o."at" - INTERVAL 1 HOUR) AS cards,
    count(*) FILTER (p.client = o.client) AS on_device
  FROM recent o JOIN recent p ON p.device = o.device AND p."at" <= o."at" GROUP BY o.order_id),
by_card AS (
  SELECT o.order_id, count(*) FILTER (p.kind = 'sale' AND o.kind = 'sale' AND p."at" >= o."at" - INTERVAL 1 HOUR)
    AS paid, count(DISTINCT p.address) AS addresses
  FROM recent o JOIN recent p ON p.card = o.card AND p."at" BETWEEN o."at" - INTERVAL 1 DAY AND o."at"
  GROUP BY o.order_id),
by_client AS (
  SELECT o.order_id, count(p.device) AS visits,
    (coalesce(sum(p.amount_minor) FILTER ((p."at", p.order_id) < (o."at", o.order_id)), 0) + {usual})
      / (count(*) FILTER ((p."at", p.order_id) < (o."at", o.order_id)) + 1) AS usual,
    CASE WHEN any_value(o.kind) = 'refund' THEN
      count(*) FILTER (p.kind = 'refund' AND p."at" >= o."at" - INTERVAL 30 DAY) - 1 ELSE 0 END AS refunds
  FROM recent o JOIN recent p ON p.client = o.client AND p."at" <= o."at" GROUP BY o.order_id),
counted AS (
  SELECT recent.*, coalesce(cards, 0) AS cards, coalesce(on_device, 0) AS on_device, coalesce(paid, 0) AS paid,
    coalesce(addresses, 0) AS addresses, visits, usual, refunds
  FROM recent LEFT JOIN by_device USING (order_id) LEFT JOIN by_card USING (order_id) JOIN by_client USING (order_id))
"""


def counted(form: str, orders: str, days: int) -> str:
    """The named queries of one of the two forms, the last of which is `counted`."""
    return form.format(orders=orders, days=days, usual=USUAL_MINOR)


def features() -> str:
    """The features as columns."""
    return ", ".join(f"{expression} AS {name}" for name, (expression, _, _) in FEATURES.items())


def alerts(form: str, orders: str, model: str, days: int) -> str:
    """The orders whose score reaches that of an alert, newest first, with the reasons in words."""
    weight = f"(SELECT weight FROM {model} WHERE feature = '{{}}')"
    terms = " + ".join(f"{weight.format(name)} * {name}" for name in FEATURES)
    reasons = ", ".join(
        f"CASE WHEN {name} >= {least} THEN '{words}' END" for name, (_, words, least) in FEATURES.items()
    )
    return f"""{counted(form, orders, days)}, described AS (SELECT *, {features()} FROM counted),
scored AS (SELECT *, round({terms} + {weight.format(INTERCEPT)}, 4) AS score FROM described)
SELECT order_id AS "order", strftime("at", '%Y-%m-%dT%H:%M:%SZ') AS ordered_at, kind, channel, amount_minor, score,
  coalesce(nullif(concat_ws(', ', {reasons}), ''), '{TOGETHER}') AS reasons
FROM scored WHERE score >= round({weight.format(THRESHOLD)}, 4) ORDER BY ordered_at DESC, "order"
"""
