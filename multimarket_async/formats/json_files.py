"""JSON files of many records: an array of objects, one object a line (NDJSON), or objects one after the other."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from multimarket_async.errors import Rejected
from multimarket_async.feeds import IncomingFile, Located, Record, RejectedRecord
from multimarket_async.formats.json_text import JsonText
from multimarket_async.formats.records import Make, at_line, reasons_of
from multimarket_async.formats.texts import MAX_BYTES, Encoding, chunks, decoded, encoding_by_mark
from multimarket_async.strict_json import faults, loads, shown

# At the start of a file, in RFC 7464 at the start of a record: behind it are the records themselves, whatever the
# pointer. It is the head of rejected ones.
RECORDS = "\x1e"


@dataclass(frozen=True)
class Json:
    """A JSON file of many objects; the first character says how they are written.

    at: the JSON pointer (RFC 6901) of an array inside the one object of the file, such as the answer of an API.
    """

    at: str = ""
    max_bytes: int = MAX_BYTES

    def reader(self, make: Make) -> Callable[[IncomingFile], Iterator[Record]]:
        """The `read` of a feed. make: a document or follow-up from an object."""
        return lambda file: ({} for _ in _all(self, file)) if file.skimmed else _records(self, file, make)


class _Element(NamedTuple):
    """The text of a record, and its place. ended: more bytes could not complete it. chars: with its line end."""

    text: str
    line: int
    column: int
    ended: bool = True
    chars: int = 0


def _records(form: Json, file: IncomingFile, make: Make) -> Iterator[Record]:
    for element in _all(form, file):
        yield _record(element, make, RECORDS.encode() if form.at else b"")


def _all(form: Json, file: IncomingFile) -> Iterator[_Element]:
    content = chunks(file, form.max_bytes)
    start = next(content, b"")
    encoding = encoding_by_mark(start) or Encoding("utf-8")
    if encoding.name != "utf-8":
        raise Rejected("not_utf8", "The file is UTF-16 text; save it as UTF-8.")
    text = JsonText(decoded(chain([start], content), encoding))
    yield from _elements(text, form.at)


def _elements(text: JsonText, at: str) -> Iterator[_Element]:
    if not text.next_char():
        raise Rejected("empty_file", "The file is empty.", unfinished=True)
    if text.passes(RECORDS):
        yield from _of_sequence(text)
    elif at:
        yield from _inside(text, at, at.split("/")[1:])
        text.end()
    elif text.next_char() == "[":
        yield from _of_array(text)
        text.end()
    else:
        yield from _of_sequence(text)


def _of_array(text: JsonText) -> Iterator[_Element]:
    text.take("[")
    if text.passes("]"):
        return
    yield _whole(text)
    while text.take(",]") == ",":
        yield _whole(text)


def _inside(text: JsonText, at: str, steps: list[str]) -> Iterator[_Element]:
    """The elements of the array at this pointer, of which these steps are left."""
    if not steps:
        yield from _of_array(text)
        return
    wanted, found = steps[0].replace("~1", "/").replace("~0", "~"), False
    for key in _keys(text):
        if key != wanted:
            text.value()
        elif found:
            raise Rejected("duplicate_key", f"The key {shown(key)} is given twice.", at)
        else:
            found = True
            yield from _inside(text, at, steps[1:])
    if not found:
        raise Rejected("missing_field", f"The file has nothing at {at}, where its records should be.", at)


def _keys(text: JsonText) -> Iterator[str]:
    """The keys of an object; the value of each is passed by the caller."""
    text.take("{")
    if text.passes("}"):
        return
    yield _key(text)
    while text.take(",}") == ",":
        yield _key(text)


def _key(text: JsonText) -> str:
    if text.next_char() != '"':
        text.take('"')
    key = json.loads(text.value())
    text.take(":")
    return str(key)


def _of_sequence(text: JsonText) -> Iterator[_Element]:
    """Objects one after the other, or one a line, which the first one decides."""
    try:
        first = _whole(text)
    except Rejected as rejected:
        yield from _lines_after_bad_one(text, rejected)
        return
    yield first
    if "\n" not in first.text and text.is_at_line_end():
        yield from _of_lines(text)
    while text.next_char():
        yield _whole(text)


def _lines_after_bad_one(text: JsonText, rejected: Rejected) -> Iterator[_Element]:
    """The lines of a text whose first line is no value; Raises Rejected if the second one is none either."""
    first, second = _line(text), _line(text) if text.next_char() else None
    if second is None or not _is_object(second.text):
        raise rejected
    yield from (first, second)
    yield from _of_lines(text)


def _is_object(text: str) -> bool:
    try:
        return isinstance(loads(text.encode()), dict)
    except Rejected:
        return False


def _of_lines(text: JsonText) -> Iterator[_Element]:
    while text.next_char():
        line = _line(text)
        yield line if line.text.endswith("}") else _begun_by(text, line)


def _begun_by(text: JsonText, line: _Element) -> _Element:
    """The object on several lines that this line begins; the line, if it begins none."""
    text.back(line.chars)
    try:
        return _whole(text)
    except Rejected:
        return _line(text)


def _line(text: JsonText) -> _Element:
    place, line = text.place(), text.rest_of_line()
    return _Element(line.rstrip(" \t\r\n"), *place, ended=line.endswith("\n"), chars=len(line))


def _whole(text: JsonText) -> _Element:
    text.next_char()
    place = text.place()
    return _Element(text.value(), *place)


def _record(element: _Element, make: Make, head: bytes) -> Record:
    content = element.text.encode()
    try:
        tree = loads(content)
    except Rejected as fault:
        return _rejected(element, head, [_moved(reason, element) for reason in faults(content) or [fault]])
    if not isinstance(tree, dict):
        return _rejected(element, head, [Rejected("not_an_object", f"A record is an object, and not {shown(tree)}.")])
    try:
        return Located(make(tree), element.line, content, head)
    except Exception as error:  # noqa: BLE001 - a mistake of the domain is of this record
        return _rejected(element, head, reasons_of(error))


def _moved(fault: Rejected, element: _Element) -> Rejected:
    """A fault of the element's text, with its place in the file."""
    if fault.line is None or fault.column is None:
        return fault
    line = fault.line + element.line - 1
    column = fault.column + (element.column - 1 if fault.line == 1 else 0)
    sentence = fault.sentence.replace(
        f"at line {fault.line}, column {fault.column}", f"at line {line}, column {column}"
    )
    return replace(fault, sentence=sentence, line=line, column=column)


def _rejected(element: _Element, head: bytes, reasons: list[Rejected]) -> RejectedRecord:
    placed = tuple(at_line(reason, element.line, unfinished=not element.ended) for reason in reasons)
    return RejectedRecord(placed, element.line, element.text.encode(), head)
