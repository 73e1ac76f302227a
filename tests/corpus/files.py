"""Faults of the file itself: its name, its kind."""

import os
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.corpus.case import LEFT, STORED, Case, Put, good

BAD = b'{"order_id": true}'
OUTSIDE = "outside"  # a folder beside the data folder: nothing of it may change
OUTSIDE_FILES = {"order.json": good("outside"), "linked.json": good("hard link"), "rubbish.txt": b"not an order\n"}


def files() -> Iterator[Case]:
    """All of them."""
    return chain(_odd_names(), _not_ours(), _not_a_file(), _odd_files())


def _odd_names() -> Iterator[Case]:
    """Each with a good order, and in the mobile folder with a bad one."""
    for wrong, name in {
        "name of 255 bytes": b"n" * 250 + b".json",
        "name of 255 bytes beyond ASCII": "é".encode() * 125 + b".json",
        "name that is not UTF-8": b"caf\xe9.json",
        "name of bytes only": bytes(range(0x80, 0xA0)) + b".json",
        "name with a newline": b"a\nb.json",
        "name with control characters": b"\x1b[2J\x07\x7f.json",
        "name with a leading dash": b"-rf.json",
        "name with a leading tilde": b"~root.json",
        "name with quotes": b"'\"`.json",
        "name with spaces": b"  a  b  .json",
        "name with a shell in it": b"$(reboot);&|*?.json",
        "name with a format in it": b"%s%n{0}.json",
        "name with backslashes": b"C:\\..\\passwd.json",
        "name composed": "é.json".encode(),
        "name decomposed": "e\u0301.json".encode(),
        "name from right to left": "\u202egnp.json".encode(),
        "name of an emoji": "😀.json".encode(),
        "name like a reason": b"x.json.reason.json",
        "name like a second one": b"x.2.json",
        "name with two endings": b"x.json.json",
    }.items():
        yield Case(wrong, good(wrong), name=os.fsdecode(name))
        bad = b'{"order_id": true, "of": "%s"}' % wrong.encode()  # equal ones are kept once
        yield Case(f"bad, {wrong}", bad, "wrong_type", "/order_id", feed="application_mobile", name=os.fsdecode(name))
    yield Case("whose reason's name is taken", BAD, "wrong_type", "/order_id", feed="application_mobile", name="x.json")


def _not_ours() -> Iterator[Case]:
    for name in ("..json", ".json", "...json", ".hidden.json", "x.json.part", "x.json ", "x.json~", "json"):
        yield Case(f"name {name}", good(name), LEFT, name=name)


def _not_a_file() -> Iterator[Case]:
    for wrong, target in {
        "link to a good order": "order.json",
        "link to nothing": "nothing.json",
        "link to a folder": ".",
    }.items():
        yield _strange(wrong, lambda path, _, target=target: path.symlink_to(_outside(path) / target))
    yield _strange("link to dev zero", lambda path, _: path.symlink_to("/dev/zero"))
    yield _strange("link to itself", lambda path, _: path.symlink_to(path.name))
    yield _strange("pipe", lambda path, _: os.mkfifo(path))
    yield _strange("socket", lambda path, _: os.mknod(path, stat.S_IFSOCK | 0o600))
    yield _strange("empty folder", lambda path, _: path.mkdir())
    yield _strange("folder", _folder)


def _strange(wrong: str, put: Put) -> Case:
    return Case(wrong, b"", "not_a_regular_file", put=put)


def _folder(path: Path, _: bytes) -> None:
    path.mkdir()
    (path / "inside.json").write_bytes(good("inside a folder"))


def _odd_files() -> Iterator[Case]:
    yield Case("hard link to a good order", b"", put=lambda path, _: path.hardlink_to(_outside(path) / "linked.json"))
    yield Case(
        "hard link to rubbish",
        b"",
        "syntax_error",
        place=(1, 1),
        put=lambda path, _: path.hardlink_to(_outside(path) / "rubbish.txt"),
    )
    yield Case("a file of two names", good("two names"))
    yield Case("its second name", b"", put=lambda path, _: path.hardlink_to(path.with_name("a file of two names.json")))
    yield Case("sparse", b"", "syntax_error", place=(1, 1), put=_sparse)
    yield Case("read only", good("read only"), put=_mode(0o400))
    yield Case("executable", good("executable"), put=_mode(0o777))
    yield Case("unreadable", good("unreadable"), STORED if os.geteuid() == 0 else "unreadable", put=_mode(0))
    yield Case("from 1970", good("from 1970"), put=_dated(0))
    yield Case("from 2099", good("from 2099"), put=_dated(4_070_908_800))


def _outside(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.name == "data").parent / OUTSIDE


def prepare_outside(folder: Path) -> None:
    """The targets of the links."""
    folder.mkdir()
    for name, content in OUTSIDE_FILES.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (0, 1))  # read before it was written: the next reading shows


def _sparse(path: Path, _: bytes) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 20)


def _mode(mode: int) -> Put:
    def put(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return put


def _dated(moment_s: int) -> Put:
    def put(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        os.utime(path, (moment_s, moment_s))

    return put
