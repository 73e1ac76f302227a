"""Orders of a JSON file: one, a list of them, a list inside an object, or one a line."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from pydantic_core import to_json

from multimarket_async.domains import IncomingFile, Located, Record, RejectedRecord
from multimarket_async.domains.orders.formats.declared import Format
from multimarket_async.domains.orders.formats.paths import Get, compiled, steps
from multimarket_async.errors import Rejected
from multimarket_async.formats import Json
from multimarket_async.formats.json_files import RECORDS
from multimarket_async.formats.records import Make, reasons_of
from multimarket_async.formats.texts import GZIP
from multimarket_async.strict_json import BOM, loads, pointer_to, shown

# What is parsed as a whole; of a larger file its orders are, one by one.
WHOLE_BYTES = 4 << 20


def json_reader(form: Format, make: Make) -> Callable[[IncomingFile], Iterator[Record]]:
    """The `read` of a feed. make: a document from an order as its sender has it."""
    orders = _orders(form)

    def read(file: IncomingFile) -> Iterator[Record]:
        with file.open() as stream:
            content = stream.read(WHOLE_BYTES + 1)
        start = content[: len(BOM) + 64].removeprefix(BOM).lstrip()[:1]
        if start != b"{" or content.startswith(GZIP):
            yield from Json().reader(lambda tree: make(_single(orders(tree))))(file)
        elif len(content) > WHOLE_BYTES:
            yield from Json(_pointer_in(form, content)).reader(lambda tree: make(_single(orders(tree))))(file)
        else:
            yield from _whole(file, content, orders, make)

    return read


def _orders(form: Format) -> Get:
    """The first alternative that is there."""
    getters = [compiled(path) for path in form.orders]

    def orders(tree: Any) -> Any:
        for get in getters:
            if (found := get(tree)) is not None and found is not False:
                return found
        return None

    return orders


def _single(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Rejected("not_an_object", f"An order is an object, and not {shown(found)}.")
    return found


def _whole(file: IncomingFile, content: bytes, orders: Get, make: Make) -> Iterator[Record]:
    try:
        tree = loads(content)
    except Rejected as fault:
        if b"\n" not in content.strip():
            raise
        yield from _lines(file, orders, make, fault)
        return
    found = orders(tree)
    if isinstance(found, list):
        yield from _listed(file, tree, found, make)
    else:
        yield {} if file.skimmed else _record(found, make, 1, content)


def _lines(file: IncomingFile, orders: Get, make: Make, fault: Rejected) -> Iterator[Record]:
    """Orders one a line, unless the file is one object with a fault."""
    try:
        yield from Json().reader(lambda tree: make(_single(orders(tree))))(file)
    except Rejected as rejected:
        raise (fault if rejected.code == fault.code else rejected) from None


def _listed(file: IncomingFile, tree: Any, found: list[Any], make: Make) -> Iterator[Record]:
    """The orders of a list inside the object, each with its line."""
    if file.skimmed:
        yield from ({} for _ in found)
    elif (pointer := _pointer_to(found, tree)) is not None:
        yield from Json(pointer).reader(lambda order: make(_single(order)))(file)
    else:
        for number, order in zip(count(1), found, strict=False):
            yield _record(order, make, number, to_json(order), RECORDS.encode())


def _record(found: Any, make: Make, line: int, raw: bytes, head: bytes = b"") -> Record:
    try:
        return Located(make(_single(found)), line, raw, head)
    except Exception as error:  # noqa: BLE001 - a mistake of the domain is of this record
        return RejectedRecord(tuple(reasons_of(error)), line, raw, head)


def _pointer_to(wanted: Any, tree: Any, depth: int = 4) -> str | None:
    """The JSON pointer of exactly this object, below objects."""
    if wanted is tree:
        return ""
    if not isinstance(tree, dict) or not depth:
        return None
    for key, value in tree.items():
        if (below := _pointer_to(wanted, value, depth - 1)) is not None:
            return pointer_to(key) + below
    return None


def _pointer_in(form: Format, content: bytes) -> str:
    """The JSON pointer of the list in a large file; "" where its objects are the orders, one a line."""
    first = content.partition(b"\n")[0].strip()
    named = [path for path in form.orders if (names := steps(path)) and b'"%b"' % names[0].encode() in content]
    if not named or (first.startswith(b"{") and first.endswith(b"}")):
        return ""
    return pointer_to(*(steps(named[0]) or ()))
