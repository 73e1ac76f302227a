"""Files and database that a reading command needs: it says what is not there, and creates nothing."""

from pathlib import Path
from typing import Literal, TypeAlias

from multimarket_async.errors import WrongSettings
from multimarket_async.settings import Settings

Kind: TypeAlias = Literal["files", "database"]
FOLDERS = ("sources", "archive", "quarantine")


def check_found(settings: Settings, *kinds: Kind) -> None:
    """Raises WrongSettings where one of these is not there."""
    folder = settings.data_dir
    if "files" in kinds and not any((folder / name).is_dir() for name in FOLDERS):
        raise _missing(folder, f"is no data folder: it has none of {', '.join(FOLDERS)}", "`run`, `demo` and `collect`")
    if "database" in kinds and not settings.mongo_uri and not (folder / "mongo" / "db").is_dir():
        what = "has no database: neither is there `mongo` in it, nor is mongo_uri set"
        raise _missing(folder, what, "`run`, `demo`, `collect` and `measure`")


def _missing(folder: Path, what: str, commands: str) -> WrongSettings:
    return WrongSettings(
        f"{folder.absolute()} {what}. Nothing was read or created. "
        f"Name another folder with --data-dir; {commands} create what is missing."
    )
