"""C and Python read the same records from the same CSV file, whatever is in it."""

from datetime import UTC
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimarket_async.errors import Rejected
from multimarket_async.formats import Boolean, Csv, Date, Instant, Integer, Money, Number, Text, csv_files
from multimarket_async.formats.records import Make
from tests.formats.read import incoming, records
from tests.sanitizers import exercised_with_sanitizers
from tests.tracing import missing

CELLS = (
    *("1", "007", "-3", "+4", "12.0", "1,5", "1.5", "12.50", ".50", "5.", "0.05", "1 000.00", "9" * 18, "9" * 19),
    *("2026-01-31", "31/01/2026", "2026-13-01", "2026-01-01 10:00", "yes", "NO", "1e3", "\u0663"),
    *("", " ", "  a  ", "a b", "\u00e9", "\u00a0x\u2003", "\x1cx", "x\x1f", "a\0b", "\ttab", "'", "\x7f", "\U0001f600"),
    *(
        '"',
        '""',
        '"quoted"',
        '"a,b"',
        '"a;b"',
        ' "behind a blank"',
        '"a" ',
        '"a"b',
        'a"b',
        '"two\nlines"',
        '"a""b"',
        '"1"',
    ),
)
ENDS = ("\n", "\r\n", "\r", "\n\n", "")
COLUMNS = {
    "i": Integer("integer", nullable=True),
    "m": Money("money"),
    "y": Money("yen", exponent=0, nullable=True),
    "t": Text("text"),
    "n": Text("note", nullable=True),
    "d": Date("day", starts_in=UTC, nullable=True),
    "at": Instant("at", nullable=True),
    "f": Number("float", nullable=True),
    "b": Boolean("boolean", nullable=True),
}


class Doubled(Integer):
    """An integer, read in another way."""

    def parser(self, convention: str | None) -> Any:
        return lambda text: 2 * int(text)


@pytest.fixture(scope="module", autouse=True)
def c() -> Any:
    """The compiled module."""
    if csv_files._rows is None:
        missing("needs a C compiler, and an installation by it")
    return csv_files._rows


def outcome(form: Csv, content: bytes, make: Make) -> list[str]:
    """Records with types and places, and the rejection of the file behind them."""
    found = []
    try:
        found += map(repr, form.reader(make)(incoming(content)))
    except Rejected as rejected:
        found.append(repr(rejected))
    return found


def both(form: Csv, content: str | bytes, make: Make = dict) -> list[str]:
    text = content.encode() if isinstance(content, str) else content
    in_c = outcome(form, text, make)
    with mock.patch.object(csv_files, "_rows", None):
        assert in_c == outcome(form, text, make)
    return in_c


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4), st.sampled_from(ENDS))), st.data())
def test_any_file_is_read_alike(rows: list[tuple[list[str], str]], data: st.DataObject) -> None:
    """Few columns, so that many rows are good."""
    headers = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3, unique=True))
    delimiter, decimal = data.draw(st.sampled_from(",;\t|^")), data.draw(st.sampled_from((".", ",")))
    form = Csv({header: COLUMNS[header] for header in headers}, delimiter=delimiter, decimal=decimal)
    lines = [delimiter.join(cells) + end for cells, end in rows]
    both(form, delimiter.join(headers) + "\n" + "".join(lines))


@pytest.mark.parametrize("header", sorted(COLUMNS))
@pytest.mark.parametrize("decimal", [".", ","])
def test_any_value_is_read_alike(header: str, decimal: Any) -> None:
    both(
        Csv({header: COLUMNS[header], "other": Integer("other")}, decimal=decimal, delimiter=";"),
        f"other;{header}\n" + "".join(f"1;{cell}\n" for cell in CELLS),
    )


@pytest.mark.parametrize("size", [(1 << 17) - 2, (1 << 17) - 1, 1 << 17, (1 << 17) + 1])
def test_a_value_that_is_too_long_is_found(size: int) -> None:
    both(Csv({"t": Text("t")}), f"t\n{'x' * size}\nb\n")


def test_more_fields_than_c_holds() -> None:
    names = [f"c{n}" for n in range(600)]
    both(Csv({name: Integer(name) for name in names}), f"{','.join(names)}\n{','.join('1' for _ in names)}\n")


def test_a_column_of_a_domain_is_read_by_its_own_function() -> None:
    assert records(Csv({"a": Doubled("a")}), "a\n21\n") == [{"a": 42}]


def odd(row: dict[str, Any]) -> dict[str, Any]:
    """A record of a row, not of every one."""
    if row["a"] % 100 == 0:
        raise Rejected("round", f"{row['a']} is a round number", "/a")
    return {"twice": 2 * row["a"], "broken": 1 // (row["a"] % 77)}


def lines(numbers: range) -> str:
    """A line for each, of which some are longer, quoted over two lines, blank, or bad."""
    odd_ones = {5: '"{}\n",x\n', 7: "\n", 11: "{},y,z\n", 13: '"{}","""x"\n', 17: "-{},\n", 1999: '{},"\n'}
    return "".join(
        next((line for every, line in odd_ones.items() if number % (every * 31) == 0), "{},long text\r\n").format(
            number
        )
        for number in numbers
    )


def test_a_long_file_is_read_alike() -> None:
    """C reads some rows of it at a time; the domain finds faults in some of them."""
    found = both(Csv({"a": Integer("a"), "t": Text("t", nullable=True)}), f"a,t\n{lines(range(1, 20_000))}", odd)
    assert len(found) > 19_000


def test_what_stands_before_the_fault_of_a_file_is_read_alike() -> None:
    content = b"a,t\n" + lines(range(1, 12_345)).encode() + b"1,\xff\n" + lines(range(9)).encode()
    found = both(Csv({"a": Integer("a"), "t": Text("t", nullable=True)}), content, odd)
    assert "not_utf8" in found[-1]
    assert len(found) > 1_000


EXERCISE = """
def read(text):
    if text == "bad":
        raise ValueError(text)
    return text.upper()

class Place(tuple):
    pass

def records(cells, *lines, make=None):
    made = []
    return c.records(",", 3, cells, make, Place, b"head", made, iter(lines), 7), made

cells = (("i", read, 0, 1, 0, "I"), ("m", read, 1, 2, 2, "M"), ("t", read, 2, 3, 0, "T"), ("a", read, 2, 0, 0, "A"))
for end in ("", "\\n", "\\r\\n", "\\r"):
    line = "7, 12.50,x" + end
    (left, [first, second]) = records(cells, line, line)
    assert left is None and type(first) is Place and second[1] == 8
    assert first == Place(({"i": 7, "m": 1250, "t": "x", "a": "X"}, 7, line, b"head")), first
texts = ("", ",", ",,", '"', '"",,', '"a",b,"', "1,2,bad", "9" * 18 + "," + "9" * 15 + ".99,\\u00e9",
         "1,.5,x", "1,50,x",
         " ,  ,   ", '1,"2",3', '1,2,"3', "1,2,3,4", "," * 600, "x" * (1 << 17),
         "1,2\\0,3", "\\n", "\\r\\n", "1,-2.00,  ", "\\ud800,1,1")
for text in texts:
    for size in range(min(len(text), 40) + 1):
        records(cells, text[:size])
    records(cells, text)
left, made = records(cells, *["1,2.00,xyz"] * 10_000)
assert left is None and 3_000 < len(made) < 4_000
assert records(cells, "1,2.00,x", make=lambda values: 1 / 0) == ("1,2.00,x", [])
assert records(cells, "1,2.00,x", 5) == (5, [Place(({"i": 1, "m": 200, "t": "x", "a": "X"}, 7, "1,2.00,x", b"head"))])
assert records((([], read, 0, 0, 0),), "1,2,3") == ("1,2,3", [])
def stop(_):
    raise KeyboardInterrupt
wrong = (("i", read, 3, 1, 0), (), ("i", read, "0", 1, 0), "iiiii", ("i", read, -1, 1, 0), ("i", read, 0, 1, -5))
for cell, make in (*((cell, None) for cell in wrong), (cells[0], stop)):
    try:
        records((cell,), "1,2,3", make=make)
    except (IndexError, TypeError, ValueError, SystemError, KeyboardInterrupt):
        continue
    raise AssertionError(cell)
print("done")
"""


def test_no_byte_is_touched_that_is_not_its_own(tmp_path: Path) -> None:
    exercised_with_sanitizers(Path(csv_files.__file__).with_name("_rows.c"), EXERCISE, tmp_path)
