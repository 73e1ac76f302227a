"""Rejected records of accepted files: listed with their reasons and bytes, corrected, and sent back."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from multimarket_async.errors import CannotContinue, Rejected
from multimarket_async.feeds import RejectedRecord
from multimarket_async.landing import Landing, Quarantine, RejectsFile

HEAD = b"model,price\n"
BAD_PRICE = Rejected("bad_price", "'abc' is no price.", "/price", 2, 6)
NO_MODEL = Rejected("no_model", "A bike has a model.", "/model")
TWO = (RejectedRecord((BAD_PRICE, NO_MODEL), 2, b",abc\n", HEAD), RejectedRecord((NO_MODEL,), 4, b",12", HEAD))


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    landing = Landing(tmp_path, "bikes", (".csv", ".csv.gz"))
    landing.prepare()
    return landing


def write(landing: Landing, name: str = "a.csv", receipt: str = "r1", records: Any = TWO) -> None:
    with landing.quarantine.rejects(name, receipt) as rejects:
        for record in records:
            rejects.add(record)


def listed(landing: Landing) -> list[str]:
    return sorted(path.name for path in landing.quarantine.folder.iterdir())


def lines(landing: Landing, name: str = "a.csv.rejects.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (landing.quarantine.folder / name).read_bytes().splitlines()]


def only(landing: Landing) -> RejectsFile:
    [rejects] = landing.quarantine.records.list()
    return rejects


def replayed(landing: Landing, records: Any) -> bytes:
    """The file that these records become again."""
    write(landing, records=records)
    return landing.quarantine.records.replay(only(landing)).read_bytes()


def test_a_record_is_listed_with_all_reasons(landing: Landing) -> None:
    """One JSON object a line, in the order of the file."""
    write(landing)
    first, second = lines(landing)
    assert first == {
        "file": "a.csv",
        "receipt": "r1",
        "line": 2,
        "raw": ",abc\n",
        "head": "model,price\n",
        "reasons": [
            {"code": "bad_price", "sentence": "'abc' is no price.", "pointer": "/price", "line": 2, "column": 6},
            {"code": "no_model", "sentence": "A bike has a model.", "pointer": "/model", "line": None, "column": None},
        ],
    }
    assert (second["line"], second["raw"]) == (4, ",12")
    assert listed(landing) == ["a.csv.rejects.jsonl"]


def test_bytes_that_are_no_text_are_kept(landing: Landing) -> None:
    """Shown in hexadecimal, and as they were in base64."""
    write(landing, records=[RejectedRecord((BAD_PRICE,), 2, b"caf\xe9,abc", b"t\xeate\n")])
    [line] = lines(landing)
    assert (line["raw"], line["raw_base64"]) == ("caf\\xe9,abc", "Y2Fm6SxhYmM=")
    assert (line["head"], line["head_base64"]) == ("t\\xeate\n", "dOp0ZQo=")


def test_any_text_fits_on_a_line(landing: Landing) -> None:
    """Line ends of every kind, control characters, and half a character in a sentence."""
    raw = "a\r\nb\u2028c\u0085\x00\x1b".encode()
    write(landing, records=[RejectedRecord((Rejected("odd", "half: \ud800"),), 1, raw)])
    [line] = only(landing).each()
    assert (line["raw"].encode(), line["reasons"][0]["sentence"]) == (raw, "half: \ud800")


@pytest.mark.parametrize("name", ["é" * 125 + ".csv", "a" * 251 + ".csv", "\udcff.csv", 'a\n"b".csv'])
def test_any_name_fits(landing: Landing, name: str) -> None:
    """The names of the list and of its history are legal, and the very name is in it."""
    write(landing, name)
    assert only(landing).file == name
    landing.quarantine.records.replay(only(landing))
    assert [entry[0] for entry in listed(landing)] == ["."]


def test_without_rejected_records_there_is_no_list(landing: Landing) -> None:
    """Nothing is touched, not even a quarantine that was removed."""
    landing.quarantine.folder.rmdir()
    write(landing, records=[])
    assert not landing.quarantine.folder.exists()


def test_a_block_that_raises_leaves_nothing(landing: Landing) -> None:
    """Neither a list nor a part of it."""

    def half() -> Iterator[RejectedRecord]:
        yield TWO[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(landing, records=half())
    assert listed(landing) == []


def test_a_full_disk_leaves_nothing(landing: Landing) -> None:
    """The error is raised, so the file is not archived; an earlier list is as it was."""
    write(landing, receipt="r0", records=TWO[:1])
    code = f"""
import resource
from pathlib import Path
from multimarket_async.landing import Landing
from tests.landing.test_rejects import *
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
landing = Landing(Path({str(landing.sources.parent.parent)!r}), "bikes", (".csv",))
try:
    write(landing, receipt="r1", records=[RejectedRecord((BAD_PRICE,), 1, b"x" * 5_000)] * 9)
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert listed(landing) == ["a.csv.rejects.jsonl"]
    assert lines(landing)[0]["receipt"] == "r0"


def test_a_second_attempt_replaces_its_own_list(landing: Landing) -> None:
    """Killed before the file was archived, it is processed again: what it finds then is what counts."""
    write(landing)
    write(landing, records=TWO[1:])
    assert ([line["line"] for line in lines(landing)], listed(landing)) == ([4], ["a.csv.rejects.jsonl"])
    write(landing, records=[])
    assert listed(landing) == []


def test_another_delivery_of_the_name_has_a_list_of_its_own(landing: Landing) -> None:
    """As other files in quarantine; each finds its own again."""
    write(landing, "a.CSV.gz")
    write(landing, "a.CSV.gz", "r2")
    write(landing, "a.CSV.gz", "r3")
    write(landing, "a.CSV.gz", "r2", TWO[:1])
    assert listed(landing) == [f"a{number}.CSV.gz.rejects.jsonl" for number in (".2", ".3", "")]
    assert [line["receipt"] for line in lines(landing, "a.2.CSV.gz.rejects.jsonl")] == ["r2"]
    assert [line["file"] for line in lines(landing, "a.3.CSV.gz.rejects.jsonl")] == ["a.CSV.gz"] * 2


def test_the_list_of_a_replayed_delivery_is_not_overwritten(landing: Landing) -> None:
    """Its name stays taken, so its history does too."""
    write(landing)
    landing.quarantine.records.replay(only(landing))
    write(landing, receipt="r2")
    assert listed(landing) == [".a.csv.rejects.jsonl", "a.2.csv.rejects.jsonl"]
    write(landing, receipt="r1")
    assert listed(landing) == [".a.csv.rejects.jsonl", "a.2.csv.rejects.jsonl", "a.csv.rejects.jsonl"]


def test_lists_are_no_quarantined_files(landing: Landing) -> None:
    """Neither listed, counted, replayed nor looked at for changes as such."""
    write(landing)
    quarantine = landing.quarantine
    assert (quarantine.list(), quarantine.newest(9), [*quarantine.each()]) == ([], [], [])
    assert (quarantine.count(), quarantine.changed(), quarantine.codes()) == (0, 0, Counter())


def test_a_bad_file_named_like_a_list_is_not_taken_for_one(tmp_path: Path) -> None:
    """A feed of .jsonl files may get one."""
    quarantine = Quarantine(tmp_path / "quarantine", tmp_path, (".jsonl",))
    (tmp_path / "a.rejects.jsonl").write_bytes(b"bad")
    path = quarantine.add(tmp_path / "a.rejects.jsonl", BAD_PRICE, {})
    assert path.name == "a.rejects.2.jsonl"
    assert (quarantine.count(), quarantine.records.list()) == (1, [])


def test_records_are_counted_by_their_first_reason(landing: Landing) -> None:
    """In each list and over all; a list that has not changed is not read again."""
    assert landing.quarantine.records_rejected() == Counter()
    write(landing)
    write(landing, "b.csv", "r2", TWO[1:])
    assert landing.quarantine.records_rejected() == Counter(bad_price=1, no_model=2)
    first, second = landing.quarantine.records.list()
    assert (first.file, first.records, second.file, second.codes) == ("a.csv", 2, "b.csv", Counter(no_model=1))
    with pytest.MonkeyPatch.context() as unreadable:
        unreadable.setattr("multimarket_async.landing.rejects.records_of", lambda _: [])
        assert landing.quarantine.records_rejected() == Counter(bad_price=1, no_model=2)


@pytest.mark.parametrize("damage", [b"{", b"[]", b"\xff", b'{"reasons": []}', b'{"reasons": 1}', b"null"])
def test_a_damaged_line_is_counted_and_not_replayed(landing: Landing, damage: bytes) -> None:
    """A mistake made while correcting is named by its line; nothing is delivered or hidden."""
    write(landing)
    with (landing.quarantine.folder / "a.csv.rejects.jsonl").open("ab") as file:
        file.write(b"\n" + damage + b"\n")
    assert landing.quarantine.records_rejected()["unknown"] == 1
    with pytest.raises(CannotContinue, match=r"Line 3 of .*a\.csv\.rejects\.jsonl has no text `raw`"):
        landing.quarantine.records.replay(only(landing))
    assert [*landing.sources.iterdir()] == []
    assert listed(landing) == ["a.csv.rejects.jsonl"]


def test_odd_entries_named_like_lists_block_nobody(landing: Landing) -> None:
    """A link, a pipe, a folder: no record is in them."""
    folder = landing.quarantine.folder
    os.mkfifo(folder / "a.csv.rejects.jsonl")
    (folder / "b.csv.rejects.jsonl").symlink_to("/etc/hostname")
    (folder / "c.csv.rejects.jsonl").mkdir()
    assert landing.quarantine.records_rejected() == Counter()
    write(landing)
    assert len(lines(landing, "a.2.csv.rejects.jsonl")) == 2


# --- replay --------------------------------------------------------------------------------


def test_replay_makes_a_file_of_them(landing: Landing) -> None:
    """One head, then the records in order, each ended by a newline; their list is hidden."""
    write(landing)
    path = landing.quarantine.records.replay(only(landing))
    assert (path.name, path.read_bytes()) == ("a.replay.csv", b"model,price\n,abc\n,12\n")
    assert [file.name for file in landing.waiting()] == ["a.replay.csv"]
    assert landing.quarantine.records_rejected() == Counter()
    assert listed(landing) == [".a.csv.rejects.jsonl"]
    replayed_at = landing.quarantine.replayed_at("a.csv.rejects.jsonl")
    assert replayed_at
    assert datetime.fromisoformat(replayed_at).tzinfo == UTC
    assert landing.quarantine.replayed_at("b.csv.rejects.jsonl") is None


def test_a_corrected_record_is_replayed_as_corrected(landing: Landing) -> None:
    """In an editor, in place; the others as they came."""
    write(landing)
    path = landing.quarantine.folder / "a.csv.rejects.jsonl"
    path.write_text(path.read_text().replace('",abc\\n"', '"Trek,99.90"'))
    assert landing.quarantine.records.replay(only(landing)).read_bytes() == b"model,price\nTrek,99.90\n,12\n"


def test_bytes_that_are_no_text_are_replayed(landing: Landing) -> None:
    """As they were; where the text around them was corrected they stay what they are."""
    records = [RejectedRecord((BAD_PRICE,), 2, b"caf\xe9,abc", b"t\xeate")]
    assert replayed(landing, records) == b"t\xeate\ncaf\xe9,abc\n"
    write(landing, receipt="r2", records=records)
    path = only(landing).path
    path.write_text(path.read_text().replace(",abc", ",é"))
    assert landing.quarantine.records.replay(only(landing)).read_bytes() == b"t\xeate\ncaf\xe9,\xc3\xa9\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_the_encoding_of_the_head_is_that_of_the_records(landing: Landing, encoding: str) -> None:
    """Its byte order mark names it: the list is text, and the file has the encoding that it had."""
    head, raw = "\ufeffmodèle,prix\n".encode(encoding), "vélo\u0a0a,abc".encode(encoding)
    write(landing, records=[RejectedRecord((BAD_PRICE,), 2, raw, head)] * 2)
    path = only(landing).path
    path.write_text(path.read_text().replace("vélo", "Vélo", 1))
    content = landing.quarantine.records.replay(only(landing)).read_bytes()
    assert content.decode(encoding) == "\ufeffmodèle,prix\nVélo\u0a0a,abc\nvélo\u0a0a,abc\n"


def test_without_a_head(landing: Landing) -> None:
    """Lines of JSON have none."""
    assert replayed(landing, [RejectedRecord((BAD_PRICE,), 7, b'{"a": 1}')]) == b'{"a": 1}\n'


def test_a_compressed_file_is_compressed_again(landing: Landing) -> None:
    """Its feed reads it so."""
    write(landing, "a.csv.gz")
    path = landing.quarantine.records.replay(only(landing))
    assert (path.name, gzip.decompress(path.read_bytes())) == ("a.replay.csv.gz", b"model,price\n,abc\n,12\n")


def test_killed_before_the_list_is_hidden_they_are_sent_twice(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which does no harm: the second file holds the same records, duplicates of the first."""
    write(landing)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    rejects = only(landing)
    with monkeypatch.context() as planted:
        planted.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            landing.quarantine.records.replay(rejects)
    assert [file.name for file in landing.waiting()] == ["a.replay.csv"]
    landing.quarantine.records.replay(only(landing))
    contents = {file.name: file.path.read_bytes() for file in landing.waiting()}
    assert [*contents] == ["a.replay.csv", "a.replay.2.csv"]
    assert len({*contents.values()}) == 1
    assert landing.quarantine.records.list() == []


def test_a_record_that_is_rejected_again_keeps_a_short_name(landing: Landing) -> None:
    """It is replayed as a.replay.csv, however often."""
    write(landing, "a.replay.csv")
    assert landing.quarantine.records.replay(only(landing)).name == "a.replay.csv"


def test_an_empty_list_is_said_to_be_so(landing: Landing) -> None:
    """All its lines were deleted: there is nothing to send back."""
    (landing.quarantine.folder / "a.csv.rejects.jsonl").touch()
    with pytest.raises(CannotContinue, match="lists no record"):
        landing.quarantine.records.replay(only(landing))
