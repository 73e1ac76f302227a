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


def outcome(form: Csv, content: str) -> list[str]:
    """Records with types and places; or the rejection of the file."""
    try:
        return [repr(record) for record in form.reader(dict)(incoming(content.encode()))]
    except Rejected as rejected:
        return [repr(rejected)]


def both(form: Csv, content: str) -> None:
    in_c = outcome(form, content)
    with mock.patch.object(csv_files, "_rows", None):
        assert in_c == outcome(form, content)


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


EXERCISE = """
def read(text):
    if text == "bad":
        raise ValueError(text)
    return text.upper()

cells = (("i", read, 0, 1, 0, "I"), ("m", read, 1, 2, 2, "M"), ("t", read, 2, 3, 0, "T"), ("a", read, 2, 0, 0, "A"))
for end in ("", "\\n", "\\r\\n", "\\r"):
    assert c.values(",", 3, cells, "7, 12.50,x" + end) == {"i": 7, "m": 1250, "t": "x", "a": "X"}
texts = ("", ",", ",,", '"', '"",,', '"a",b,"', "1,2,bad", "9" * 18 + "," + "9" * 15 + ".99,\\u00e9",
         "1,.5,x", "1,50,x",
         " ,  ,   ", '1,"2",3', '1,2,"3', "1,2,3,4", "," * 600, "x" * (1 << 17),
         "1,2\\0,3", "\\n", "\\r\\n", "1,-2.00,  ")
for text in texts:
    for size in range(min(len(text), 40) + 1):
        c.values(",", 3, cells, text[:size])
    c.values(",", 3, cells, text)
assert c.values(",", 3, (("i", read, 3, 1, 0),), "1,2,3") is None
for wrong in ((), ("i", read, "0", 1, 0), "iiiii", ("i", read, -1, 1, 0), ("i", read, 0, 1, -5), ([], read, 0, 0, 0)):
    assert c.values(",", 3, (wrong,), "1,2,3") is None
print("done")
"""


def test_no_byte_is_touched_that_is_not_its_own(tmp_path: Path) -> None:
    exercised_with_sanitizers(Path(csv_files.__file__).with_name("_rows.c"), EXERCISE, tmp_path)
