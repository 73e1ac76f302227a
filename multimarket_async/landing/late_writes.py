"""Archived files that were written to after they were stored: the beginning of each that was stored, and their number.

A rename sets the time of change (ctime) only, and a write sets it together with that of the content (mtime): where both
are the same, a file was written to since it came here. Its writer may set the second one: so the first one is compared
with that of its arrival too (`arrivals`). Only the content then tells whether it has changed.

Such a file gets a second name, in a hidden folder of the archive; a copy of what was stored takes its first one; it is
counted; it leaves. A process that is killed in between has done a part of this, and the next one does the rest.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from multimarket_async.files_io import READ_BYTES, atomic_write, open_itself
from multimarket_async.landing.rename import rename_new
from multimarket_async.landing.waiting import WaitingFile

RECORD, FILES, COUNTED = ".late-writes.json", "files", "counted"
WITHDRAWN, PART = ".late-writes", ".part"  # the hidden folder, with a folder for each day; the copy of what was stored
ENDS = re.compile(rb"[}\]\n]\s*")  # of texts that are whole, with white space behind them
MOST_ENDS = 20_000


def late_writes(folder: Path) -> int:
    """The number of files of this archive that were found to be written to."""
    return _record(folder)[0]


def withdraw(folder: Path, file: WaitingFile) -> WaitingFile:
    """Give a file of this archive its second name; the file there. Raises FileExistsError, FileNotFoundError, OSError.

    Where files cannot have two names it is moved, and until `keep_stored` the archive lacks it.
    """
    if not file.is_at(file.where):
        raise FileNotFoundError(errno.ENOENT, "it is another file by now", file.where)
    target = folder / WITHDRAWN / file.path.parent.name / file.entry
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _linked(file.where, target):
        rename_new(file.where, target)
    return file._replace(where=os.fspath(target))


def keep_stored(folder: Path, file: WaitingFile, size: int | None, written_ns: int) -> None:
    """Put a copy of the first bytes of a file that is withdrawn in its place, and count it. Each is done once.

    size: None if what was stored is not in it. written_ns: the time of the copy, 0 for now. Raises
    FileNotFoundError if it is not as it was when it was looked at, OSError.
    """
    if not file.is_at(file.where):
        raise FileNotFoundError(errno.ENOENT, "it is another file by now", file.where)
    number, counted = _record(folder)
    if (name := _name_of(file)) in counted:
        return
    if _is_to_do(place := folder / name, file):
        if size is None:
            place.unlink(missing_ok=True)
        else:
            _put_copy(folder / WITHDRAWN / PART, place, file, size, written_ns)
    _write_record(folder, number + 1, [*counted, name])


def has_left(folder: Path, file: WaitingFile) -> None:
    """Forget a file that was withdrawn."""
    number, counted = _record(folder)
    _write_record(folder, number, [name for name in counted if name != _name_of(file)])
    clear(folder)


def clear(folder: Path) -> None:
    """Remove the copy that a killed process has left, and the hidden folders that are empty."""
    (folder / WITHDRAWN / PART).unlink(missing_ok=True)
    for hidden in (*(folder / WITHDRAWN).glob("*"), folder / WITHDRAWN):
        with suppress(OSError):  # it is not empty
            hidden.rmdir()


def _record(folder: Path) -> tuple[int, list[str]]:
    """The number of files, and those that are withdrawn and counted; what has left since is none of them."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        record = json.loads((folder / RECORD).read_bytes())
        there = [name for name in record.get(COUNTED, ()) if os.path.lexists(folder / WITHDRAWN / name)]
        return int(record[FILES]), there
    return 0, []


def _write_record(folder: Path, number: int, counted: Collection[str]) -> None:
    atomic_write(folder / RECORD, json.dumps({FILES: number, COUNTED: list(counted)}).encode())


def _name_of(file: WaitingFile) -> str:
    """Day and name in the archive."""
    return f"{file.path.parent.name}/{file.entry}"


def _linked(source: str, target: Path) -> bool:
    """True if the file has both names now."""
    with suppress(OSError):
        os.link(source, target, follow_symlinks=False)
        if os.path.samestat(os.lstat(source), os.lstat(target)):
            return True
        target.unlink()  # a file system whose links are copies
    return False


def _is_to_do(place: Path, file: WaitingFile) -> bool:
    """True if the file itself is in its place, or nothing is."""
    try:
        return os.path.samestat(os.lstat(place), os.lstat(file.where))
    except FileNotFoundError:
        return True


def _put_copy(part: Path, place: Path, file: WaitingFile, size: int, written_ns: int) -> None:
    with part.open("wb") as copy:
        copy.writelines(content_of(file.where, size))
        copy.flush()
        os.fsync(copy.fileno())
        if written_ns:
            os.utime(copy.fileno(), ns=(written_ns, written_ns))
    if not (file.is_at(file.where) and _is_to_do(place, file)):
        raise FileNotFoundError(errno.ENOENT, "it was written to while it was copied", file.where)
    place.parent.mkdir(exist_ok=True)
    part.replace(place)


def is_late_write(file: WaitingFile) -> bool:
    """True if an archived file may have been written to since it came there."""
    return file.written_ns == file.changed_ns


def ends(content: bytes) -> Iterator[int]:
    """Sizes that a whole text at the beginning of this one may have had."""
    found = 0
    for match in ENDS.finditer(content):
        for end in range(match.start() + 1, match.end() + 1):
            yield end
            found += 1
        if found > MOST_ENDS:
            return


def beginnings(content: Iterable[bytes], sizes: Iterable[int]) -> Mapping[str, int]:
    """The sizes of what it begins with, by their digests. sizes: ascending, none beyond the content."""
    digest, done, pieces, rest, found = hashlib.sha256(), 0, iter(content), memoryview(b""), dict[str, int]()
    for size in sizes:
        while done < size:
            rest = rest or memoryview(next(pieces))
            piece, rest = rest[: size - done], rest[size - done :]
            digest.update(piece)
            done += len(piece)
        found[digest.copy().hexdigest()] = size
    return found


def content_of(path: str, most: int | None = None) -> Iterator[bytes]:
    """The content of a file, or its first bytes, piece by piece. Raises OSError."""
    with os.fdopen(open_itself(path), "rb") as stream:
        left = os.fstat(stream.fileno()).st_size if most is None else most
        while left and (piece := stream.read(min(left, READ_BYTES))):
            left -= len(piece)
            yield piece
