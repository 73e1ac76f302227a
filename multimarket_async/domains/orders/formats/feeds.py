"""Feeds of channels whose files have a declared format."""

from collections.abc import Callable, Iterable

from multimarket_async.domains import Feed, IncomingFile, Table
from multimarket_async.domains.orders.channels import CONTRACT, Channel
from multimarket_async.domains.orders.currencies import exponent
from multimarket_async.domains.orders.exported import exported
from multimarket_async.domains.orders.formats import as_ndjson, orders, reader, suffixes
from multimarket_async.domains.orders.formats.declared import declared
from multimarket_async.domains.orders.settings import OrderSettings

CSV_BYTES = 1 << 30


def declared_feed(channel: Channel, table: Table, settings: OrderSettings) -> Feed:
    """The feed of a channel. Raises WrongSettings."""
    form = declared(channel.format)
    return Feed(
        name=channel.directory,
        table=table,
        read=reader(form.uncompared, _decimals(channel, settings), exported(channel, settings)),
        suffixes=suffixes(form),
        records="many",
        on_bad_record="keep_rest",
        self_delimiting=form.files == "json",
        max_file_bytes=CSV_BYTES if form.files == "csv" else None,
    )


def in_our_words(settings: OrderSettings) -> dict[str, Callable[[IncomingFile], Iterable[bytes]]]:
    """For SQL: the orders of a file in our words, one a line of JSON, of each channel with a declared format."""
    return {
        channel.directory: _ndjson(channel, settings) for channel in settings.channels if channel.format != CONTRACT
    }


def _ndjson(channel: Channel, settings: OrderSettings) -> Callable[[IncomingFile], Iterable[bytes]]:
    read = orders(declared(channel.format), _decimals(channel, settings), exported(channel, settings))
    return lambda file: as_ndjson(read(file))


def _decimals(channel: Channel, settings: OrderSettings) -> Callable[[str], int]:
    return lambda currency: exponent(currency or channel.currency or settings.currency)
