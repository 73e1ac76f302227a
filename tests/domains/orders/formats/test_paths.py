"""Compiled expressions are what jmespath makes of them."""

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimarket_async.domains.orders.formats.paths import compiled, steps

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "1.50"])
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
WRITTEN = [
    "@",
    "a",
    "a.b.c",
    "a[0]",
    "a[-1].b",
    "a[].b",
    "a[*].b[0]",
    "a[][].b",
    "a[?b]",
    "a[?!b].c",
    "a[?b == `0`].c",
    "a[?b > `0` && !c]",
    "a && b || c",
    "a && 'x' || b.c",
    "!a",
    "a || `[]`",
    "a | b | c",
    "a[:1]",
    "[a, b.c]",
    "{x: a}",
    "a.*.b",
    "type(a)",
    "not_null(a, b, c)",
]


@given(TREES, st.sampled_from(WRITTEN))
def test_a_compiled_expression_gives_the_same(tree: Any, expression: str) -> None:
    assert compiled(expression)(tree) == jmespath.search(expression, tree)
    assert type(compiled(expression)(tree)) is type(jmespath.search(expression, tree))


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("Invoice No", "Put a name with blanks, dots or hyphens in double quotes"),
        ("a..b", "Parse error"),
        ("a[", "Incomplete expression|Parse error|Invalid"),
        ("a && trim(b)", r"there is no function trim\(\) in JMESPath"),
    ],
)
def test_a_wrong_expression_is_found_at_the_start(expression: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        compiled(expression)


def test_the_steps_of_a_plain_path_are_its_names() -> None:
    assert [steps(path) for path in ("@", "a", 'a."b c".d', "a[0]", "a.b[]")] == [
        [],
        ["a"],
        ["a", "b c", "d"],
        None,
        None,
    ]
