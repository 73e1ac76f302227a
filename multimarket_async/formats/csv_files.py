"""CSV files: columns declared by their headers, and a record for each row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import structlog

from multimarket_async.compiled import compiled_module
from multimarket_async.errors import Rejected
from multimarket_async.feeds import IncomingFile, Located, Record, RejectedRecord
from multimarket_async.formats.columns import Column, Parse, Text
from multimarket_async.formats.csv_rows import PlainRows, Rows
from multimarket_async.formats.dates import DateOrder
from multimarket_async.formats.found import DELIMITERS, conventions_of, delimiter_of, encoding_of, plain_name
from multimarket_async.formats.numbers import DecimalMark, Integer, Money
from multimarket_async.formats.records import Make, at_line, reasons_of
from multimarket_async.formats.texts import MAX_BYTES, chunks, decoded, lines
from multimarket_async.strict_json import pointer_to, shown

_rows = compiled_module(f"{__package__}._rows", "records")

log = structlog.get_logger()

# By header: its place in a line, and its declaration.
_Columns: TypeAlias = dict[str, tuple[int, Column]]
MOST_NAMES = 40
_new = tuple.__new__  # Located(...) takes twice the time
# What C reads without a function in Python: plain digits, with exactly so many decimals, and texts. A derived class is
# none of them.
_KINDS: dict[type[Column], int] = {Integer: 1, Money: 2, Text: 3}


@dataclass(frozen=True)
class Csv:
    """A CSV file with a header, and its conventions. One that is None is found over the whole file, and logged.

    columns: by header, which may be "". Each must be there; their order does not matter.
    encoding: a byte order mark takes precedence. None: UTF-8 if all of the file is, else `fallback_encoding`.
    decimal, dates: of every column that has none of its own.
    other_columns: left out, or kept as texts under their headers.
    """

    columns: Mapping[str, Column]
    delimiter: str | None = ","
    encoding: str | None = "utf-8"
    fallback_encoding: str | None = None
    decimal: DecimalMark | None = "."
    dates: DateOrder | None = "ymd"
    other_columns: Literal["ignore", "keep"] = "ignore"
    max_bytes: int = MAX_BYTES

    def __post_init__(self) -> None:
        for name in ("encoding", "fallback_encoding"):
            if encoding := getattr(self, name):
                object.__setattr__(self, name, plain_name(encoding))

    def reader(self, make: Make) -> Callable[[IncomingFile], Iterator[Record]]:
        """The `read` of a feed. make: a document or follow-up from a row, its values by the fields of the columns."""
        return lambda file: _records(self, file, dict if file.skimmed else make)

    def utf8(self, file: IncomingFile) -> Iterator[bytes]:
        """The same file in UTF-8, without a byte order mark, whatever it was before. Raises Rejected."""
        encoding = encoding_of(file, self.encoding, self.fallback_encoding, self.max_bytes, self.delimiter)
        for text in decoded(chunks(file, self.max_bytes, self.delimiter), encoding):
            yield text.encode()


class _Cell(NamedTuple):
    """A column of a file: its field in a row, the reader of its values, its place in a line, and its header.

    kind, decimals: of the values that C reads without the reader.
    """

    field: str
    parse: Parse
    place: int
    kind: int
    decimals: int
    header: str


class _Opened(NamedTuple):
    """A file behind its header. head: the bytes of the header. plain: C, where it was compiled; makes records too."""

    rows: Rows
    cells: tuple[_Cell, ...]
    fields: int
    head: bytes
    encoding: str
    plain: PlainRows | None


def _opened(csv: Csv, file: IncomingFile, make: Make) -> _Opened:
    encoding = encoding_of(file, csv.encoding, csv.fallback_encoding, csv.max_bytes, csv.delimiter)

    def open_lines() -> Iterator[str]:
        return lines(decoded(chunks(file, csv.max_bytes, csv.delimiter), encoding))

    delimiter = csv.delimiter or delimiter_of(open_lines, csv.columns)
    header = _header(rows := Rows(open_lines(), delimiter))
    columns = _placed(csv, header, whole=rows.lines[-1].endswith(("\n", "\r")))
    declared = {name: column.declared(csv.decimal, csv.dates) for name, (_, column) in columns.items()}
    found = _found(columns, declared, Rows(open_lines(), delimiter))
    if not (file.skimmed or file.again):
        _log(csv, file, encoding.name, delimiter, found)
    read = () if file.skimmed else columns
    cells = tuple(_cell(name, *columns[name], found.get(name) or declared[name]) for name in read)
    head = encoding.bom + "".join(rows.lines).encode(encoding.name)
    maker = None if make is dict else make  # C gives the values themselves
    facts = (delimiter, len(header), cells, maker, Located, head)
    in_c = partial(_rows.records, *facts) if _rows and delimiter in DELIMITERS else None
    return _Opened(rows, cells, len(header), head, encoding.name, in_c)


def _cell(header: str, place: int, column: Column, convention: str | None) -> _Cell:
    is_plain = (type(column), convention) != (Money, ",") and not column.demands
    kind = _KINDS.get(type(column), 0) if is_plain else 0
    decimals = column.exponent if isinstance(column, Money) else 0
    return _Cell(column.field, column.parser(convention), place, kind, decimals, header)


def _header(rows: Rows) -> list[str]:
    header = next(iter(rows), None)
    if header is None:
        raise Rejected("empty_file", "The file is empty.", unfinished=True)
    if isinstance(header, Rejected):
        raise header
    if any("\0" in name for name in header):
        raise Rejected("wrong_encoding", "The file looks like UTF-16 text; save it as UTF-8.", line=rows.line)
    return [name.strip() for name in header]


def _placed(csv: Csv, header: list[str], *, whole: bool) -> _Columns:
    """The columns by header, with their places. Raises Rejected."""
    if missing := [name for name in csv.columns if name not in header]:
        sentence = f"The header lacks {_listed(missing)}; it has {_listed(header)}."
        raise Rejected("missing_column", sentence, line=1, unfinished=not whole)
    columns = {**csv.columns}
    if csv.other_columns == "keep":
        columns |= {name: Text(name, nullable=True) for name in header if name and name not in columns}
    fields = [column.field for column in columns.values()]
    if twice := [name for name in columns if header.count(name) > 1 or fields.count(columns[name].field) > 1]:
        raise Rejected("duplicate_column", f"The header has twice what is one column: {_listed(twice)}.", line=1)
    return {name: (header.index(name), column) for name, column in columns.items()}


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")


def _found(columns: _Columns, declared: dict[str, str | None], rows: Rows) -> dict[str, str]:
    """The conventions that are not declared, by header. Raises Rejected."""
    unknown = {name: columns[name] for name, convention in declared.items() if convention is None}
    if not unknown:
        return {}
    fields = len(_header(rows))
    return conventions_of((row for row in rows if isinstance(row, list) and len(row) == fields), unknown)


def _log(csv: Csv, file: IncomingFile, encoding: str, delimiter: str, conventions: dict[str, str]) -> None:
    found = {"encoding": None if csv.encoding else encoding, "delimiter": None if csv.delimiter else delimiter}
    facts = {name: fact for name, fact in {**found, "columns": conventions}.items() if fact}
    if facts:
        log.info("format.found", feed=file.feed, file=file.name, **facts)


def _records(csv: Csv, file: IncomingFile, make: Make) -> Iterator[Record]:
    opened = _opened(csv, file, make)
    rows, head = opened.rows, opened.head
    for row in rows.behind_header(opened.plain):
        if isinstance(row, tuple):
            yield from row
            continue
        values = _values(opened, row)
        if isinstance(values, RejectedRecord):
            yield values
        elif values is not None:
            try:
                record: Record = _new(Located, (make(values), rows.line, rows.text, head))
            except Exception as error:  # noqa: BLE001 - a mistake of the domain is of this record
                record = _rejected(opened, _made_faults(opened.cells, error))
            yield record


def _values(opened: _Opened, row: list[str] | Rejected) -> dict[str, Any] | RejectedRecord | None:
    """The values of a row by their fields; None if it is blank."""
    if isinstance(row, Rejected) or len(row) != opened.fields:
        reasons = _broken(opened.rows, row, opened.fields)
        return _rejected(opened, reasons) if reasons else None
    try:
        return {cell.field: cell.parse(row[cell.place]) for cell in opened.cells}
    except Rejected:
        return _rejected(opened, _faults(opened.cells, row))


def _broken(rows: Rows, row: list[str] | Rejected, fields: int) -> list[Rejected]:
    """The fault of a row that does not fit the header; none if the row is blank."""
    if isinstance(row, Rejected):
        return [row]
    if len(row) == 1 and not row[0].strip():
        return []
    if rows.has_row_behind_first_line(fields):
        rows.keep_first_line()
        return [Rejected("unclosed_quote", "A quote is opened on this line and not closed.")]
    return [Rejected("wrong_field_count", f"The row has {len(row)} fields; the header has {fields}.")]


def _faults(cells: tuple[_Cell, ...], row: list[str]) -> list[Rejected]:
    """The faults of the values of a row, each with its column."""
    faults = []
    for cell in cells:
        try:
            cell.parse(row[cell.place])
        except Rejected as fault:
            sentence = f"{cell.header}: {fault.sentence}."
            faults.append(replace(fault, sentence=sentence, pointer=pointer_to(cell.header)))
    return faults


def _made_faults(cells: tuple[_Cell, ...], error: Exception) -> list[Rejected]:
    """The faults that the maker of the record found, those of a field with its column."""
    pointers = {pointer_to(cell.field): pointer_to(cell.header) for cell in cells}
    return [replace(fault, pointer=pointers.get(fault.pointer, fault.pointer)) for fault in reasons_of(error)]


def _rejected(opened: _Opened, reasons: list[Rejected]) -> RejectedRecord:
    rows, text = opened.rows, opened.rows.text
    cut = not text.endswith(("\n", "\r"))
    raw = text.removesuffix("\n").removesuffix("\r").encode(opened.encoding)
    placed = tuple(at_line(reason, rows.line, unfinished=cut) for reason in reasons)
    return RejectedRecord(placed, rows.line, raw, opened.head)
