"""The place of a lake: a folder, or a bucket of an S3 server whose keys are in the environment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Store

PROBE = ".multimarket-probe"
PATIENCE = {"max_retries": "5", "retry_timeout": "20s"}  # by itself the library tries for minutes
KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for a server of your own)"


@dataclass(frozen=True, slots=True)
class Place:
    """url: of the folder or prefix, without a slash at its end."""

    url: str

    @property
    def is_remote(self) -> bool:
        """It is a bucket."""
        return self.url.startswith("s3://")

    @property
    def options(self) -> dict[str, str]:
        """Options of storage besides those of the environment."""
        plain = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).scheme == "http"
        return {**PATIENCE, "allow_http": str(plain).lower()} if self.is_remote else {}

    def table(self, name: str) -> str:
        """The address of a table."""
        return f"{self.url}/{name}"

    def store(self, url: str) -> "S3Store":
        """A client of a prefix of the bucket."""
        from obstore.store import S3Store  # noqa: PLC0415 - only where the lake is a bucket

        return S3Store.from_url(url, client_options={"allow_http": self.options.get("allow_http") == "true"})

    def require(self) -> None:
        """Make the folder, or try the bucket. Blocks. Raises CannotContinue."""
        if self.is_remote:
            _probe(self)
            return
        try:
            Path(self.url).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotContinue(f"The lake cannot be written to: {error}. The setting lake_url names it.") from error


def place_of(settings: Settings) -> Place:
    """The place that the settings name. Raises WrongSettings."""
    url = settings.lake_url or str(settings.data_dir / "lake")
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Place(str(Path(url).absolute()))
    if scheme != "s3" or not rest.strip("/"):
        raise WrongSettings(f"lake_url = {url!r}: it is a folder, or s3://bucket/prefix.")
    return Place(url.rstrip("/"))


def _probe(place: Place) -> None:
    """Two writers may not both make the same object: a store that lets them loses commits without a word."""
    from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415 - only where the lake is a bucket

    try:
        store = place.store(place.url)
        store.put(PROBE, b"", mode="overwrite")
        store.put(PROBE, b"", mode="create")
    except AlreadyExistsError:
        return
    except BaseError as error:
        why = str(error).partition("\n")[0]
        raise CannotContinue(f"The lake {place.url} cannot be written to: {why}\nThe keys are {KEYS}.") from error
    raise CannotContinue(
        f"The lake cannot be at {place.url}: this store ignores If-None-Match, so commits of two writers would be lost."
    )
