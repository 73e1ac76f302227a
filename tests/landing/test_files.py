"""C and Python do the same with the same folder, whatever lies in it and happens to it."""

import gc
import json
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimarket_async.clock import Clock
from multimarket_async.collector.backlog import Backlog
from multimarket_async.collector.filing import Filing
from multimarket_async.collector.reader import Batch, Reader
from multimarket_async.collector.stats import Tally
from multimarket_async.domains import Feed, Table
from multimarket_async.errors import Rejected
from multimarket_async.landing import Landing, WaitingFile, compiled, files, identity
from multimarket_async.settings import Settings
from multimarket_async.store import Filling, Inserted
from tests.sanitizers import exercised_with_sanitizers
from tests.tracing import missing

# Who blocks in C hears no signal: then the process is ended.
pytestmark = pytest.mark.timeout(600, method="thread")

DAY = date(2026, 3, 1)
CLOCK = Clock(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), monotonic=lambda: 0.0)
MOST_BYTES = 200
JSON = (".json",)
FAR = 14 * 10**18  # nanoseconds: in the year 2413; 64 bits end in 2262, ext4 in 2446


@pytest.fixture
def c() -> Any:
    """The compiled module."""
    if not compiled():
        missing("needs a C compiler, and an installation by it")
    return files._bulk


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """A descriptor of a folder."""
    with files._opened(str(tmp_path)) as descriptor:
        yield descriptor


def seen(path: Path) -> WaitingFile:
    """As os.lstat sees it."""
    status = os.lstat(path)
    times = status.st_ctime_ns, status.st_mtime_ns
    return WaitingFile(str(path), status.st_size, *times, status.st_ino, status.st_mode)


# --- The same, whatever happens -----------------------------------------------------------------


def _new(path: Path, make: Callable[[Path], object]) -> None:
    """In place of what lies there."""
    hidden = path.with_name(".new")
    make(hidden)
    _remove(path)
    hidden.rename(path)


def _remove(path: Path) -> None:
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _to_regular(change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda path: path.is_file() and not path.is_symlink() and change(path)


def _another_time(path: Path) -> None:
    os.utime(path, (1, path.stat().st_mtime + 1))


MADE: dict[str, Callable[[Path], object]] = {
    "empty": _write(b""),
    "small": _write(b"{}"),
    "zero byte": _write(b'{"\0": 1}'),
    "of the largest size": _write(b"x" * MOST_BYTES),
    "too large": _write(b"x" * (MOST_BYTES + 1)),
    "directory": Path.mkdir,
    "pipe": os.mkfifo,
    "link": lambda path: path.symlink_to("/etc/hostname"),
    "broken link": lambda path: path.symlink_to("nowhere"),
    "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o644),
}
HAPPENED: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "grown": _to_regular(lambda path: path.write_bytes(path.read_bytes() + b"more")),
    "shrunk": _to_regular(lambda path: os.truncate(path, 1)),
    "rewritten": _to_regular(_another_time),
    "dated in 2413": _to_regular(lambda path: os.utime(path, ns=(FAR, FAR))),
    "gone": _remove,
    **{f"now {kind}": lambda path, make=make: _new(path, make) for kind, make in MADE.items()},
}
NAMES = st.one_of(
    st.sampled_from(["a", "taken", "a\nb", "-rf *", "é😀", os.fsdecode(b"\xff\xfe"), "n" * 250]),
    st.binary(min_size=1, max_size=9).filter(lambda name: not {0, ord("/"), ord(".")} & set(name)).map(os.fsdecode),
)


class Drawn(NamedTuple):
    """A file, and the changes made to it before it is read and before it is moved."""

    made: str
    before_reading: str
    before_moving: str


DRAWN = st.builds(Drawn, st.sampled_from(list(MADE)), *[st.sampled_from(list(HAPPENED))] * 2)


class Collected(NamedTuple):
    """The files looked at and read, the final places, and the counts."""

    seen: set[tuple[str, int, int]]
    read: dict[str, bytes | str]
    there: dict[str, bytes | str]
    counted: Counter[tuple[str, str]]


def collected(folder: Path, drawn_files: dict[str, Drawn]) -> Collected:
    """Scan, read and file away as the collector does, with a MongoDB that stores everything."""
    landing = Landing(folder, "north")
    landing.prepare()
    (landing.archived / str(DAY)).mkdir()
    (landing.archived / str(DAY) / "taken.json").write_bytes(b"before")
    for name, drawn in drawn_files.items():
        MADE[drawn.made](landing.sources / name)
    feed = Feed("north", Table("readings"), lambda file: [{"_id": len(file.content)}])
    backlog, tally = Backlog(feed, landing, CLOCK), Tally(10.0)
    taken = backlog.take(1000, 1 << 30)
    for name, drawn in drawn_files.items():
        HAPPENED[drawn.before_reading](landing.sources / name)
    batch = Reader([backlog], Filling(CLOCK), Settings(max_file_bytes=MOST_BYTES), CLOCK)._read(backlog, taken, 0.0)
    for name, drawn in drawn_files.items():
        if os.path.lexists(landing.sources / name):
            HAPPENED[drawn.before_moving](landing.sources / name)
    filing = Filing(tally, 3.0, CLOCK)
    filing.quarantine(batch, batch.rejected)
    filing.file_away(batch, [Inserted()] * len(batch.accepted), 0.0)
    looks = {(file.entry, file.bytes if stat.S_ISREG(file.mode) else 0, file.mode) for file in taken}
    return Collected(looks, _results(batch), _there(folder), tally.outcomes)


def _results(batch: Batch) -> dict[str, bytes | str]:
    """The content of each accepted file, and the code of each rejected one."""
    contents: dict[str, bytes | str] = {accepted.file.entry: accepted.content for accepted in batch.accepted}
    return {**contents, **{bad.file.entry: bad.rejected.code for bad in batch.rejected}}


def _there(folder: Path) -> dict[str, bytes | str]:
    """Contents by path, but for the archive's identity; of a reason its code, as it says times too."""
    found = (path for path in folder.rglob("*") if path.name != identity.NAME)
    paths = [path for path in found if not path.is_dir() or path.name.endswith(".json")]
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def _content(path: Path) -> bytes | str:
    if not path.is_file() or path.is_symlink():
        return "no file"
    if path.name.endswith(".reason.json"):
        return str(json.loads(path.read_bytes())["code"])
    return path.read_bytes()


@settings(max_examples=150)
@given(st.dictionaries(NAMES.map(lambda name: f"{name}.json"), DRAWN, max_size=6))
def test_c_and_python_do_the_same(drawn_files: dict[str, Drawn]) -> None:
    """Whatever lies there, and is made of it between the look, the reading and the move."""
    if not compiled():
        missing("needs a C compiler, and an installation by it")
    outcomes = []
    for module in (files._bulk, None):
        with tempfile.TemporaryDirectory() as folder, mock.patch("multimarket_async.landing.files._bulk", module):
            outcomes.append(collected(Path(folder), drawn_files))
    assert outcomes[0] == outcomes[1]


# --- The answer for each file -------------------------------------------------------------------


@pytest.mark.parametrize("kind", MADE)
def test_a_file_is_seen_field_by_field_as_it_is(way: str, tmp_path: Path, kind: str) -> None:
    """Of its type, too."""
    MADE[kind](tmp_path / "1.json")
    [file] = files.look(str(tmp_path), ["1.json"])
    assert (file, type(file)) == (seen(tmp_path / "1.json"), WaitingFile)


@pytest.mark.parametrize("name", [b"\xff\xfe.json", b"a\nb.json", b"n" * 250 + b".json", "é😀.json".encode()])
def test_any_name_is_seen_as_it_is(way: str, tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"{}")
    assert files.look(str(tmp_path), [path.name]) == [seen(path)]


def test_a_file_that_is_gone_is_answered_with_an_error(way: str, tmp_path: Path) -> None:
    """In its place in the list."""
    (tmp_path / "b.json").touch()
    gone, file, gone_too = files.look(str(tmp_path), ["a.json", "b.json", "c.json"])
    assert (type(gone), file, type(gone_too)) == (FileNotFoundError, seen(tmp_path / "b.json"), FileNotFoundError)


def test_no_files_at_all(way: str, tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert (files.look(folder, []), files.read(folder, [], 9), files.move(folder, folder, [], JSON)) == ([], [], [])


def test_a_folder_that_is_not_there(way: str, tmp_path: Path) -> None:
    """Each file is answered with the error; a target folder is made."""
    (tmp_path / "1.json").touch()
    file, gone = seen(tmp_path / "1.json"), str(tmp_path / "gone")
    lost = file._replace(where=f"{gone}/1.json")
    answers = [
        *files.look(gone, ["1.json"]),
        *files.read(gone, [lost], 9),
        *files.move(gone, str(tmp_path), [lost], JSON),
    ]
    assert [type(answer) for answer in answers] == [FileNotFoundError] * 3
    assert files.move(str(tmp_path), gone, [file], JSON) == [None]
    assert (tmp_path / "gone" / "1.json").exists()


@pytest.mark.parametrize(("size", "most"), [(5, 5), (6, 5), (0, 0)])
def test_the_largest_size_is_read_and_a_larger_one_rejected(way: str, tmp_path: Path, size: int, most: int) -> None:
    (tmp_path / "1.json").write_bytes(b"123456"[:size])
    [answer] = files.read(str(tmp_path), [seen(tmp_path / "1.json")], most)
    if size <= most:
        assert answer == b"123456"[:size]
    else:
        assert isinstance(answer, Rejected)


def test_the_time_of_reading_is_not_noted(c: Any, tmp_path: Path) -> None:
    """It would be a write a file."""
    (tmp_path / "1.json").write_bytes(b"12")
    os.utime(tmp_path / "1.json", ns=(0, 1))  # read before it was written: the next time would be noted by all but us
    assert files.read(str(tmp_path), [seen(tmp_path / "1.json")], 9) == [b"12"]
    assert (tmp_path / "1.json").stat().st_atime_ns == 0


def test_a_link_that_took_the_name_is_not_followed(way: str, tmp_path: Path) -> None:
    """Though its target has the same size."""
    path, other = tmp_path / "1.json", tmp_path / "other"
    path.write_bytes(b"12")
    file = seen(path)
    path.rename(other)
    path.symlink_to(other)
    [answer] = files.read(str(tmp_path), [file], 9)
    assert isinstance(answer, Rejected)
    assert answer.code == "unreadable"


def test_the_answers_of_c_have_their_numbers() -> None:
    """The numbers of `enum` in _bulk.c."""
    [line] = [line for line in Path(files.__file__).with_name("_bulk.c").read_text().splitlines() if "enum {" in line]
    names = [name.strip() for name in line.partition("{")[2].partition("}")[0].split(",")]
    assert [names.index("NO"), names.index("YES"), names.index("ANOTHER")] == [0, files._MOVED, files._OTHER_MOVED]


def test_a_move_never_overwrites(way: str, tmp_path: Path) -> None:
    """The name is taken there: that file stays, and the moved one gets another name."""
    (tmp_path / "to").mkdir()
    for folder in (tmp_path, tmp_path / "to"):
        (folder / "1.json").write_text(folder.name)
    assert files.move(str(tmp_path), str(tmp_path / "to"), [seen(tmp_path / "1.json")], JSON) == [None]
    assert (tmp_path / "to" / "1.json").read_text() == "to"
    assert (tmp_path / "to" / "1.2.json").read_text() == tmp_path.name


@pytest.mark.parametrize("content", [b"{}", b""])
def test_a_date_beyond_64_bits_is_a_date(way: str, tmp_path: Path, content: bytes) -> None:
    """A copy keeps the date of its original: it is read and moved."""
    landing = Landing(tmp_path, "north")
    landing.prepare()
    path = landing.sources / "1.json"
    path.write_bytes(content)
    os.utime(path, ns=(FAR, FAR))
    if os.lstat(path).st_mtime_ns != FAR:
        pytest.skip("this file system has no such dates")
    [file] = landing.waiting()
    assert file == seen(path)
    assert landing.read([file], 100) == [content]
    assert landing.archive([file], DAY) == [None]


# --- Wrong use, leaks, the interpreter lock -------------------------------------------------------

FILE = ("a.json", 1, 2, 3, 4, 0o100644)


@pytest.mark.parametrize(
    "call",
    [
        lambda c, at: c.look(),
        lambda c, at: c.look("folder", "path", []),
        lambda c, at: c.look(at, b"path", []),
        lambda c, at: c.look(at, "path", ("a.json",)),
        lambda c, at: c.look(at, "path", [1]),
        lambda c, at: c.look(at, "path", ["a.json", None]),
        lambda c, at: c.read(at, [FILE]),
        lambda c, at: c.read(at, [FILE], "1"),
        lambda c, at: c.read(at, ["a.json"], 1),
        lambda c, at: c.read(at, [FILE, FILE[:5]], 1),
        lambda c, at: c.read(at, [(*FILE, 7)], 1),
        lambda c, at: c.read(at, [(7, *FILE[1:])], 1),
        *[lambda c, at, n=n: c.move(at, at, [FILE, (*FILE[:n], None, *FILE[n + 1 :])]) for n in (0, 1, 3, 4, 5)],
        lambda c, at: c.move(at, None, []),
        lambda c, at: c.move(at, at, FILE),
        lambda c, at: c.deliver(at, ["a.json"]),
        lambda c, at: c.deliver(at, [("a.json", "text")]),
        lambda c, at: c.deliver(at, [("a.json", b"1"), (None, b"2")]),
        lambda c, at: c.deliver(at, [["a.json", b"1"]]),
    ],
)
def test_wrong_arguments(c: Any, folder: int, tmp_path: Path, call: Callable[[Any, int], object]) -> None:
    """Refused as a whole: of a list with one wrong entry nothing is done."""
    with pytest.raises(TypeError):
        call(c, folder)
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_a_zero_byte(c: Any, folder: int) -> None:
    with pytest.raises(ValueError, match="null"):
        c.look(folder, "path", ["a\0b.json"])


def test_impossible_numbers_are_no_harm(c: Any, folder: int, tmp_path: Path) -> None:
    """Such as a negative size."""
    (tmp_path / "to").mkdir()
    (tmp_path / "1.json").touch()
    os.utime(tmp_path / "1.json", ns=(-1, -1))  # -1 is what C makes of a number that it cannot hold
    good = seen(tmp_path / "1.json")
    for file in (good._replace(bytes=-1), good._replace(written_ns=2**70), good._replace(written_ns=-(2**70))):
        [error] = files.move(str(tmp_path), str(tmp_path / "to"), [file], JSON)
        assert isinstance(error, FileNotFoundError)
    assert c.read(folder, [good._replace(bytes=-1)], 9) == [None]


@pytest.mark.slow
def test_nothing_leaks(c: Any, tmp_path: Path, folder: int) -> None:
    """Neither memory nor descriptors, of 10,000 calls of each kind, good and bad."""
    (tmp_path / "to").mkdir()
    (tmp_path / "1.json").write_bytes(b"{}")
    (tmp_path / "2.json").symlink_to("nowhere")
    waiting, names = [seen(tmp_path / name) for name in ("1.json", "2.json")], ["1.json", "gone.json"]
    with files._opened(str(tmp_path / "to")) as target:
        calls: list[Callable[[], object]] = [
            lambda: c.look(folder, "path", names),
            lambda: c.read(folder, waiting, 100),
            lambda: (
                c.move(folder, target, [*waiting[1:], waiting[0]._replace(bytes=1)]) and c.move(folder, target, waiting)
            ),
            lambda: c.move(target, folder, waiting),
            lambda: c.deliver(folder, [("1.json", b"{}"), ("3.json", b"")]),
            *[lambda call=call: _refused(call, folder) for call in (c.look, c.read, c.move, c.deliver)],
        ]
        for call in calls:
            assert _left_behind(call, 10_000) < 20, call  # of 10,000: none a call


def _refused(call: Callable[..., object], folder: int) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "look": (folder, "path", ["a.json", 1]),
        "read": (folder, [("a", 9, 1, 1, 1, 0o100644), 1], 100),
        "move": (folder, folder, [("a", 9, 1, 1, 1, 0o100644), 1]),
        "deliver": (folder, [("a", b"1"), 1]),
    }
    try:
        call(*arguments[call.__name__])
    except TypeError:
        return
    raise AssertionError(call)


def _left_behind(call: Callable[[], object], times: int) -> int:
    """Blocks of memory and descriptors."""
    for _ in range(10):
        call()
    gc.collect()
    before = _held()
    for _ in range(times):
        call()
    gc.collect()
    return _held() - before


def _held() -> int:
    return sys.getallocatedblocks() + len(list(Path("/proc/self/fd").iterdir()))


# What an address sanitizer is to see: each function, with what it does and what it refuses.
EXERCISE = """
import os, sys
os.mkdir(sys.argv[2] + "/to")
at, to = (os.open(path, os.O_RDONLY) for path in (sys.argv[2], sys.argv[2] + "/to"))
files = [(os.fsdecode(b"%d\\xff" % n) + "n" * 200, bytes(n)) for n in range(300)]
assert sum(c.deliver(at, files)) in (0, 300)  # not every file system can
for name, content in files:
    with open(sys.argv[2] + "/" + name, "wb") as file:
        file.write(content)
names = [name for name, _ in files]
os.utime(sys.argv[2] + "/" + names[0], ns=(14 * 10**18, 14 * 10**18))
seen = [one for one in c.look(at, "path", [*names, "gone", "n" * 300]) if one]
assert c.read(at, seen, 250).count(None) in (49, 50)
assert c.read(at, [(one[0], one[1] - 1, *one[2:]) for one in seen if one[1]], 250)
status = os.lstat(sys.argv[2] + "/" + names[0])
assert c.move(at, to, [(names[0], 0, 0, 0, status.st_ino, status.st_mode)]) == [0]
assert c.move(at, to, seen + seen).count(1) in (299, 300)
for call, arguments in ((c.look, (at, "p", [*names, 1])), (c.read, (at, [*seen, 1], 300)),
                        (c.deliver, (at, [*files, 1])), (c.move, (at, to, [*seen, (1,) * 6]))):
    try:
        call(*arguments)
    except TypeError:
        continue
    raise AssertionError(call)
print("done")
"""


def test_no_byte_is_touched_that_is_not_its_own(c: Any, tmp_path: Path) -> None:
    (tmp_path / "places").mkdir()
    exercised_with_sanitizers(Path(files.__file__).with_name("_bulk.c"), EXERCISE, tmp_path)
