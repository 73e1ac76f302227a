"""Exported orders as SQL tables (DuckDB), from the orders in our words, one a line, that their formats give.

They come beside the orders of the contract: the newest version of each, its lines, and what was refunded.
"""

from multimarket_async.columns import EXPONENTS
from multimarket_async.domains.orders.channels import CONTRACT, Channel
from multimarket_async.domains.orders.currencies import exponent
from multimarket_async.domains.orders.settings import OrderSettings

# A factor turns minor units of a currency on a day into units of 10^-16 of the reporting currency.
HELPERS = r"""
CREATE MACRO reported(total) AS coalesce(half_up(total, 1{zeros}), 0)::BIGINT;
CREATE MACRO major(minor) AS minor * {unit}::DECIMAL({digits}, {exponent});
CREATE MACRO same_name(name) AS lower(regexp_replace(name, '[\x09-\x0d\x1c-\x20\x85\p{{Z}}]+', ' ', 'g'));
CREATE MACRO digits(n) AS replace(split_part(lower(trim(n)), 'e', 1), '.', '')::HUGEINT;
CREATE MACRO digits_behind(n) AS decimals(lower(trim(n)));
CREATE MACRO in_minor(n, exponent) AS scaled(digits(n), digits_behind(n) - exponent);
CREATE MACRO line_minor(quantity, price, discount, exponent) AS scaled(
  digits(quantity) * digits(price) * power_of_10(greatest(digits_behind(discount) - digits_behind(quantity)
    - digits_behind(price), 0)) - digits(discount) * power_of_10(greatest(digits_behind(quantity)
    + digits_behind(price) - digits_behind(discount), 0)),
  greatest(digits_behind(quantity) + digits_behind(price), digits_behind(discount)) - exponent);
CREATE MACRO units(quantity, price) AS
  scaled(quantity * replace(split_part(price::DOUBLE::VARCHAR, 'e', 1), '.', '')::HUGEINT,
    decimals(price::DOUBLE::VARCHAR) - {exponent});
CREATE MACRO given(value) AS nullif(trim(value), '');
CREATE TABLE iso AS SELECT unnest({currencies}) AS currency, unnest({exponents}) AS exponent;
CREATE TABLE rates AS SELECT '{currency}' AS currency, '' AS since, 1000000000000::HUGEINT AS rate;
"""
NO_EXPORTS = """
CREATE TABLE exports (feed VARCHAR, canal VARCHAR, shop VARCHAR, usual VARCHAR, file JSON, version VARCHAR, n BIGINT);
"""
EXPORTS_OF = """
INSERT INTO exports SELECT {feed}, {canal}, {shop}, {currency}, json, version, row_number() OVER ()
FROM "{directory}";
"""
RATES = """
INSERT INTO rates
SELECT upper(trim(currency)), trim(date), (trim(rate)::DECIMAL(30, 12) * 1000000000000)::HUGEINT FROM exchange_rates
WHERE upper(trim(currency)) <> '{currency}' AND regexp_full_match(trim(date), '\\d{{4}}-\\d\\d-\\d\\d')
  AND try_cast(trim(rate) AS DECIMAL(30, 12)) > 0
QUALIFY row_number() OVER (PARTITION BY upper(trim(currency)), trim(date) ORDER BY version DESC, "row" DESC) = 1;
"""
TABLES = """
CREATE TABLE newest AS
WITH read AS (
  SELECT *, file->>'date_commande' AS written, given(file->>'maj_le') AS changed,
    coalesce(nullif(shop, ''), given(file->>'magasin')) AS of_shop, trim(file->>'order_id') AS order_id,
    CASE WHEN try_cast(changed AS DOUBLE) IS NULL THEN changed END AS changed_at
  FROM exports),
dated AS (
  SELECT read.*, concat_ws(':', canal, of_shop, order_id) AS key,
    wall(written) - coalesce(written_shift(written), a.shift) AS moment,
    coalesce(try_cast(changed AS DECIMAL(38, 6)),
      epoch_ms(wall(changed_at) - coalesce(written_shift(changed_at), b.shift))) AS change
  FROM read ASOF JOIN zone a ON wall(written) >= a.wall_from ASOF LEFT JOIN zone b ON wall(changed_at) >= b.wall_from),
first AS (
  SELECT * FROM dated QUALIFY row_number() OVER (PARTITION BY key ORDER BY change DESC NULLS LAST,
    CASE WHEN change IS NOT NULL THEN file->>'empreinte' END DESC NULLS LAST, version, n) = 1)
SELECT first.*, -1 - row_number() OVER () AS number, moment + zone.shift AS local, strftime(local, '%Y-%m-%d') AS day,
  coalesce(among(file->>'canal', {canals}), canal) AS channel,
  coalesce(among(file->>'statut_commande', {statuses}), ({statuses})[1]) AS status,
  status IN {cancelled} AS cancelled, coalesce(file->>'avoir' = 'true', false) AS credit,
  upper(coalesce(given(file->>'devise'), usual)) AS currency, coalesce(iso.exponent, 2) AS exponent
FROM first ASOF JOIN zone ON moment >= zone.utc_from LEFT JOIN iso ON iso.currency
  = upper(coalesce(given(file->>'devise'), usual));
CREATE TABLE sold_lines AS
SELECT number, line, plain(json->>'nom') AS product, given(json->>'ligne_id') AS id, trim(json->>'quantite') AS written,
  written::DECIMAL(38, 6) AS exact, exact = floor(exact) AS whole,
  CASE WHEN whole THEN exact::BIGINT ELSE 1 END AS quantity, CASE WHEN whole THEN 0 ELSE exact * 1000000 END AS micro,
  CASE WHEN given(json->>'montant') IS NOT NULL THEN in_minor(json->>'montant', exponent)
    ELSE line_minor(written, json->>'prix_unitaire', coalesce(given(json->>'remise'), '0'), exponent) END AS minor
FROM (
  SELECT number, exponent, unnest((file->'produits')::JSON[]) AS json,
    generate_subscripts((file->'produits')::JSON[], 1) AS line
  FROM newest);
INSERT INTO lines BY NAME SELECT number, line, product, quantity, micro::BIGINT AS micro, minor FROM sold_lines;
INSERT INTO commandes BY NAME
WITH sums AS (SELECT number, sum(quantity) AS pieces, sum(minor) AS minor FROM lines GROUP BY number)
SELECT number, key, channel, person(given(file->>'client_id')) AS customer,
  given(plain(file->>'$.livraison.ville')) AS city, local, strftime(local, '%Y-%m') AS month, day, pieces, minor,
  status, cancelled, CASE WHEN cancelled THEN 0 ELSE minor END AS revenue_minor, moment AS ordered_at,
  o.currency, exponent AS decimals, rate * power_of_10(4 - exponent) AS factor
FROM newest o JOIN sums USING (number) ASOF LEFT JOIN rates r ON o.currency = r.currency
  AND CASE WHEN o.currency = '{currency}' THEN '' ELSE day END >= r.since
WHERE NOT credit;
CREATE TABLE refunded AS
WITH given_back AS (
  SELECT coalesce(of_number, number) AS number, channel, moment, exponent, currency,
    unnest((file->'remboursements')::JSON[]) AS refund
  FROM newest LEFT JOIN (SELECT key AS of_key, number AS of_number FROM newest WHERE NOT credit)
    ON credit AND concat_ws(':', canal, of_shop, given(file->>'avoir_de')) = of_key
  WHERE NOT cancelled AND NOT coalesce(credit AND given(file->>'avoir_de') IS NOT NULL
    AND concat_ws(':', canal, of_shop, trim(file->>'avoir_de'))
      IN (SELECT key FROM newest WHERE cancelled AND NOT credit), false)),
dated AS (
  SELECT given_back.*, refund->>'date_remboursement' AS written,
    wall(written) - coalesce(written_shift(written), shift) AS happened
  FROM given_back ASOF JOIN zone ON wall(refund->>'date_remboursement') >= wall_from),
refunds AS (
  SELECT dated.*, strftime(happened + shift, '%Y-%m-%d') AS day,
    coalesce(json_array_length(refund->'lignes'), 0) = 0 AS bare
  FROM dated ASOF JOIN zone ON happened >= utc_from),
parts AS (
  SELECT *, unnest(CASE WHEN bare THEN [refund] ELSE (refund->'lignes')::JSON[] END) AS part
  FROM refunds),
named AS (
  SELECT parts.*, CASE WHEN NOT bare THEN coalesce(given(plain(part->>'nom')), sold.product) END AS product,
    sold.minor AS sold_minor, sold.exact AS sold_exact,
    CASE WHEN bare THEN 0 ELSE coalesce(given(part->>'quantite'), '0')::DECIMAL(38, 6) END AS exact
  FROM parts LEFT JOIN sold_lines sold ON parts.number = sold.number AND given(part->>'ligne_id') = sold.id)
SELECT left(day, 7) AS month, day, channel, product, moment AS ordered_at,
  CASE WHEN exact = floor(exact) THEN exact::BIGINT ELSE 1 END AS quantity,
  CASE WHEN given(part->>'montant') IS NOT NULL THEN in_minor(part->>'montant', exponent)
    ELSE half_up(sold_minor * (exact * 1000000)::HUGEINT, (sold_exact * 1000000)::HUGEINT) END AS minor,
  rate * power_of_10(4 - exponent) AS factor
FROM named ASOF LEFT JOIN rates r ON named.currency = r.currency
  AND CASE WHEN named.currency = '{currency}' THEN '' ELSE day END >= r.since;
CREATE VIEW sold_and_refunded AS
SELECT month, day, same_name(product) AS form, product, ordered_at, l.quantity AS gross_quantity,
  CASE WHEN cancelled THEN 0 ELSE l.quantity END AS quantity, 0 AS given_back,
  CASE WHEN cancelled THEN 0 ELSE l.minor END AS minor, 0 AS refunds_minor,
  CASE WHEN cancelled THEN 0 ELSE micro END AS micro, factor
FROM lines l JOIN commandes USING (number)
UNION ALL BY NAME
SELECT month, day, same_name(product) AS form, product, ordered_at, 0 AS gross_quantity, 0 AS quantity,
  quantity AS given_back, 0 AS minor, minor AS refunds_minor, 0 AS micro, factor
FROM refunded WHERE product IS NOT NULL;
CREATE VIEW product_names AS
SELECT form, arg_min(product, (ordered_at, product)) AS product FROM sold_and_refunded GROUP BY form;
"""


def helpers(settings: OrderSettings) -> str:
    """Statements for macros, and for the exchange rates."""
    decimals, names = exponent(settings.currency), list(EXPONENTS)
    made = HELPERS.format(
        zeros="0" * (16 - decimals),
        unit=f"{10**-decimals:.{decimals}f}",
        digits=decimals + 1,
        exponent=decimals,
        currencies=texts(names),
        exponents=[EXPONENTS[name] for name in names],
        currency=settings.currency,
    )
    return made + (RATES.format(currency=settings.currency) if settings.declared else "")


def exports(settings: OrderSettings) -> str:
    """Statements that put exported orders beside those of the contract."""
    channels = [channel for channel in settings.channels if channel.format != CONTRACT]
    return (
        NO_EXPORTS
        + "".join(_exports_of(channel, settings) for channel in channels)
        + TABLES.format(
            canals=texts(settings.canals),
            statuses=texts(settings.order_statuses),
            cancelled=texts(settings.cancelled_statuses),
            currency=settings.currency,
        )
    )


def _exports_of(channel: Channel, settings: OrderSettings) -> str:
    currency = channel.currency or settings.currency
    words = {"feed": channel.directory, "canal": channel.canal, "shop": channel.shop, "currency": currency}
    return EXPORTS_OF.format(directory=channel.directory, **{name: quoted(word) for name, word in words.items()})


def texts(words: "list[str] | tuple[str, ...]") -> str:
    """A list of texts in SQL."""
    return f"[{', '.join(map(quoted, words))}]::VARCHAR[]"


def quoted(word: str) -> str:
    """A text in SQL."""
    return "'" + word.replace("'", "''") + "'"
