"""A waiting file, held open while its records are read."""

import io
import os
from collections.abc import Generator
from datetime import datetime
from typing import Any, BinaryIO, cast

from multimarket_async.domains import Feed
from multimarket_async.errors import Rejected
from multimarket_async.files_io import digest_of_stream
from multimarket_async.landing import WaitingFile, opened, unreadable
from multimarket_async.records import Chunk, Identity, RecordFile
from multimarket_async.store import Filling

READ_BYTES = 1 << 17


class _Stream(io.RawIOBase):
    """A file from its start, at a place of its own: copies of a descriptor share theirs."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        read = os.preadv(self._descriptor, [buffer], self._place)
        self._place += read
        return read


class OpenedFile(RecordFile):
    """A waiting file: neither a rename nor another file of its name changes what is read.

    Raises Rejected if it is no readable regular file of at most `max_bytes`, FileNotFoundError, Unavailable.
    """

    def __init__(self, feed: Feed, file: WaitingFile, max_bytes: int, now: datetime, latest: datetime) -> None:
        self.file = file
        self._descriptor = opened(file, max_bytes)
        try:
            sha256 = self._digest()
        except OSError as error:
            self.close()
            raise unreadable(error) from error
        except BaseException:
            self.close()
            raise
        identity = Identity(file.name, file.bytes, file.inode, file.written_ns, sha256)
        super().__init__(feed, identity, self._stream, now, latest)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def is_changed(self) -> bool:
        """True if it was written to since it was looked at."""
        status = os.fstat(self._descriptor)
        return (status.st_size, status.st_mtime_ns) != (self.file.bytes, self.file.written_ns)

    def chunks(self, filling: Filling | None = None) -> Generator[Chunk]:
        """Every record, encoded, as long as the file is as it was looked at. Raises Rejected."""
        for chunk in super().chunks(filling):
            if self.is_changed():  # a line may be half an older one, or whole by now
                raise still_changing()
            yield chunk

    def _stream(self) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_Stream(self._descriptor), READ_BYTES))

    def _digest(self) -> str:
        with self._stream() as stream:
            sha256 = digest_of_stream(stream)
        if self.is_changed():
            raise still_changing()
        return sha256


def still_changing() -> Rejected:
    """The rejection of a file that was written to meanwhile."""
    return Rejected("still_changing", "it was written to while it was being read", unfinished=True)
