"""The stage from feeds to landing directories: simulated deliveries, live at a pace, or a backfill at full speed."""

from multimarket_async.producer.backfill import Backfill, by_share, write_backfill
from multimarket_async.producer.pace import ArrivalProcess
from multimarket_async.producer.period import LAST_24_MONTHS, Period
from multimarket_async.producer.producer import Producer
