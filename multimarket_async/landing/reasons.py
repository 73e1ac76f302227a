"""Reason files: why a file is in quarantine, as JSON beside it."""

import errno
import json
from pathlib import Path
from typing import Any

from multimarket_async.errors import Rejected
from multimarket_async.landing.rejected_lines import described

REASON = ".reason.json"
# Errors of a file that is not there, or not one of ours; with any other one, it may be there.
_NONE_HERE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
UNKNOWN: dict[str, Any] = {"code": "unknown", "sentence": "its reason file is missing or damaged"}


def reason_of(path: Path, rejected: Rejected, facts: dict[str, Any]) -> dict[str, Any]:
    """A reason as it is written."""
    also = {"also": [described(reason) for reason in rejected.also]} if rejected.also else {}
    return {**described(rejected), "file": path.name, **facts, **(rejected.facts or {}), **also}


def whole(reason: dict[str, Any]) -> dict[str, Any]:
    """A reason that says something."""
    texts = isinstance(reason.get("code"), str) and isinstance(reason.get("sentence"), str)
    return reason if texts else UNKNOWN


def read(file: Path) -> dict[str, Any]:
    """A reason file; {} where there is none, or not one of ours. Raises OSError where that cannot be known now."""
    try:
        reason = json.loads(file.read_bytes())
    except ValueError:
        return {}
    except OSError as error:
        if error.errno in _NONE_HERE:
            return {}
        raise
    return _upgraded(reason) if isinstance(reason, dict) else {}


def _upgraded(reason: dict[str, Any]) -> dict[str, Any]:
    """A reason as it is written today, and its attempts: an earlier version wrote `set_aside_at`."""
    if isinstance(attempts := reason.get("attempts"), list):
        reason["attempts"] = [_upgraded(attempt) for attempt in attempts if isinstance(attempt, dict)]
    return {"quarantined_at" if key == "set_aside_at" else key: value for key, value in reason.items()}
