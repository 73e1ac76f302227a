"""JMESPath expressions as functions: names, indexes, projections, `&&`, `||` and `!` are compiled.

The rest is left to jmespath: to walk its tree for each name takes five times as long.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

Get: TypeAlias = Callable[[Any], Any]
Node: TypeAlias = dict[str, Any]

_INTERPRETER = TreeInterpreter()
FALSE: tuple[Any, ...] = ("", [], {}, None)


def compiled(expression: str) -> Get:
    """The function that an expression is, which raises JMESPathError. Raises ValueError for one that is wrong."""
    try:
        node = jmespath.compile(expression).parsed
    except JMESPathError as error:
        hint = " Put a name with blanks, dots or hyphens in double quotes." if _is_a_name(expression) else ""
        raise ValueError(f"{_first_line(error)}.{hint}") from None
    for name in _functions(node):
        if name not in Functions.FUNCTION_TABLE:
            raise ValueError(f"there is no function {name}() in JMESPath")
    return _compiled(node)


def steps(expression: str) -> list[str] | None:
    """The names of a path of names alone, such as `data.orders`; none for `@`; None for another expression."""
    node = jmespath.compile(expression).parsed
    return [] if node["type"] == "current" else _names(node)


def _names(node: Node) -> list[str] | None:
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] != "subexpression":
        return None
    found = [_names(child) for child in node["children"]]
    return None if None in found else [name for names in found for name in names or ()]


def _is_a_name(expression: str) -> bool:
    return all(character.isalnum() or character in " -_./" for character in expression)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].removesuffix(", for expression:").removesuffix(".")


def _functions(node: Node) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):  # those of a slice are numbers
            yield from _functions(child)


def _compiled(node: Node) -> Get:
    make = _MAKERS.get(node["type"])
    return make(node) if make else lambda value: _INTERPRETER.visit(node, value)


def is_true(value: Any) -> bool:
    """True for what JMESPath takes for true."""
    return not _is_false(value)


def _is_false(value: Any) -> bool:
    return value is False or value in FALSE


def _field(node: Node) -> Get:
    name = node["value"]
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _index(node: Node) -> Get:
    place = node["value"]

    def index(value: Any) -> Any:
        try:
            return value[place] if isinstance(value, list) else None
        except IndexError:
            return None

    return index


def _chain(node: Node) -> Get:
    if names := _names(node):
        return _of_names(names)
    first, *others = map(_compiled, node["children"])

    def chained(value: Any) -> Any:
        found = first(value)
        for step in others:
            found = step(found)
        return found

    return chained


def _of_names(names: list[str]) -> Get:
    """A path of names alone, in one step: the most common one."""

    def found(value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return found


def _multi_select(node: Node) -> Get:
    parts = [*map(_compiled, node["children"])]
    return lambda value: None if value is None else [part(value) for part in parts]


def _literal(node: Node) -> Get:
    literal = node["value"]
    return lambda _: literal


def _or(node: Node) -> Get:
    first, second = map(_compiled, node["children"])
    return lambda value: second(value) if _is_false(matched := first(value)) else matched


def _and(node: Node) -> Get:
    first, second = map(_compiled, node["children"])
    return lambda value: matched if _is_false(matched := first(value)) else second(value)


def _not(node: Node) -> Get:
    of = _compiled(node["children"][0])

    def negated(value: Any) -> bool:
        found = of(value)
        return not found and (isinstance(found, bool) or found != 0)  # 0 is no falsehood in JMESPath

    return negated


def _flatten(node: Node) -> Get:
    of = _compiled(node["children"][0])

    def flattened(value: Any) -> list[Any] | None:
        if not isinstance(found := of(value), list):
            return None
        return [inner for each in found for inner in (each if isinstance(each, list) else (each,))]

    return flattened


def _projection(node: Node) -> Get:
    of, to = map(_compiled, node["children"])

    def projected(value: Any) -> list[Any] | None:
        if not isinstance(found := of(value), list):
            return None
        return [inner for each in found if (inner := to(each)) is not None]

    return projected


def _filter(node: Node) -> Get:
    of, to, condition = map(_compiled, node["children"])

    def filtered(value: Any) -> list[Any] | None:
        if not isinstance(found := of(value), list):
            return None
        kept = (to(each) for each in found if not _is_false(condition(each)))
        return [inner for inner in kept if inner is not None]

    return filtered


_MAKERS: dict[str, Callable[[Node], Get]] = {
    "field": _field,
    "index": _index,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "current": lambda _: lambda value: value,
    "identity": lambda _: lambda value: value,
    "literal": _literal,
    "multi_select_list": _multi_select,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "flatten": _flatten,
    "projection": _projection,
    "filter_projection": _filter,
}
