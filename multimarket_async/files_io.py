"""Files that are replaced atomically."""

import os
import uuid
from pathlib import Path


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
