"""Findings of checks."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "fault"]
OK: Level = "ok"
WARNING: Level = "warning"
FAULT: Level = "fault"


@dataclass(frozen=True)
class Finding:
    """The result of a check; where it is not ok, `found` says what to do. ends: nothing can be collected."""

    check: str
    level: Level
    found: str
    ends: bool = False
