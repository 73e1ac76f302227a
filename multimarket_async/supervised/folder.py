"""The folder of a server: its owner, its passwords and its address."""

import json
import os
import secrets
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from multimarket_async.errors import CannotContinue
from multimarket_async.files_io import atomic_write

if sys.platform != "win32":
    import fcntl

_LOG_BYTES = 32 << 20


@dataclass(frozen=True)
class Passwords:
    """Passwords of the administrator and of the read-only user."""

    admin: str = field(repr=False)
    reader: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """The process and port of a server that was started on the folder, dead or alive."""

    pid: int
    port: int


class Folder:
    """`path`, private to its owner (0700); secrets are created unreadable to others (0600).

    log: the name of the log in it. lost: the sentence about passwords that cannot be read any more, behind their file.
    """

    def __init__(self, path: Path, log: str = "server.log", lost: str = "Restore its copy.") -> None:
        self.path = path.resolve()  # servers report their folder resolved, and the two are compared
        self.log = self.path / log
        self._lost = lost
        self._lock: int | None = None

    def make(self) -> None:
        """Create the folder, and deny it to other users."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def lock(self) -> bool:
        """Become the owner; False if another living process is. The kernel releases the lock of a dead process."""
        if self._lock is not None:
            return True
        file = os.open(self.path / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._lock = file
        return True

    def unlock(self) -> None:
        """Give ownership up."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def locked(self) -> bool:
        """True if this process is the owner."""
        return self._lock is not None

    def prepare(self) -> Passwords:
        """Create the passwords before the first start, as the owner; returns them."""
        passwords = self.passwords()
        if passwords is None:
            passwords = Passwords(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
            atomic_write(self.path / "passwords.json", json.dumps(asdict(passwords)).encode(), private=True)
        return passwords

    def passwords(self) -> Passwords | None:
        """Read the generated passwords; None before the first owner made them."""
        file = self.path / "passwords.json"
        try:
            return Passwords(**json.loads(file.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise CannotContinue(f"{file} does not hold {self._lost}") from None

    def address(self) -> Address | None:
        """Read the address of the server that was started last."""
        try:
            return Address(**json.loads((self.path / "server.json").read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def record(self, address: Address) -> None:
        """Write the address down for other processes and for the next start."""
        atomic_write(self.path / "server.json", json.dumps(asdict(address)).encode(), private=True)

    def log_is_long(self) -> bool:
        """True if the log should be rotated."""
        with suppress(FileNotFoundError):
            return self.log.stat().st_size > _LOG_BYTES
        return False

    def rotate_log(self) -> None:
        """Keep one older log."""
        with suppress(FileNotFoundError):
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        self._sync()

    def _sync(self) -> None:
        """Make the rename durable: a password lost in a power failure would lock the data up."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
