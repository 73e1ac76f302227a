"""The files of orders as SQL tables (DuckDB), with money exact to the cent and follow-ups applied.

It shares nothing with the order contract or the pipelines: an error in these shows as a difference.
"""

from multimarket_async.domains.orders.currencies import exponent
from multimarket_async.domains.orders.received_exports import exports, helpers, texts
from multimarket_async.domains.orders.settings import OrderSettings

BLANKS = r"[\x09-\x0d\x1c-\x20\x85\p{Z}]+"


def tables(settings: OrderSettings) -> str:
    """Statements for `commandes` and its `lines`, one row an order and a line, without duplicates."""
    return f"""{helpers(settings)}
CREATE MACRO composed(words) AS array_to_string(
  list_transform(string_split(words, chr(0)), lambda part: nfc_normalize(part)), chr(0));  -- it ends at a NUL
CREATE MACRO person(id) AS {settings.pseudonyms.in_sql if settings.pseudonyms else "id"};
CREATE MACRO plain(words) AS composed(regexp_replace(words, '^{BLANKS}|{BLANKS}$', '', 'g'));
CREATE MACRO among(given, accepted) AS coalesce(
  list_extract(list_filter(accepted, lambda word: word = given), 1),
  list_extract(list_filter(accepted, lambda word: lower(plain(word)) = lower(plain(given))), 1),
  given);  -- accepted by earlier settings
CREATE MACRO ranked(moment, state) AS
  {{'moment': moment, 'rank': coalesce(list_position({texts(settings.followup_statuses)}, state), 0), 'state': state}};
CREATE TABLE deliveries AS
WITH read AS (
  SELECT number, feed, content::JSON AS file, among(file->>'canal', {texts(settings.canals)}) AS channel,
    channel || ':' || (file->>'order_id') AS key, json_exists(file, '$.produits') AS is_order,
    coalesce(file->>'$.suivi.date_etat', file->>'date_commande') AS written
  FROM received)
SELECT number, feed, file, channel, key, is_order, wall(written) - coalesce(written_shift(written), shift) AS moment,
  ranked(moment, CASE WHEN is_order THEN among(file->>'statut_commande', {texts(settings.order_statuses)})
    ELSE among(file->>'$.suivi.etat', {texts(settings.followup_statuses)}) END) AS state
FROM read ASOF JOIN zone ON wall(written) >= wall_from;
CREATE VIEW records AS SELECT feed, CASE WHEN is_order THEN key ELSE concat_ws(chr(0), key, state) END AS record
FROM deliveries;
CREATE TABLE histories AS
SELECT key, list(DISTINCT state) AS states FROM deliveries WHERE NOT is_order GROUP BY key;
CREATE TABLE lines AS
SELECT number, line, plain(json->>'nom') AS product, (json->>'quantite')::BIGINT AS quantity,
  units(quantity, json->>'prix_unitaire') AS minor, 0::BIGINT AS micro
FROM (
  SELECT number, unnest((file->'produits')::JSON[]) AS json, generate_subscripts((file->'produits')::JSON[], 1) AS line
  FROM deliveries WHERE number IN (SELECT min(number) FROM deliveries WHERE is_order GROUP BY key));
CREATE TABLE commandes AS
WITH sums AS (SELECT number, sum(quantity) AS pieces, sum(minor) AS minor FROM lines GROUP BY number)
SELECT number, key, channel, person(file->>'client_id') AS customer, plain(file->>'$.livraison.ville') AS city,
  moment + shift AS local, strftime(local, '%Y-%m') AS month, strftime(local, '%Y-%m-%d') AS day, pieces, minor,
  CASE WHEN states IS NOT NULL THEN list_append(states, state) END AS history,
  list_max(coalesce(history, [state])).state AS status,
  status IN {texts(settings.cancelled_statuses)} AS cancelled,
  CASE WHEN cancelled THEN 0 ELSE minor END AS revenue_minor, moment AS ordered_at, '{settings.currency}' AS currency,
  {exponent(settings.currency)} AS decimals, power_of_10(16 - decimals) AS factor
FROM deliveries JOIN sums USING (number) LEFT JOIN histories USING (key) ASOF JOIN zone ON moment >= utc_from;
{exports(settings)}"""


LINE_OF_NO_PERSON = "json_object('quantite', line->'quantite', 'prix_unitaire', line->'prix_unitaire')"
DOCUMENTS = """
SELECT json_merge_patch($file,
    json_object('_id', key, 'order_id', file->>'order_id', 'client_id', customer, 'canal', channel, 'produits',
      list_transform((file->'produits')::JSON[], lambda line: json_merge_patch($line,
        json_object('produit_id', line->>'produit_id', 'nom', plain(line->>'nom'))))),
    CASE WHEN city IS NULL THEN '{}' ELSE json_object('livraison', json_object('ville', city)) END) AS file,
  moment AS date_commande, status AS statut_commande, major(minor) AS montant_total, minor AS montant_centimes,
  cents AS lignes_centimes, $decimals AS decimales,
  list_transform(list_sort(history), lambda event: {'etat': event.state, 'date_etat': event.moment}) AS suivi
FROM commandes JOIN deliveries USING (number, key, channel)
  JOIN (SELECT number, list(minor ORDER BY line) AS cents FROM lines GROUP BY number) USING (number)
ORDER BY key
"""


def documents(settings: OrderSettings) -> str:
    """A query for the documents that must be stored: as delivered, or with pseudonyms the fields of the contract."""
    file, line = ("'{}'::JSON", LINE_OF_NO_PERSON) if settings.pseudonyms else ("file", "line")
    decimals = exponent(settings.currency)
    own = "NULL" if decimals == exponent("EUR") else str(decimals)
    return DOCUMENTS.replace("$file", file).replace("$line", line).replace("$decimals", own)
