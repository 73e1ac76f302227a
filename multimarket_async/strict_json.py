"""JSON from outside -> a tree that any reader and BSON can hold, or Rejected with the place of the fault.

RFC 8259 leaves open what duplicate keys, lone surrogates and numbers beyond a double mean, and
Python's json also takes NaN and Infinity. Here each of these is a fault.

Good text is parsed once, by jiter, the parser of pydantic. Only a doubtful text is parsed again, by Python's json,
with its faults kept in place as marks, and walked to the first of them in document order.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from jiter import from_json

from multimarket_async.errors import Rejected

BOM = b"\xef\xbb\xbf"
SHOWN_CHARS = 60
SEGMENT_CHARS = 200
INT64 = range(-(2**63), 2**63)
INT64_CHARS = 20

# With each digit read as 0: a number of less than 19 digits is an integer of 64 bits or, without an exponent of three
# digits, no infinity. A text that looks like more is a false alarm, and costs a second parse.
_DIGITS_AS_ZERO, _SIGNS_AND_BRACKETS = bytes.maketrans(b"123456789E", b"000000000e"), b"+{["
_MANY_DIGITS, _EXPONENT = b"0" * 19, b"0e000"
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
# What a cut can leave of a literal, a number or a \u escape.
_CUT_TOKEN = re.compile(
    r"(?<![^\s\[:,])(?:t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-|-?(?:0|[1-9][0-9]*)(?:\.|(?:\.[0-9]+)?[eE][+-]?))\Z"
    r"|\\u[0-9a-fA-F]{0,4}\Z"
)


def loads(content: bytes, max_depth: int = 64) -> Any:
    """Parse JSON. max_depth: levels of nested objects and lists, at most 200. Raises Rejected."""
    content = content.removeprefix(BOM)
    try:
        tree = from_json(content, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        unnamed = Rejected("syntax_error", f"This is not JSON: {error}.", unfinished=True)
        raise next(_faults(_decoded(content), max_depth), unnamed) from None
    if _is_doubtful(content, max_depth):
        for fault in _faults(content.decode(), max_depth):
            raise fault
    return tree


def faults(content: bytes, max_depth: int = 64) -> list[Rejected]:
    """Every fault for which `loads` rejects it, in document order. Raises Rejected if it is not JSON at all."""
    return list(_faults(_decoded(content.removeprefix(BOM)), max_depth))


def _is_doubtful(content: bytes, max_depth: int) -> bool:
    """True if jiter may have accepted a fault: a number too large, a NUL in a key, too many levels."""
    if b"\\" in content and b"\\u0000" in content:
        return True
    numbers = _numbers(content)
    if _may_overflow(numbers) and _may_overflow(_numbers(_STRING.sub(b'""', content))):
        return True
    return len(content) - len(numbers) > max_depth and _is_too_deep(content.decode(), max_depth)


def _numbers(content: bytes) -> bytes:
    """The text with each digit as 0, without what may stand before the digits of an exponent, or opens a level."""
    return content.translate(_DIGITS_AS_ZERO, _SIGNS_AND_BRACKETS)


def _may_overflow(numbers: bytes) -> bool:
    """True if something looks like a number too large; so do identifiers such as 4e567-… in a text."""
    return _MANY_DIGITS in numbers or _EXPONENT in numbers


def shown(value: Any) -> str:
    """A value named in a sentence: bounded, on one line, its control characters made visible."""
    match value:
        case str():
            return repr(value[:SHOWN_CHARS]) + ("…" if len(value) > SHOWN_CHARS else "")
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return _bounded(json.dumps(value))


def pointer_to(*segments: str | int) -> str:
    """The JSON pointer (RFC 6901) of these steps. A key too long to be read is shortened."""
    return "".join("/" + _segment(str(segment)) for segment in segments)


def _segment(key: str) -> str:
    # A lone surrogate could not be written into a log or a reason file.
    printable = key.encode("utf-8", "backslashreplace").decode()
    return _bounded(printable, SEGMENT_CHARS).replace("~", "~0").replace("/", "~1")


def _bounded(text: str, limit: int = SHOWN_CHARS) -> str:
    return text if len(text) <= limit else text[:limit] + "…"


# --- Why a text is not accepted -------------------------------------------------------------


class _Mark(NamedTuple):
    """A number at fault, kept in its place in the tree."""

    code: str
    literal: str


class _Members(list[tuple[str, Any]]):
    """An object's members as written, duplicates included."""


def _marked_integer(literal: str) -> int | _Mark:
    if len(literal) <= INT64_CHARS and (number := int(literal)) in INT64:
        return number
    return _Mark("integer_out_of_range", literal)


def _marked_float(literal: str) -> float | _Mark:
    number = float(literal)
    return number if math.isfinite(number) else _Mark("not_a_number", literal)


def _marked_constant(literal: str) -> _Mark:
    return _Mark("not_a_number", literal)


_KEEPING_FAULTS = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=_marked_integer, parse_float=_marked_float, parse_constant=_marked_constant
)


def _decoded(content: bytes) -> str:
    """RFC 8259 section 8.1: JSON is UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(content, error.start) from None


def _faults(text: str, max_depth: int) -> Iterator[Rejected]:
    """Every fault, in document order. A fault of syntax is the only one of its text."""
    try:
        tree = _KEEPING_FAULTS.decode(_pruned(text, max_depth))
    except json.JSONDecodeError as error:
        yield _not_json(text, error)
    else:
        yield from _in_value(tree, "", max_depth)


def _is_too_deep(text: str, max_depth: int) -> bool:
    return _pruned(text, max_depth) is not text


def _pruned(text: str, max_depth: int) -> str:
    """The text, ended properly just after the first bracket nested too deeply, if there is one."""
    closers: list[str] = []
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in ("{", "["):
            if len(closers) == max_depth:
                return text[: token.start()] + "[]" + "".join(reversed(closers))
            closers.append("}" if token[0] == "{" else "]")
        elif token[0] in ("}", "]") and closers:
            closers.pop()
    return text


def _in_value(value: Any, pointer: str, levels: int) -> Iterator[Rejected]:
    match value:
        case _Mark():
            yield _bad_number(value, pointer)
        case str() if _SURROGATE.search(value):
            yield _lone_surrogate(value, pointer)
        case list() if levels == 0:
            yield Rejected("too_deep", "Here too many objects and lists lie inside each other.", pointer)
        case _Members():
            yield from _in_members(value, pointer, levels - 1)
        case list():
            for index, item in enumerate(value):
                yield from _in_value(item, f"{pointer}/{index}", levels - 1)


def _in_members(members: _Members, pointer: str, levels: int) -> Iterator[Rejected]:
    seen: set[str] = set()
    for key, value in members:
        member = pointer + pointer_to(key)
        if key in seen:
            yield Rejected("duplicate_key", f"The key {shown(key)} is given twice in the same object.", member)
        seen.add(key)
        yield from _in_key(key, member)
        yield from _in_value(value, member, levels)


def _in_key(key: str, pointer: str) -> Iterator[Rejected]:
    if "\0" in key:
        yield Rejected("nul_in_key", f"The key {shown(key)} holds a NUL character, which no key may.", pointer)
    if _SURROGATE.search(key):
        yield _lone_surrogate(key, pointer)


def _bad_number(mark: _Mark, pointer: str) -> Rejected:
    literal = _bounded(mark.literal)
    if mark.code == "integer_out_of_range":
        return Rejected(mark.code, f"The whole number {literal} is too large: it needs more than 64 bits.", pointer)
    return Rejected(mark.code, f"{literal} is not a number that can be stored or summed.", pointer)


def _lone_surrogate(value: str, pointer: str) -> Rejected:
    sentence = f"The text {shown(value)} holds half of a two-part \\u escape, which stands for no character."
    return Rejected("lone_surrogate", sentence, pointer)


def _not_json(text: str, error: json.JSONDecodeError) -> Rejected:
    if not text or text.isspace():
        sentence = "The file holds only white space." if text else "The file is empty."
        return Rejected("empty_file", sentence, unfinished=True)
    if _looks_utf16(text.encode()):
        return _utf16()
    if is_cut(text, error):
        return _at("truncated", "The text ends too early", text, len(text))
    fault = error.msg.removesuffix(" at").rstrip(": ").lower()
    return _at("syntax_error", f"This is not JSON: {fault}, found {shown(text[error.pos])}", text, error.pos)


def is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """True if the text is faultless as far as it goes."""
    if error.msg.startswith("Unterminated string") or not text[error.pos :].strip():
        return True
    token = _CUT_TOKEN.search(text)
    return token is not None and token.start() <= error.pos


def _not_utf8(content: bytes, start: int) -> Rejected:
    if _looks_utf16(content):
        return _utf16()
    before = content[:start].decode()
    sentence = f"The byte 0x{content[start]:02X} is not UTF-8 (save the file as UTF-8)"
    return _at("not_utf8", sentence, before, len(before))


def _looks_utf16(content: bytes) -> bool:
    """A UTF-16 mark, or one zero byte of two where JSON can only begin with ASCII characters."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or bool(re.match(rb"\0[^\0]|[^\0]\0", content))


def _utf16() -> Rejected:
    return Rejected("not_utf8", "The file looks like UTF-16 text; save it as UTF-8.", unfinished=True)


def _at(code: str, sentence: str, text: str, position: int) -> Rejected:
    """A fault of the text itself, which more bytes may still complete."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return Rejected(code, f"{sentence}, at line {line}, column {column}.", line=line, column=column, unfinished=True)
