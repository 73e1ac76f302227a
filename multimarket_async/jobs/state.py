"""A job between two runs, in data/jobs/<name>.json."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel

How: TypeAlias = Literal["landed", "unchanged", "skipped", "failed"]


class JobState(BaseModel):
    """A job between two runs.

    ran_at: end of the last run. how: it ended. why: it landed nothing. file: the last one that landed.
    origin: digests of data and code, and the seed, of the last result that landed.
    """

    ran_at: AwareDatetime | None = None
    next_at: AwareDatetime | None = None
    how: How | None = None
    why: str = ""
    file: str = ""
    origin: dict[str, str | int] = {}

    @classmethod
    def read(cls, file: Path) -> "JobState":
        """The state that a run has left; that of a job that never ran, if there is none or it cannot be read."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValueError):
            return cls()


def state_file(data_dir: Path, job: str) -> Path:
    """The place of a job's state."""
    return data_dir / "jobs" / f"{job}.json"
