"""quarantine show: the place of a fault is found in any text, and drawn on few harmless lines."""

import json
from typing import Any

import pytest

from multimarket_async.errors import Rejected
from multimarket_async.readers.source_excerpt import Span, excerpt, locate
from multimarket_async.strict_json import loads

ORDER = '{"id": 1, "lines": [{"price": 5}, {"price": NaN}], "a/b": {"~": [7]}, "": 8, "é\\u00e9": "x"}'


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/id", "1"),
        ("/lines/0/price", "5"),
        ("/lines/1/price", "NaN"),
        ("/lines/1", "{"),
        ("/lines", "["),
        ("/a~1b/~0/0", "7"),
        ("/", "8"),
        ("/éé", '"x"'),
        ("", "{"),
    ],
)
def test_a_value_is_found_by_its_pointer(pointer: str, found: str) -> None:
    """Of an object or a list its bracket."""
    place = locate(ORDER, pointer)
    assert ORDER[place.start : place.end] == found


@pytest.mark.parametrize(
    ("pointer", "opens_at"), [("/ville", 0), ("/lines/2", 19), ("/lines/0/nom", 20), ("/a~1b/c/d", 58), ("/id/x", 7)]
)
def test_what_is_missing_is_looked_for_where_it_should_be(pointer: str, opens_at: int) -> None:
    """The nearest object, list or value on the way to it."""
    assert locate(ORDER, pointer).start == opens_at


def test_a_key_given_twice_is_shown_the_second_time() -> None:
    """The key, not its value; for any other fault the first value counts."""
    text = '{"k": 1, "a": {"k": 2}, "k": 3, "k": 4}'
    assert locate(text, "/k", "duplicate_key") == Span(24, 27)
    assert locate(text, "/k", "wrong_type") == Span(6, 7)


def test_brackets_and_quotes_within_texts_are_no_structure() -> None:
    """Keys that look like JSON."""
    text = r'{"a{\"": "]},:", "b": [",", 2]}'
    place = locate(text, "/b/1")
    assert text[place.start : place.end] == "2"


def test_commas_further_inside_are_not_counted() -> None:
    """The second of a list is what follows its own first comma."""
    text = '[[1, 2, 3], {"a": 4, "b": 5}, 6]'
    assert [text[slice(*locate(text, pointer))] for pointer in ("/0/1", "/1/b", "/2")] == ["2", "5", "6"]


@pytest.mark.parametrize("text", ["", "   ", "{", "[", '{"a"', '{"a":', '{"a": {', "]", '{"a": ["', "{{{{", ":,:"])
@pytest.mark.parametrize("pointer", ["", "/a", "/0/a", "/a/0"])
def test_a_text_that_is_no_json_is_no_trouble(text: str, pointer: str) -> None:
    """Somewhere inside, without an error."""
    place = locate(text, pointer)
    assert 0 <= place.start <= place.end <= len(text)


FAULTS = [
    b'{"a": NaN}',
    b'{"a": 1, "a": 2}',
    b'{"x": [1, {"k\\u0000": 2}]}',
    b'{"x": "\\ud800"}',
    b'{"x": 99999999999999999999}',
    b'{"x": 1e999}',
    b'{\n  "x": 1,\n  oops\n}',
    b'{"x": "caf\xe9"}',
    b'{"x": tru',
    b"[" * 70 + b"]" * 70,
    b'\xef\xbb\xbf{"x": NaN}',
]
CARETS = ["NaN", '"a"', '"k\\u0000"', '"\\ud800"', "99999999999999999999", "1e999", "o", "\\", "", "[", "NaN"]


@pytest.mark.parametrize(("content", "under"), list(zip(FAULTS, CARETS, strict=True)))
def test_the_caret_is_under_what_the_parser_refuses(content: bytes, under: str) -> None:
    """Every kind of fault of the parser, in its own words."""
    lines = excerpt(content, refused(content))
    caret = next(number for number, line in enumerate(lines) if "^" in line)
    first, last = lines[caret].index("^"), lines[caret].rindex("^")
    assert lines[caret - 1][first : last + 1] == under


def refused(content: bytes) -> dict[str, Any]:
    with pytest.raises(Rejected) as found:
        loads(content)
    rejected = found.value
    names = ("code", "pointer", "line", "column")
    return {name: getattr(rejected, name) for name in names}


def drawn(content: str, line: int, column: int) -> list[str]:
    return excerpt(content.encode(), {"code": "x", "line": line, "column": column})


def test_the_lines_around_it() -> None:
    """Two before, one after, numbered as an editor does."""
    assert drawn("one\ntwo\nthree\nfour\nfive\nsix", 4, 2) == [
        "     2 | two",
        "     3 | three",
        "     4 | four",
        "       |  ^",
        "     5 | five",
    ]


def test_a_long_line_is_cut_around_the_place() -> None:
    """60 characters before it, 100 in all, and what is left out is marked."""
    [line, caret] = drawn("a" * 500 + "X" + "b" * 500, 1, 501)
    assert line == "     1 | …" + "a" * 60 + "X" + "b" * 39 + "…"
    assert caret.index("^") == line.index("X")


def test_a_huge_value_has_a_bounded_caret() -> None:
    """A number of a megabyte."""
    lines = excerpt(b'{"x": ' + b"9" * 2**20 + b"}", {"code": "integer_out_of_range", "pointer": "/x"})
    assert max(map(len, lines)) < 150


def test_control_characters_move_no_cursor_and_no_caret() -> None:
    """Escape sequences, carriage returns, text from right to left: shown, not obeyed; wide letters count two."""
    [line, caret] = drawn("\x1b[31m\t\u202e注X", 1, 9)
    assert line == "     1 | \\x1b[31m\\t\\u202e注X"
    assert caret == "       | " + " " * (len("\\x1b[31m\\t\\u202e注") + 1) + "^"


def test_line_ends_of_windows_are_not_shown() -> None:
    """A carriage return at the end belongs to the line end."""
    assert drawn("one\r\ntwo\r\n", 2, 1)[:2] == ["     1 | one", "     2 | two"]


@pytest.mark.parametrize("reason", [{"code": "conflict"}, {"code": "x", "pointer": "", "line": None, "column": None}])
def test_a_fault_of_the_whole_file_has_no_place(reason: dict[str, Any]) -> None:
    """A conflict, an empty file, one too large."""
    assert excerpt(b"{}", reason) == []


@pytest.mark.parametrize(("line", "column"), [(99, 1), (1, 99), (3, 3)])
def test_a_place_beyond_the_text_is_its_end(line: int, column: int) -> None:
    """A reason may have been edited by hand."""
    assert "^" in "".join(drawn("{}\n", line, column))


def test_a_deep_and_wide_text_takes_no_time() -> None:
    """A megabyte, a pointer of sixty steps."""
    text = json.dumps({"a": list(range(100_000))})
    for _ in range(60):
        text = f'{{"a": {text}}}'
    assert text[slice(*locate(text, "/a" * 61 + "/99999"))] == "99999"
