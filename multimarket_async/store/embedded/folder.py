"""The embedded server's own folder: who owns it, the passwords, and where the server listens."""

import json
import os
import secrets
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from multimarket_async.errors import CannotContinue

if sys.platform != "win32":
    import fcntl

_LOG_BYTES = 32 << 20


@dataclass(frozen=True)
class Passwords:
    """Of the user that may do all, and of the one that may only read."""

    admin: str = field(repr=False)
    reader: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """A mongod that was started on the folder, dead or alive."""

    pid: int
    port: int


class Folder:
    """`path`: nobody else may look inside (0700), and each secret is born unreadable to others (0600)."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # mongod tells its dbpath resolved, and the two are compared
        self._lock: int | None = None

    def make(self) -> None:
        """Create it, and close it to others."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def lock(self) -> bool:
        """Become the owner, unless another living process is. The kernel unlocks for whoever dies."""
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
        """Leave it to others."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def locked(self) -> bool:
        """Whether we are the owner."""
        return self._lock is not None

    def prepare(self) -> Passwords:
        """What mongod needs before its first start; the owner only."""
        (self.path / "db").mkdir(mode=0o700, exist_ok=True)
        if not (self.path / "keyfile").exists():
            self._write("keyfile", secrets.token_hex(64))
        passwords = self.passwords()
        if passwords is None:
            passwords = Passwords(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
            self._write("passwords.json", json.dumps(asdict(passwords)))
        return passwords

    def passwords(self) -> Passwords | None:
        """The generated passwords; None before the first owner made them."""
        file = self.path / "passwords.json"
        try:
            return Passwords(**json.loads(file.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise CannotContinue(
                f"{file} does not hold the passwords of the embedded MongoDB any more. Put back its copy, "
                f"or give a MongoDB of your own with --mongo-uri."
            ) from None

    def address(self) -> Address | None:
        """Where the last mongod on this folder was started."""
        try:
            return Address(**json.loads((self.path / "server.json").read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def record(self, address: Address) -> None:
        """Tell other processes, and our next life, where it listens."""
        self._write("server.json", json.dumps(asdict(address)))

    def log_is_long(self) -> bool:
        """Whether mongod's log should be turned."""
        with suppress(FileNotFoundError):
            return (self.path / "mongod.log").stat().st_size > _LOG_BYTES
        return False

    def turn_log(self) -> None:
        """Keep the last log and no older one."""
        with suppress(FileNotFoundError):
            (self.path / "mongod.log").replace(self.path / "mongod.log.1")

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all, and private from the first byte."""
        new = self.path / f".{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / name)
        self._sync()

    def _sync(self) -> None:
        """Make the rename last: a password lost to a power cut would lock the data up."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
