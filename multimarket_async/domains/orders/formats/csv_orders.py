"""Orders of a CSV file with a row for each line: the rows of one key are an order, wherever they stand in the file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from multimarket_async.domains import Document, FollowUp, IncomingFile, Located, Record, RejectedRecord
from multimarket_async.domains.orders.formats.declared import Format
from multimarket_async.domains.orders.formats.paths import Get, compiled, is_true, steps
from multimarket_async.domains.orders.formats.values import NOTHING, first_of, identifier, value_of
from multimarket_async.domains.orders.formats.wide import ROWS
from multimarket_async.errors import Rejected
from multimarket_async.formats.csv_rows import Rows
from multimarket_async.formats.found import delimiter_of, encoding_of
from multimarket_async.formats.records import Make, at_line, reasons_of
from multimarket_async.formats.texts import MAX_BYTES, Encoding, chunks, decoded, lines
from multimarket_async.strict_json import shown

FALLBACK = "cp1252"  # where the encoding is not declared, and it is not UTF-8


class _Row(NamedTuple):
    """A row: its first line in the file, its text, and its values by column."""

    line: int
    text: str
    values: dict[str, str]


class _Text(NamedTuple):
    """A CSV file as it is written. kept: which of its rows are lines of orders."""

    encoding: Encoding
    delimiter: str
    kept: Get


def csv_reader(form: Format, make: Make) -> Callable[[IncomingFile], Iterator[Record]]:
    """The `read` of a feed. make: a document from an order: the values of its first row, and `rows`, of all."""
    key_of, needed = value_of(first_of("order_id", form.order.order_id, identifier)), _needed(form)

    def read(file: IncomingFile) -> Iterator[Record]:
        how = _how(form, file)
        if file.skimmed:
            yield from ({} for _ in _rows(file, how, needed))
            return
        scattered = _scattered(_rows(file, how, needed), key_of)
        head = how.encoding.bom + _head(file, how).encode(how.encoding.name)
        for found in _grouped(_rows(file, how, needed), key_of, scattered):
            if isinstance(found, Rejected):
                yield _rejected([found], [], how, head, found.facts or {})
            else:
                yield from _records(found, make, how, head)

    return read


def _how(form: Format, file: IncomingFile) -> _Text:
    encoding = encoding_of(file, form.csv.encoding or None, FALLBACK, MAX_BYTES)
    delimiter = form.csv.delimiter or delimiter_of(lambda: _texts(file, encoding), _needed(form))
    return _Text(encoding, delimiter, compiled(form.rows[0]) if form.rows else lambda _: True)


def _texts(file: IncomingFile, encoding: Encoding, delimiter: str | None = None) -> Iterator[str]:
    return lines(decoded(chunks(file, MAX_BYTES, delimiter), encoding))


def _needed(form: Format) -> list[str]:
    """The columns without which no row is part of an order."""
    paths = (form.order.order_id, form.order.date_commande, form.lines.nom, form.lines.quantite)
    return [names[0] for path in paths if len(path) == 1 and (names := steps(path[0].removeprefix("-")))]


def _head(file: IncomingFile, how: _Text) -> str:
    next(iter(rows := Rows(_texts(file, how.encoding, how.delimiter), how.delimiter)), None)
    return "".join(rows.lines)


def _rows(file: IncomingFile, how: _Text, needed: Iterable[str]) -> Iterator[_Row | Rejected]:
    """The rows; one that is broken is a Rejected, with its line. Raises Rejected."""
    rows = Rows(_texts(file, how.encoding, how.delimiter), how.delimiter)
    header = _header(rows, needed)
    for row in rows:
        if isinstance(row, Rejected):
            yield replace(row, line=rows.line, facts={"raw": rows.text})
        elif len(row) == len(header):
            found = _Row(rows.line, rows.text, dict(zip(header, row, strict=True)))
            if is_true(how.kept(found.values)):
                yield found
        elif row != [""] and any(map(str.strip, row)):
            sentence = f"The row has {len(row)} fields; the header has {len(header)}."
            yield Rejected("wrong_field_count", sentence, line=rows.line, facts={"raw": rows.text})


def _header(rows: Rows, needed: Iterable[str]) -> list[str]:
    first = next(iter(rows), None)
    if first is None:
        raise Rejected("empty_file", "The file is empty.", unfinished=True)
    if isinstance(first, Rejected):
        raise first
    header = [name.strip() for name in first]
    if missing := [name for name in needed if name not in header]:
        sentence = f"The header lacks {_listed(missing)}; it has {_listed(header)}."
        raise Rejected("missing_column", sentence, line=1, unfinished=not rows.lines[-1].endswith(("\n", "\r")))
    return header


def _listed(names: list[str]) -> str:
    return ", ".join(map(shown, names[:40]))


# --- Rows of one order ----------------------------------------------------------------------


def _key(row: _Row, key_of: Get) -> Any:
    found = key_of(row.values)
    return None if found in NOTHING else found


def _scattered(rows: Iterable[_Row | Rejected], key_of: Get) -> set[Any]:
    """The keys whose rows do not stand together. Of the others no row is kept longer than its order lasts."""
    seen, scattered, current = set[int](), set[Any](), None
    for row in rows:
        if isinstance(row, Rejected) or (key := _key(row, key_of)) == current:
            continue
        current = key
        if hash(key) in seen:
            scattered.add(key)
        seen.add(hash(key))
    return scattered


def _grouped(rows: Iterable[_Row | Rejected], key_of: Get, scattered: set[Any]) -> Iterator[list[_Row] | Rejected]:
    """The rows of each order, those of scattered ones at the end; and the broken rows between them."""
    later: dict[Any, list[_Row]] = {}
    group, current = list[_Row](), None
    for row in rows:
        if isinstance(row, Rejected):
            yield row
            continue
        key = _key(row, key_of)
        if group and key != current:
            yield group
            group = []
        if key is None:
            yield [row]
        elif key in scattered:
            later.setdefault(key, []).append(row)
        else:
            group.append(row)
        current = key
    if group:
        yield group
    yield from later.values()


def _records(rows: list[_Row], make: Make, how: _Text, head: bytes) -> Iterator[Record]:
    """The order of these rows. Rows that are no good by themselves are rejected, and the others are the order."""
    made = _made(rows, make)
    if not isinstance(made, list):
        yield Located(made, rows[0].line, _raw(rows, how), head)
        return
    alone = [_made([row], make) for row in rows]
    good = [row for row, found in zip(rows, alone, strict=True) if not isinstance(found, list)]
    if len(good) in (0, len(rows)):
        yield _rejected(made, rows, how, head)
        return
    for row, found in zip(rows, alone, strict=True):
        if isinstance(found, list):
            yield _rejected(found, [row], how, head)
    yield from _records(good, make, how, head)


def _order(rows: list[_Row]) -> dict[str, Any]:
    return {**rows[0].values, ROWS: [row.values for row in rows]}


def _made(rows: list[_Row], make: Make) -> Document | FollowUp | list[Rejected]:
    """The document of these rows, or the reasons why there is none."""
    try:
        return make(_order(rows))
    except Exception as error:  # noqa: BLE001 - a mistake of the domain is of this record
        return reasons_of(error)


def _raw(rows: list[_Row], how: _Text) -> bytes:
    return "".join(row.text for row in rows).encode(how.encoding.name)


def _rejected(
    reasons: list[Rejected], rows: list[_Row], how: _Text, head: bytes, facts: dict[str, Any] | None = None
) -> RejectedRecord:
    line = rows[0].line if rows else reasons[0].line or 1
    raw = _raw(rows, how) if rows else str((facts or {}).get("raw", "")).encode(how.encoding.name)
    placed = tuple(replace(at_line(reason, line, unfinished=False), facts=None) for reason in reasons)
    return RejectedRecord(placed, line, raw, head)
