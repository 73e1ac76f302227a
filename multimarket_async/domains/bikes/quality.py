"""The audit in SQL: each line that breaks a rule, by file and rule."""

from multimarket_async.domains import Column
from multimarket_async.domains.bikes import rollups
from multimarket_async.domains.bikes.rules import FILES, RULES, Rule


def _row(rule: Rule) -> str:
    texts = (rule.file, rule.name, rule.dimension, rule.action, rule.words)
    return "(" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + ")"


DECLARED = f"(VALUES {', '.join(map(_row, RULES))}) d(file, rule, dimension, action, demand)"
READS = (rollups.LINES, rollups.BIKES, rollups.SHOPS, rollups.CUSTOMERS, rollups.FILES, rollups.REJECTED)
# A rejected line of a list counts as long as its file is the newest one; one of an order until a good line of its key
# is stored.
VIOLATIONS = """
WITH per_order AS (
  SELECT order_id, count(DISTINCT local) AS dates, count(DISTINCT customer) AS shops
  FROM order_lines GROUP BY order_id),
newest AS (SELECT file, max(version) AS version FROM audited_files GROUP BY file),
flagged AS (
  SELECT 'bikes' AS file, _id AS key, unnest(flags) AS rule FROM listed_bikes
  UNION ALL SELECT 'bikeshops', _id, unnest(flags) FROM shops
  UNION ALL SELECT 'customers', _id, unnest(flags) FROM customers
  UNION ALL SELECT 'customers', _id, 'customer_is_shop' FROM customers WHERE customer NOT IN (SELECT shop FROM shops)
  UNION ALL SELECT 'orders', _id, unnest(flags) FROM order_lines
  UNION ALL SELECT 'orders', _id, 'product_listed' FROM order_lines WHERE product NOT IN (SELECT bike FROM listed_bikes)
  UNION ALL SELECT 'orders', _id, 'shop_known' FROM order_lines WHERE customer NOT IN (SELECT shop FROM shops)
  UNION ALL SELECT 'orders', _id, 'order_has_one_date' FROM order_lines JOIN per_order USING (order_id) WHERE dates > 1
  UNION ALL SELECT 'orders', _id, 'order_has_one_shop' FROM order_lines JOIN per_order USING (order_id)
    WHERE shops > 1),
rejected AS (
  SELECT file, _id AS key, unnest(rules) AS rule FROM rejected_lines
  WHERE CASE WHEN file = 'orders' THEN key NOT IN (SELECT _id FROM order_lines)
    ELSE (file, version) IN (SELECT (file, version) FROM newest) END),
repeated AS (
  SELECT file, sum(repeated)::BIGINT AS lines FROM audited_files JOIN newest USING (file)
  WHERE file = 'orders' OR audited_files.version = newest.version GROUP BY file),
checked AS (
  SELECT file, sum(lines)::BIGINT AS lines FROM (
    SELECT 'bikes' AS file, count(*) AS lines FROM listed_bikes
    UNION ALL SELECT 'bikeshops', count(*) FROM shops UNION ALL SELECT 'customers', count(*) FROM customers
    UNION ALL SELECT 'orders', count(*) FROM order_lines
    UNION ALL SELECT file, count(DISTINCT key) FROM rejected GROUP BY file) GROUP BY file),
violations AS (SELECT * FROM flagged UNION ALL SELECT * FROM rejected)
"""
# Both over `violations (file, key, rule)`, `repeated (file, lines)` and `checked (file, lines)`.
FINDINGS = f"""
SELECT d.file, d.rule, d.dimension, d.action, d.demand,
  CASE WHEN d.rule = 'key_once' THEN coalesce(any_value(r.lines), 0) ELSE count(DISTINCT v.key) END::BIGINT AS lines
FROM {DECLARED}
  LEFT JOIN violations v ON v.file = d.file AND v.rule = d.rule LEFT JOIN repeated r ON r.file = d.file
GROUP BY d.file, d.rule, d.dimension, d.action, d.demand ORDER BY d.file, d.dimension, d.rule
"""
QUALITY = f"""
SELECT d.file, d.dimension,
  (c.lines + CASE WHEN d.dimension = 'uniqueness' THEN coalesce(any_value(r.lines), 0) ELSE 0 END)::BIGINT AS checked,
  CASE WHEN d.dimension = 'uniqueness' THEN coalesce(any_value(r.lines), 0) ELSE count(DISTINCT v.key) END::BIGINT
    AS failed, percent(failed, checked) AS rate
FROM {DECLARED} JOIN checked c ON c.file = d.file
  LEFT JOIN violations v ON v.file = d.file AND v.rule = d.rule LEFT JOIN repeated r ON r.file = d.file
GROUP BY d.file, d.dimension, c.lines ORDER BY d.file, d.dimension
"""
FILE = Column("file", "string", "File", labels=tuple((name, name) for name in FILES))
DIMENSIONS = ("accuracy", "completeness", "consistency", "timeliness", "uniqueness", "validity")
DIMENSION = Column("dimension", "string", "Dimension", labels=tuple((name, name) for name in DIMENSIONS))
FRENCH = {
    "File": "Fichier", "Dimension": "Dimension", "accuracy": "exactitude", "completeness": "complétude",
    "consistency": "cohérence", "timeliness": "actualité", "uniqueness": "unicité", "validity": "validité",
    "bikes": "vélos", "bikeshops": "magasins", "customers": "clients", "orders": "commandes", "lines": "lignes",
    "Order lines": "Lignes de commande",
}  # fmt: skip
