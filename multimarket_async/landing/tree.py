"""The landing directory of a feed and the folders in it, such as one a day."""

import os
from collections.abc import Container, Iterator

from multimarket_async.landing.waiting import UnknownFiles, is_hidden, is_lock, is_ours, printable

MAX_DEPTH = 8  # folders in folders; what is deeper is counted as unknown


class Tree:
    """One scan. unknown: the entries seen that are neither files of these suffixes nor folders, which stay there.

    A link to a folder is unknown too: it may lead anywhere, also in a circle.
    """

    def __init__(self, top: str, suffixes: tuple[str, ...]) -> None:
        self._top = top
        self._suffixes = suffixes
        self._others, self._example = 0, ""

    @property
    def unknown(self) -> UnknownFiles:
        """Their number, and the first one by name."""
        return UnknownFiles(self._others, printable(self._example) if self._others else None)

    def folders(self, but: Container[str] = ()) -> Iterator[tuple[str, Iterator[str]]]:
        """Each folder with the names of its files, those left out whose path is in `but`. Raises OSError of the top."""
        pending = [(self._top, 0)]
        while pending:
            folder, depth = pending.pop()
            try:
                with os.scandir(folder) as entries:
                    inner = list[str]()
                    yield folder, self._names(entries, but, inner if depth < MAX_DEPTH else None)
            except OSError:
                if folder == self._top:
                    raise
                self._count(folder)
            else:
                pending += [(path, depth + 1) for path in inner]

    def _names(
        self, entries: Iterator[os.DirEntry[str]], but: Container[str], inner: list[str] | None
    ) -> Iterator[str]:
        """The names of files of ours. inner: gets the folders; None: they are too deep."""
        for entry in entries:
            if is_ours(entry.name, self._suffixes) and not is_lock(entry.name):
                if entry.path not in but:
                    yield entry.name
            elif not is_hidden(entry.name):
                if inner is not None and entry.is_dir(follow_symlinks=False):
                    inner.append(entry.path)
                else:
                    self._count(entry.path)

    def _count(self, path: str) -> None:
        name = path.removeprefix(f"{self._top}/")
        self._others, self._example = self._others + 1, min(self._example or name, name)
