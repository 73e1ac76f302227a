"""The formats of orders as the command line shows them."""

from collections.abc import Iterator

from multimarket_async.domains import Formats, IncomingFile, Preview
from multimarket_async.domains.orders.channels import CONTRACT, Channel
from multimarket_async.domains.orders.exported import exported
from multimarket_async.domains.orders.formats.declared import declared, names, source
from multimarket_async.domains.orders.formats.preview import previews
from multimarket_async.domains.orders.formats.suggest import suggested
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.errors import WrongSettings

OF_CONTRACT = "# One order a file, in the words of MultiMarket: see the contract of an order. It has no declaration.\n"


def formats(settings: OrderSettings) -> Formats:
    """All formats. A preview is that of the first channel of the format, if there is one."""

    def preview(name: str, file: IncomingFile) -> Iterator[Preview]:
        if name == CONTRACT:
            raise WrongSettings("The format contract has no declaration: `check` without --format checks its files.")
        form = declared(name)
        channel = next((each for each in settings.channels if each.format == name), Channel(name, name, name))
        return previews(form, channel.currency or settings.currency, exported(channel, settings), file)

    return Formats(
        names, _described, lambda name: OF_CONTRACT if name == CONTRACT else source(name)[1], preview, suggested
    )


def _described(name: str) -> tuple[str, str]:
    if name == CONTRACT:
        return "", "Orders in the words of MultiMarket"
    return source(name)[0], declared(name).title
