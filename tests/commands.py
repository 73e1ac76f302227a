"""Commands as a user types them, in this process: starting Python takes most of the time of a command that looks."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from multimarket_async.cli import main


@dataclass
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def typed(folder: Path, settings: Mapping[str, str], *words: str, answer: str = "") -> Done:
    """A command in a folder, with these environment variables, to its end. answer: what is typed, at no terminal."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["multimarket_async", *words])
        patch.setattr(sys, "stdin", io.StringIO(answer))
        for name, value in settings.items():
            patch.setenv(name, value)
        with _as_it_was():
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Restore logging and the mode of new files, which are global."""
    root, mask = logging.getLogger(), os.umask(0o022)
    os.umask(mask)
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for handler in {*root.handlers} - {*handlers}:
            handler.close()
        root.handlers, root.level = handlers, level
        structlog.configure(**configured)
        os.umask(mask)
