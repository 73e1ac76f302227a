"""Days of an archive, packed: one compressed tar file a day, from which each file can be had again as it was."""

import os
import re
import shutil
import tarfile
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

from multimarket_async.files_io import READ_BYTES, digest_of_stream
from multimarket_async.landing.rename import place, rename_new

DAY = re.compile(r"\d{4}-\d\d-\d\d")
PACK = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\d+)?\.(\d+)-files\.tar\.gz")
PACKED = ".packed"  # of a hidden folder whose files are in a pack
UNPACKED = ".unpacked"  # of a hidden folder with the files of a pack, which take the place of it


@dataclass(frozen=True, slots=True)
class Packed:
    """The result of packing: files, and bytes before and after."""

    days: int = 0
    files: int = 0
    before: int = 0
    after: int = 0


def packed_files(name: str) -> int:
    """The number of files in the pack of this name; 0 if it is none."""
    found = PACK.fullmatch(name)
    return int(found[2]) if found else 0


def pack(archive: Path, older_than: date) -> Packed:
    """Pack the days before a date, each file checked in its pack before it is removed. Raises OSError."""
    _recover(archive)
    done = Packed()
    for folder in sorted(archive.glob("*-*-*")):
        if folder.is_dir() and DAY.fullmatch(folder.name) and folder.name < older_than.isoformat():
            done = _pack_day(folder, done)
    return done


def packs(archive: Path) -> list[Path]:
    """Every pack."""
    return [path for path in sorted(archive.glob("*.tar.gz")) if packed_files(path.name)] if archive.is_dir() else []


def unpack(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Put the files of a pack back into their day, and remove it; killed at that, `recover_unpacked` completes it."""
    hidden = path.with_name(f".{path.name}{UNPACKED}")
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(mode=0o700)
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                _extracted(tar, member, hidden)
    path.unlink()
    return _back_in_day(hidden, suffixes)


def recover_unpacked(archive: Path, suffixes: tuple[str, ...]) -> None:
    """Complete each unpacking that was killed: its files are in the pack until that is removed."""
    for hidden in archive.glob(f".*{UNPACKED}"):
        if hidden.with_name(hidden.name.removeprefix(".").removesuffix(UNPACKED)).exists():
            shutil.rmtree(hidden)
        else:
            _back_in_day(hidden, suffixes)


def _back_in_day(hidden: Path, suffixes: tuple[str, ...]) -> list[Path]:
    day = hidden.with_name(hidden.name[1 : 1 + len("2026-01-31")])
    day.mkdir(mode=0o700, exist_ok=True)
    back = [Path(place(str(path), str(day), path.name, suffixes)) for path in _visible(hidden)]
    hidden.rmdir()
    return back


def _recover(archive: Path) -> None:
    """Complete what was begun and killed: a hidden folder goes if its pack is there, and comes back if it is not."""
    for hidden in archive.glob(f".*{PACKED}"):
        day = hidden.name.removeprefix(".").removesuffix(PACKED)
        files = _visible(hidden)
        if any(packed_files(path.name) == len(files) and _holds(path, files) for path in archive.glob(f"{day}.*")):
            shutil.rmtree(hidden)
        else:
            with suppress(FileExistsError):
                rename_new(hidden, archive / day)


def _pack_day(folder: Path, done: Packed) -> Packed:
    files = _visible(folder)
    if not files:
        return done
    part = folder.with_name(f".{uuid.uuid4().hex}.part")
    try:
        _write(part, files)
        if not _holds(part, files):
            raise OSError(f"{part} does not hold what was packed into it; nothing was removed")
        before = sum(path.stat().st_size for path in files)
        hidden = folder.with_name(f".{folder.name}{PACKED}")
        rename_new(folder, hidden)  # its files are counted in the one place or in the other, and never in both
        target = _publish(part, folder, len(files))
    finally:
        part.unlink(missing_ok=True)
    shutil.rmtree(hidden)
    return Packed(done.days + 1, done.files + len(files), done.before + before, done.after + target.stat().st_size)


def _publish(part: Path, folder: Path, files: int) -> Path:
    for number in count(1):
        another = f".{number}" if number > 1 else ""
        target = folder.with_name(f"{folder.name}{another}.{files}-files.tar.gz")
        with suppress(FileExistsError):
            rename_new(part, target)
            return target
    raise AssertionError("count never ends")


def _write(part: Path, files: list[Path]) -> None:
    with part.open("xb") as stream:
        with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
            for path in files:
                _add(tar, path)
        stream.flush()
        os.fsync(stream.fileno())


def _add(tar: tarfile.TarFile, path: Path) -> None:
    """A file with the time of its content, to the nanosecond."""
    info = tar.gettarinfo(path, arcname=path.name)
    seconds, rest = divmod(path.stat().st_mtime_ns, 10**9)
    info.pax_headers = {"mtime": f"{seconds}.{rest:09}"}
    with path.open("rb") as stream:
        tar.addfile(info, stream)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _holds(part: Path, files: list[Path]) -> bool:
    """True if each of these files can be had again from the pack, and no other."""
    digests = {path.name: _digest(path) for path in files}
    with tarfile.open(part) as tar:
        return digests == {member.name: _member_digest(tar, member) for member in tar}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return digest_of_stream(stream)


def _member_digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = tar.extractfile(member)
    return digest_of_stream(content) if content else ""


def unpacked(archive: Path, room: Path) -> Iterator[Path]:
    """Every file of every pack, as it was, in a folder of its own in `room`. Raises OSError."""
    for path in packs(archive):
        yield from files_of(path, room)


def files_of(path: Path, room: Path) -> Iterator[Path]:
    """Every file of a pack, as it was, in a folder of its own in `room`. Raises OSError."""
    folder = Path(tempfile.mkdtemp(dir=room))
    with tarfile.open(path) as tar:
        yield from (_extracted(tar, member, folder) for member in tar if member.isfile())


def _extracted(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> Path:
    path = folder / Path(member.name).name
    source = tar.extractfile(member)
    with path.open("xb") as target:
        if source:
            shutil.copyfileobj(source, target, READ_BYTES)
    seconds, _, rest = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
    written_ns = int(seconds) * 10**9 + int(f"{rest:0<9}"[:9])
    os.utime(path, ns=(written_ns, written_ns))
    return path
