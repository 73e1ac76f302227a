"""Files that are replaced atomically, and files and folders that other users of the machine cannot read."""

import errno
import hashlib
import os
import stat
import uuid
from pathlib import Path
from typing import IO

OTHERS = 0o027  # as a umask: folders are 0750, files 0640
READ_BYTES = 1 << 20


def digest_of_stream(stream: IO[bytes]) -> str:
    """SHA-256 of the bytes of a stream, in hexadecimal."""
    digest = hashlib.sha256()
    while content := stream.read(READ_BYTES):
        digest.update(content)
    return digest.hexdigest()


def keep_from_others() -> None:
    """Create no file or folder that users outside our group can read: data is of people."""
    os.umask(os.umask(OTHERS) | OTHERS)


def private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter, if it is absent."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_itself(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """Open a file in a folder that others write to, and no file that a link there leads to. Raises OSError."""
    opened = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if stat.S_ISDIR(os.fstat(opened).st_mode):  # for reading it can be opened, and the error of `fdopen` has no path
        os.close(opened)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    return opened


def atomic_write(file: Path, content: bytes, *, private: bool = False) -> None:
    """Replace `file` by a new one with this content: a reader sees the old content or the new one, never a part.

    private: readable by this user only from the first byte on, and durable. Raises OSError, and leaves nothing behind.
    """
    hidden = file.with_name(f".{uuid.uuid4().hex}.part")
    try:
        hidden.touch(0o600 if private else 0o666, exist_ok=False)
        with hidden.open("wb") as new:
            new.write(content)
            if private:
                new.flush()
                os.fsync(new.fileno())
        hidden.replace(file)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
