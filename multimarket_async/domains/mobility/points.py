"""Answers about points, as observations of their status and as what is known of them; or the reasons against these."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from multimarket_async.domains import Document, IncomingFile, Record
from multimarket_async.domains.mobility.instants import as_key, instant, polled_at, same_as
from multimarket_async.domains.mobility.settings import MobilitySettings
from multimarket_async.errors import Rejected
from multimarket_async.feeds import Located
from multimarket_async.formats import Json

AVAILABLE, OCCUPIED, MAINTENANCE, UNKNOWN = "Disponible", "Occupé (en charge)", "En maintenance", "Inconnu"
OTHERS = ("Réservé", "En cours de mise en service", "Mise en service planifiée", "Pas implémenté", "Supprimé")
POINT = re.compile(r"[^*\s\x00]{1,40}(\*[^*\s\x00]{1,40}){4,5}")
STATUS_CHARS = 60
CENTRE, CENTRE_DISTRICTS, NOWHERE = "Paris centre", range(1, 5), "(unknown)"
DISTRICT = re.compile(r"(\d{1,2})\s*(?:er|e|ème|eme)\b.*", re.IGNORECASE)
PARIS = re.compile(r"751(\d\d)")
TEXT_CHARS = 300
HEAD_BYTES = 1 << 16
LONGITUDES, LATITUDES = 180, 90


def folded(status: str) -> str:
    """A status without what spellings of it differ in: case, accents, and an addition in brackets."""
    bare = status.partition("(")[0].strip().casefold()
    return "".join(char for char in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(char))


BY_FOLDED = {folded(status): status for status in (AVAILABLE, OCCUPIED, MAINTENANCE, UNKNOWN, *OTHERS)}


def _status(given: str) -> str:
    text = unicodedata.normalize("NFC", given.strip())
    if not text or len(text) > STATUS_CHARS or not text.isprintable():
        raise PydanticCustomError("not_a_status", "must be a text of 1 to 60 characters")
    return BY_FOLDED.get(folded(text), text)


def _point(given: str) -> str:
    text = given.strip()
    if not POINT.fullmatch(text):
        raise PydanticCustomError("not_a_point", "must have 5 or 6 parts, separated by *")
    return text


PointId = Annotated[str, AfterValidator(_point)]


@with_config(ConfigDict(extra="ignore", strict=True))
class Observed(TypedDict):
    """The part of a record that says which status a point had, and since when."""

    id_pdc: PointId
    statut_pdc: Annotated[str, AfterValidator(_status)]
    last_updated: Annotated[str, Field(max_length=40)]


observed = TypeAdapter(Observed).validator.validate_python
identified = TypeAdapter(PointId).validator.validate_python


class Points:
    """Readers of files of points, under the settings of the domain."""

    def __init__(self, settings: MobilitySettings) -> None:
        self._zone, self._business = ZoneInfo(settings.local_timezone), ZoneInfo(settings.timezone)

    def observations(self, file: IncomingFile) -> Iterator[Record]:
        """The status of each point, as of its last change."""
        yield from _read(file, self._observation)

    def known(self, file: IncomingFile) -> Iterator[Document]:
        """Each point as the file describes it, once a day: the last file of a day counts."""
        seen_at, found = polled_at(file), dict[str, Document]()
        day = f"{seen_at.astimezone(self._business):%Y-%m-%d}"
        for tree in self.trees(file):
            for point in _identifier(tree):
                found[point] = {"_id": f"{point}@{day}", "id_pdc": point, "day": day, "seen_at": seen_at}
                found[point] |= described(point, tree)
        yield from found.values()

    def polls(self, file: IncomingFile) -> Iterator[Document]:
        """The answer as such: when it was given, and which points it has, or which one it repeats."""
        at, same = polled_at(file), same_as(file)
        roster = None if same else next((found["_id"] for found in self.rosters(file)), None)
        if same or roster:
            known = {"polled_at": at, "day": f"{at.astimezone(self._business):%Y-%m-%d}"}
            yield {"_id": f"{as_key(at)}@{roster or as_key(same or at)}", **known, "roster": roster, "same_as": same}

    def rosters(self, file: IncomingFile) -> Iterator[Document]:
        """The points of an answer, under a key that they give: most answers have the same."""
        names = sorted({point for tree in self.trees(file) for point in _identifier(tree)})
        if names:
            yield {"_id": sha256("\n".join(names).encode()).hexdigest()[:24], "points": names}

    def trees(self, file: IncomingFile) -> Iterator[dict[str, Any]]:
        """The objects of a file as they came, without those that are no JSON."""
        for record in _read(file, lambda tree: tree):
            if isinstance(record, Located) and isinstance(record.record, dict):
                yield record.record

    def _observation(self, tree: dict[str, Any]) -> Document:
        given = observed(tree)
        at = self._instant(given["last_updated"])
        point = given["id_pdc"]
        return {
            "_id": f"{point}@{as_key(at)}",
            "id_pdc": point,
            "station_id": station_of(point),
            "status": given["statut_pdc"],
            "last_updated": at,
        }

    def _instant(self, text: str) -> datetime:
        try:
            return instant(text.strip(), self._zone)
        except (ValueError, OverflowError) as error:
            raise Rejected("not_an_instant", f"last_updated: {error}.", "/last_updated") from None


def _read(file: IncomingFile, make: Callable[[dict[str, Any]], Document]) -> Iterator[Record]:
    """The records of a page, of an export, or of an answer of the API's first version; a mark has none."""
    if same_as(file):
        return iter(())
    with file.open() as stream:
        head = stream.read(HEAD_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{") and b'"records"' in head and b'"results"' not in head:
        return Json("/records").reader(lambda tree: make(_fields(tree)))(file)
    return Json("/results" if head.startswith(b"{") and b'"results"' in head else "").reader(make)(file)


def _fields(tree: dict[str, Any]) -> dict[str, Any]:
    fields = tree.get("fields")
    return fields if isinstance(fields, dict) else {}


def _identifier(tree: dict[str, Any]) -> Iterator[str]:
    """Its key, if it has one."""
    try:
        yield identified(tree.get("id_pdc"))
    except ValueError:
        return


def station_of(point: str) -> str:
    """The station of a point: all parts but the last."""
    return point.rpartition("*")[0]


def described(point: str, tree: dict[str, Any]) -> Document:
    """The facts of a record about a point itself; None for each that it lacks."""
    longitude, latitude = coordinates(tree.get("coordonneesxy"))
    insee = _text(tree.get("code_insee_commune"))
    return {
        "station_id": station_of(point),
        "address": _text(tree.get("adresse_station")),
        "insee": insee,
        "arrondissement": district(_text(tree.get("arrondissement")), insee),
        "longitude": longitude,
        "latitude": latitude,
    }


def _text(value: Any) -> str | None:
    """A text without the blanks around it; None for none, and for what is no text."""
    text = unicodedata.normalize("NFC", value).replace("\x00", "").strip() if isinstance(value, str) else ""
    return text[:TEXT_CHARS] or None


def district(name: str | None, insee: str | None) -> str:
    """The arrondissement, as "5e"; the first four of Paris are one, and the INSEE code says it where no name does."""
    numbered = DISTRICT.fullmatch(name or "") or (PARIS.fullmatch(insee or "") if not name else None)
    if not numbered or not 1 <= int(numbered[1]) <= 20:  # noqa: PLR2004 - Paris has so many
        return name or NOWHERE
    number = int(numbered[1])
    return CENTRE if number in CENTRE_DISTRICTS else f"{number}e"


def coordinates(given: Any) -> tuple[float | None, float | None]:
    """Longitude and latitude, of {lon, lat} or of the first version's [lat, lon]; None where they are none of Earth."""
    values = [given.get("lon"), given.get("lat")] if isinstance(given, dict) else given
    if isinstance(given, list):
        values = given[::-1]
    match values:
        case [float() | int() as longitude, float() | int() as latitude]:
            if abs(longitude) <= LONGITUDES and abs(latitude) <= LATITUDES:
                return float(longitude), float(latitude)
    return None, None
