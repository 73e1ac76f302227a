"""Readers of file formats: from a file to its records, one by one, with what is wrong with each.

A domain declares a format and hands it the function that makes a record of a row or an object:

    LINES = Csv({"order.id": Integer("order_id"), "order.date": Date("ordered_on")}, delimiter=";", dates="mdy")
    Feed(..., read=LINES.reader(make))
    Feed(..., read=Json(at="/results").reader(make))

Any of these files may be compressed with gzip. A workbook (.xlsx) is read as the CSV file that its first sheet makes,
with the extra `xlsx`.
"""

from multimarket_async.formats.columns import Boolean, Column, Demand, Text
from multimarket_async.formats.csv_files import Csv
from multimarket_async.formats.dates import Date, Instant
from multimarket_async.formats.json_files import Json
from multimarket_async.formats.numbers import Integer, Money, Number
