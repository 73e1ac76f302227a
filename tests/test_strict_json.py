"""Text from outside becomes a tree that everything after it can hold, or the exact place of its first fault."""

import json
import math
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimarket_async.errors import Rejected
from multimarket_async.strict_json import INT64, _decoded, _faults, loads, pointer_to, shown

CUT = {"truncated", "empty_file", "not_utf8"}


def rejection(content: bytes, max_depth: int = 64) -> Rejected:
    with pytest.raises(Rejected) as caught:
        loads(content, max_depth)
    return caught.value


@pytest.mark.parametrize(
    ("content", "tree"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2.5, true, null, "x"]}\n', {"a": [1, -2.5, True, None, "x"]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"ville": "Fès"}'.encode(), {"ville": "Fès"}),
        (rb'{"a": "pay\u00e9e"}', {"a": "payée"}),
        (rb'{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (rb'{"a": "\u0000"}', {"a": "\0"}),
        (rb'{"a": "\\ud800"}', {"a": r"\ud800"}),
        (b'{"a": 9223372036854775807, "b": -9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        (b'{"a": {"k": 1}, "b": {"k": 1}}', {"a": {"k": 1}, "b": {"k": 1}}),
        (b'{"a": "{[{[{[{["}', {"a": "{[{[{[{["}),
        (b'"text"', "text"),
    ],
)
def test_good_text_is_its_tree(content: bytes, tree: Any) -> None:
    """Text that RFC 8259 allows is accepted, and a byte order mark is ignored."""
    assert loads(content, max_depth=4) == tree


@pytest.mark.parametrize(
    ("content", "code", "pointer"),
    [
        (b'{"a": NaN}', "not_a_number", "/a"),
        (b'{"a": [0, -Infinity]}', "not_a_number", "/a/1"),
        (b'{"a": {"b": 1e999}}', "not_a_number", "/a/b"),
        (b'{"a": -1e999}', "not_a_number", "/a"),
        (b'{"a": 1, "b": 2, "a": 1}', "duplicate_key", "/a"),
        (rb'{"a": 1, "\u0061": 2}', "duplicate_key", "/a"),
        (b'[{"x": [{"k": 1, "k": 2}]}]', "duplicate_key", "/0/x/0/k"),
        (b'{"a": 9223372036854775808}', "integer_out_of_range", "/a"),
        (b'{"a": -9223372036854775809}', "integer_out_of_range", "/a"),
        (b'{"a": ' + b"9" * 5000 + b"}", "integer_out_of_range", "/a"),
        (rb'{"a": ["x", "\ud800"]}', "lone_surrogate", "/a/1"),
        (rb'{"a": "\uD83D"}', "lone_surrogate", "/a"),
        (rb'{"a": "\uDE00\ud83d"}', "lone_surrogate", "/a"),
        (rb'{"\ud800": 1}', "lone_surrogate", r"/\ud800"),
        (rb'{"a": {"b\u0000c": 1}}', "nul_in_key", "/a/b\0c"),
        (b'{"a/b": {"c~d": NaN}}', "not_a_number", "/a~1b/c~0d"),
        (b'{"": NaN}', "not_a_number", "/"),
    ],
)
def test_a_fault_is_named_and_pointed_at(content: bytes, code: str, pointer: str) -> None:
    """The pointer is that of RFC 6901, and no writer can still mend such a file by finishing it."""
    fault = rejection(content)
    assert (fault.code, fault.pointer, fault.unfinished) == (code, pointer, False)


@pytest.mark.parametrize(
    ("content", "code", "line", "column"),
    [
        (b'{"a": 1', "truncated", 1, 8),
        (b'{"a": 1,\n "b": "x', "truncated", 2, 9),
        (b'{"a": tru', "truncated", 1, 10),
        (b'{"a": 1.', "truncated", 1, 9),
        (b'{"a": -', "truncated", 1, 8),
        (b'{"a": 1.5e', "truncated", 1, 11),
        (rb'{"a": "\u12', "truncated", 1, 12),
        (b'{"a": 1,}', "syntax_error", 1, 9),
        (b'{"a": 1}\n{"b": 2}', "syntax_error", 2, 1),
        (b"{'a': 1}", "syntax_error", 1, 2),
        (b'{"a" 1, "b": t', "syntax_error", 1, 6),
        (b'{"a": 01}', "syntax_error", 1, 8),
        (b'{"a": .5}', "syntax_error", 1, 7),
        (b'{"a": +5}', "syntax_error", 1, 7),
        (b'{"a": 1 // note\n}', "syntax_error", 1, 9),
        (b'{"a": "x\ny"}', "syntax_error", 1, 9),
        (rb'{"a": "\x41"}', "syntax_error", 1, 8),
        (b'{"a": "{ [ \\" "} }', "syntax_error", 1, 18),
        (b'{"a": True}', "syntax_error", 1, 7),
        (b"\0\0\0\0", "syntax_error", 1, 1),
        (b'{"ville":\n "F\xe8s"}', "not_utf8", 2, 4),
        (b'{"a": "\xed\xa0\x80"}', "not_utf8", 1, 8),
        (b'{"a": "\xc3', "not_utf8", 1, 8),
        (b"", "empty_file", None, None),
        (b" \r\n\t", "empty_file", None, None),
        (b"\xef\xbb\xbf", "empty_file", None, None),
        ('{"a": 1}'.encode("utf-16"), "not_utf8", None, None),
        ('{"a": 1}'.encode("utf-16-le"), "not_utf8", None, None),
        ('{"a": 1}'.encode("utf-16-be"), "not_utf8", None, None),
    ],
)
def test_a_fault_of_the_text_has_line_and_column(
    content: bytes, code: str, line: int | None, column: int | None
) -> None:
    """Such a file may still be in the writing, so each of these is `unfinished`."""
    fault = rejection(content)
    assert (fault.code, fault.line, fault.column, fault.unfinished) == (code, line, column, True)


def test_the_first_fault_in_document_order_is_reported() -> None:
    """A parser that stops early may meet the inner duplicate first; the reader of the file meets NaN first."""
    assert rejection(b'{"a": NaN, "b": {"k": 1, "k": 2}, "c": 99999999999999999999}').pointer == "/a"


def test_a_cut_hides_other_faults() -> None:
    """Nobody can say what an unfinished file will hold."""
    assert rejection(b'{"a": NaN, "b": ').code == "truncated"


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_depth_is_bounded(bracket: str) -> None:
    """As many levels as allowed pass; one more is rejected where it begins."""
    opening, closing = {"[]": ("[", "]"), "{}": ('{"a":', "}")}[bracket]
    step = {"[]": "/0", "{}": "/a"}[bracket]
    assert loads(f"{opening * 3}1{closing * 3}".encode(), max_depth=3)
    fault = rejection(f"{opening * 4}1{closing * 4}".encode(), max_depth=3)
    assert (fault.code, fault.pointer, fault.unfinished) == ("too_deep", step * 3, False)


@pytest.mark.parametrize("levels", [65, 1_000, 100_000, 1_000_000])
def test_no_depth_overflows_the_stack(levels: int) -> None:
    """Nor does depth beyond what Python can recurse into, closed or not."""
    assert rejection(b"[" * levels + b"]" * levels).pointer == "/0" * 64
    assert rejection(b"[" * levels).code == "too_deep"


def test_many_brackets_are_not_depth() -> None:
    """A long order is wide, and a bracket inside a text is a character."""
    tree = [{"produits": [{"nom": "[[[{\\"}]}] * 100
    assert loads(json.dumps(tree).encode(), max_depth=4) == tree


def test_a_fault_before_the_depth_comes_first() -> None:
    """Cutting the text at its depth hides nothing that comes before."""
    assert rejection(b'{"a": NaN, "b": [[[[1]]]]}', max_depth=3).code == "not_a_number"
    assert rejection(b'{"a": 1 [[[[1]]]]}', max_depth=3).code == "syntax_error"


def test_a_sentence_is_one_bounded_line_of_plain_characters() -> None:
    """The text of a file cannot flood or break the report on it."""
    fault = rejection(json.dumps({"\n\x1b[31m\u202e" * 1000 + "\ud800": 1}).encode())
    assert len(fault.sentence) < 600
    assert fault.sentence.isprintable()
    assert len(fault.pointer) < 300
    assert fault.pointer.encode("utf-8")
    assert len(rejection(b"[" + b"9" * 5000 + b"]").sentence) < 200


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("payée\n", r"'payée\n'"),
        ("x" * 61, "'" + "x" * 60 + "'…"),
        (None, "null"),
        (True, "true"),
        (2.5, "2.5"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_a_value_is_shown_as_json_calls_it(value: Any, words: str) -> None:
    assert shown(value) == words


def test_a_pointer_escapes_its_two_signs() -> None:
    assert pointer_to("a/b", 0, "~1") == "/a~1b/0/~01"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), JSON_VALUES)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1]))
def test_whatever_json_can_say_comes_back(tree: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    """Good text is never refused, however it is written."""
    assert loads(json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()) == tree


@given(OBJECTS, st.booleans(), st.data())
def test_any_cut_of_an_object_is_unfinished(tree: dict[str, Any], ascii_only: bool, data: st.DataObject) -> None:
    """A half-written file is never taken, and never called bad before its time."""
    whole = json.dumps(tree, ensure_ascii=ascii_only).encode()
    fault = rejection(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert fault.code in CUT
    assert fault.unfinished


FRAGMENTS = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        '"a":',
        '"a"',
        '"\\u0061"',
        '"\\ud83d\\ude00"',
        "\\ud800",
        "\\u0000",
        "NaN",
        "-",
        "1e999",
        "1E+0400",
        "1.5e3",
        "-0",
        "0" * 20,
        "9" * 20,
        "1",
        " ",
        "\n",
        "é",
        "\0",
    ]
)


TEXTS = st.lists(FRAGMENTS, max_size=12).map(lambda parts: "".join(parts).encode())


@given(st.binary(max_size=40) | TEXTS)
def test_any_bytes_are_a_tree_or_rejected(content: bytes) -> None:
    """An accepted tree holds nothing that BSON cannot, or that makes every sum NaN."""
    try:
        tree = loads(content, max_depth=8)
    except Rejected:
        return
    bson.encode({"tree": tree})
    assert all(math.isfinite(number) for number in _floats(tree))


@pytest.mark.parametrize("mantissa", ["1", "-9.9", "9" * 18, "9" * 19, "0." + "0" * 17 + "1", "1." + "9" * 30])
@pytest.mark.parametrize(
    "exponent", ["", "e9", "e99", "E+99", "e-99", "e290", "E308", "e+309", "e0400", "e-400", "e00007"]
)
def test_a_number_is_taken_if_a_double_or_64_bits_hold_it(mantissa: str, exponent: str) -> None:
    literal = f"{mantissa}{exponent}"
    whole = literal.lstrip("-").isdecimal()
    taken = int(literal) in INT64 if whole else math.isfinite(float(literal))
    content = f'{{"id": "4e567-{"7" * 20}", "n": [{literal}]}}'.encode()
    if taken:
        assert loads(content)["n"] == [int(literal) if whole else float(literal)]
    else:
        assert rejection(content).pointer == "/n/0"


@given(TEXTS | TEXTS.map(lambda text: b'{"a":' + text + b"}"))
def test_the_accepting_and_the_explaining_parser_agree(content: bytes) -> None:
    """A text is accepted if and only if it has no fault, and its tree is that of Python's json."""
    faults = list(_faults(_decoded(content), max_depth=4))
    if faults:
        assert str(rejection(content, max_depth=4)) == str(faults[0])
    else:
        assert repr(loads(content, max_depth=4)) == repr(json.loads(content))


def _floats(tree: Any) -> list[float]:
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [tree] if isinstance(tree, float) else [number for child in children for number in _floats(child)]
