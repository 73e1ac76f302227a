"""Bytes of a file: decompressed as they are read, never more of them in memory than a part."""

import gzip
import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimarket_async.formats import Csv, Integer, Json, Text
from multimarket_async.formats.json_text import JsonText
from multimarket_async.formats.texts import lines
from tests.formats.read import incoming, records, refusal

PAIR = Csv({"id": Integer("id"), "note": Text("note")})
ROWS = b"id,note\n" + b"".join(b"%d,note %d\n" % (number, number) for number in range(20_000))
LINES = b"".join(b'{"id": %d, "note": "note %d"}\n' % (number, number) for number in range(20_000))
ARRAY = b"[" + b",".join(LINES.splitlines()) + b"]"


@pytest.mark.parametrize(("form", "content"), [(PAIR, ROWS), (Json(), LINES), (Json(), ARRAY)])
def test_a_compressed_file_is_read_by_its_first_bytes(form: Csv | Json, content: bytes) -> None:
    """Also one of several members, as a log that was appended to."""
    expected = [{"id": number, "note": f"note {number}"} for number in range(20_000)]
    middle = len(content) // 2
    assert records(form, gzip.compress(content)) == expected
    assert records(form, gzip.compress(content[:middle]) + gzip.compress(content[middle:])) == expected


@pytest.mark.parametrize(("form", "content"), [(PAIR, ROWS), (Json(), LINES), (Json(), ARRAY)])
def test_a_compressed_file_that_is_cut_could_still_be_completed(form: Csv | Json, content: bytes) -> None:
    whole = gzip.compress(content)
    for size in (5, len(whole) // 2, len(whole) - 1):
        rejected = refusal(form, whole[:size])
        assert (rejected.code, rejected.unfinished) == ("truncated", True)


@pytest.mark.parametrize("at", [2, 3, 200, -5, -1])
def test_a_damaged_compressed_file_is_bad_as_a_whole(at: int) -> None:
    content = bytearray(gzip.compress(ROWS))
    content[at] ^= 0xFF
    assert refusal(PAIR, bytes(content)).code in {"damaged_gzip", "truncated", "not_utf8"}


def test_what_follows_a_compressed_file_is_no_part_of_it() -> None:
    assert refusal(PAIR, gzip.compress(ROWS) + b"more").code == "damaged_gzip"


@pytest.mark.parametrize("content", [b"id,note\n" + b"1,a\n" * 8_000_000, b"id,note\n" + b"\0" * 32_000_000])
def test_a_file_that_decompresses_without_end_is_given_up(content: bytes) -> None:
    """Counted while it is read: what it claims about its size is not believed."""
    form = Csv(PAIR.columns, max_bytes=2 << 20)
    assert refusal(form, gzip.compress(content, 1)).code in {"file_too_large", "line_too_long"}


def test_the_limit_is_that_of_the_bytes_that_were_compressed() -> None:
    assert len(records(Csv(PAIR.columns, max_bytes=len(ROWS)), gzip.compress(ROWS))) == 20_000
    assert refusal(Csv(PAIR.columns, max_bytes=len(ROWS) - 1), ROWS).code == "file_too_large"
    assert refusal(Json(max_bytes=100), LINES).code == "file_too_large"


PIECES = st.lists(st.one_of(st.text(max_size=3), st.sampled_from(["\r", "\n", "\r\n", "\u2028", "é"])))


@given(PIECES)
def test_lines_are_those_of_the_whole_text(pieces: list[str]) -> None:
    """A text is cut anywhere while it is read, between CR and LF too."""
    assert [*lines(pieces)] == io.StringIO("".join(pieces), newline="").readlines()


OBJECT = {"a": [1.5, -20, None, True, False], "b": {"c": 'é😀\\"\n'}, "": "{}[],:"}


@given(st.lists(st.integers(0, 200)), st.booleans(), st.sampled_from([None, 1]))
def test_values_are_those_of_the_whole_text(cuts: list[int], escaped: bool, indent: int | None) -> None:
    """A text is cut anywhere while it is read, within an escape too."""
    whole = json.dumps(OBJECT, ensure_ascii=escaped, indent=indent)
    ends = [*sorted(cuts), None]
    text = JsonText(whole[start:end] for start, end in pairwise([0, *ends]))
    assert text.value() == whole
    text.end()
    assert text.place()[0] == 1 + whole.count("\n")


def test_records_come_while_the_file_is_read() -> None:
    """The first one is there before a fault at the end is met."""
    found = PAIR.reader(dict)(incoming(ROWS + b"1,\xff\n"))
    assert next(iter(found)).record == {"id": 0, "note": "note 0"}


READ_ALL = """
import re, sys
from pathlib import Path
from multimarket_async.feeds import IncomingFile
from tests.formats.test_texts import LARGE

def peak_kb():
    # Not ru_maxrss: that one remembers also the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

form, before = LARGE[sys.argv[1]], peak_kb()
count = sum(1 for _ in form.reader(lambda record: record)(IncomingFile.at("lines", Path(sys.argv[2]))))
print(count, peak_kb() - before)
"""
LARGE = {
    "csv": Csv(PAIR.columns, delimiter=None, encoding=None, decimal=None),
    "lines": Json(),
    "array": Json(at="/results"),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", LARGE)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_of_64_megabytes_takes_a_few_in_memory(form: str, compressed: bool, tmp_path: Path) -> None:
    note, count = "x" * 2000, 32_000
    line = f'1,"{note}"\n' if form == "csv" else f'{{"id": 1, "note": "{note}"}}\n'
    separator = "," if form == "array" else ""
    start, end = {"csv": ("id,note\n", ""), "lines": ("", ""), "array": ('{"results": [', "]}")}[form]
    file = tmp_path / "large"
    with gzip.open(file, "wt", 1) if compressed else file.open("w") as stream:
        stream.write(start + line)
        for _ in range(count - 1):
            stream.write(separator + line)
        stream.write(end)
    answer = subprocess.run([sys.executable, "-c", READ_ALL, form, file], capture_output=True, text=True, check=True)
    read, kilobytes = map(int, answer.stdout.split()[-2:])
    assert read == count
    assert kilobytes < 12_000
