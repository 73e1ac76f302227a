"""Exchange rates: a feed of CSV files, `date,currency,rate`. A rate holds from its date until the next one."""

import re
from datetime import date
from typing import Any

from multimarket_async.domains import Document, Feed, Table
from multimarket_async.domains.orders.channels import CURRENCY
from multimarket_async.domains.orders.currencies import number
from multimarket_async.domains.orders.money import RATE_DECIMALS, RATES
from multimarket_async.errors import Rejected
from multimarket_async.formats import Csv, Text
from multimarket_async.store import Int64
from multimarket_async.strict_json import shown

COLUMNS = ("date", "currency", "rate")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOST = 10**6  # of the reporting currency for one unit
FRENCH = {
    "{} must be three letters of ISO 4217": "{} doit être trois lettres de l'ISO 4217",
    "{} must be a date such as 2026-03-28": "{} doit être une date comme 2026-03-28",
    "{} must be above 0 and at most {}, with at most {} decimals": (
        "{} doit être supérieur à 0 et au plus {}, avec {} décimales au plus"
    ),
}


def rates_feed() -> Feed:
    """The feed; of two rates of a currency and day the one of the newer file holds."""
    return Feed(
        name=RATES,
        table=Table(RATES, "upsert"),
        read=Csv({name: Text(name) for name in COLUMNS}).reader(_rate),
        suffixes=(".csv", ".csv.gz"),
        records="many",
        on_bad_record="keep_rest",
        self_delimiting=False,
    )


def _rate(row: dict[str, Any]) -> Document:
    currency, day = row["currency"].strip().upper(), row["date"].strip()
    if not CURRENCY.fullmatch(currency) or not currency:
        raise Rejected("unknown_currency", _sentence("currency", "three letters of ISO 4217", row), "/currency")
    if not DAY.fullmatch(day) or not _is_day(day):
        raise Rejected("bad_date", _sentence("date", "a date such as 2026-03-28", row), "/date")
    rate = number(row["rate"])
    units = None if rate is None else rate.scaleb(RATE_DECIMALS)
    if rate is None or units is None or not 0 < rate <= MOST or units != units.to_integral_value():
        demand = f"above 0 and at most {MOST}, with at most {RATE_DECIMALS} decimals"
        raise Rejected("out_of_range", _sentence("rate", demand, row), "/rate")
    fields = {"date": day, "currency": currency, "rate": float(rate), "rate_units": Int64(int(units))}
    return {"_id": f"{currency}:{day}", **fields}


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _sentence(field: str, demand: str, row: dict[str, Any]) -> str:
    return f"{field} must be {demand}, and is {shown(row[field])}."
