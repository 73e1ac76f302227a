"""Declarations of formats: a TOML file says where orders are in a file, and which expression gives each field."""

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from multimarket_async.domains.orders.channels import CONTRACT
from multimarket_async.domains.orders.formats.paths import compiled
from multimarket_async.errors import WrongSettings, did_you_mean
from multimarket_async.formats.found import plain_name

FOLDER = Path("config/formats")
BUILT_IN = files(__package__).joinpath("built_in")


def _expression(text: str) -> str:
    compiled(text.removeprefix("-"))
    return text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


OnePath: TypeAlias = Annotated[str, AfterValidator(_expression)]
# Several expressions: of a text the first that is there, of an amount their sum, where - before one subtracts it.
Paths: TypeAlias = Annotated[tuple[OnePath, ...], BeforeValidator(_listed), Field(min_length=1)]
Words: TypeAlias = dict[str, str]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Address(_Part):
    """The address of an order. A list of texts, such as the lines of a street, is one text."""

    adresse: Paths | None = None
    ville: Paths | None = None


class OrderFields(_Part):
    """The fields of an order; see `formats` for what each one means."""

    order_id: Paths
    client_id: Paths | None = None
    date_commande: Paths
    maj_le: Paths | None = None
    canal: Paths | None = None
    statut_commande: Paths | None = None
    devise: Paths | None = None
    taxes_comprises: Paths | None = None
    remise: Paths | None = None
    taxes: Paths | None = None
    frais_livraison: Paths | None = None
    frais: Paths | None = None
    total_livre: Paths | None = None
    avoir: Paths | None = None
    avoir_de: Paths | None = None
    livraison: Address = Address()


class LineFields(_Part):
    """The lines of an order, and the fields of each."""

    each: Paths | None = None
    ligne_id: Paths | None = None
    produit_id: Paths | None = None
    nom: Paths
    quantite: Paths
    prix_unitaire: Paths | None = None
    montant: Paths | None = None
    remise: Paths | None = None
    taxe: Paths | None = None

    @model_validator(mode="after")
    def _priced(self) -> "LineFields":
        if not (self.prix_unitaire or self.montant):
            raise ValueError("it needs prix_unitaire or montant")
        return self


class RefundLineFields(_Part):
    """The lines of a refund."""

    each: Paths
    ligne_id: Paths | None = None
    nom: Paths | None = None
    quantite: Paths | None = None
    montant: Paths | None = None
    taxe: Paths | None = None


class RefundFields(_Part):
    """The refunds of an order, and the fields of each; of amounts and quantities the sign does not count."""

    each: Paths
    remboursement_id: Paths | None = None
    date_remboursement: Paths | None = None
    montant: Paths | None = None
    lines: RefundLineFields | None = None


class CsvText(_Part):
    """Layout of a CSV file; "" is found in each file."""

    delimiter: str = Field(default="", max_length=1)
    encoding: str = ""

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            return encoding and plain_name(encoding)
        except LookupError:
            raise ValueError("there is no such encoding; common ones are utf-8, cp1252 and latin-1") from None


class SenderWords(_Part):
    """Words of the sender, and what they mean here; "*" is any other one. Blanks and case do not count."""

    statut_commande: Words = {}
    canal: Words = {}
    devise: Words = {}


class Defaults(_Part):
    """Values of fields that an order lacks."""

    statut_commande: str = ""
    devise: str = ""


class Format(_Part):
    """A format of files of orders."""

    title: str = ""
    files: Literal["json", "csv"] = "json"
    orders: Paths = ("@",)
    html: bool = False
    zone: str = ""
    dates: str = "iso"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ","] = ""
    amounts: Literal["decimal", "minor"] = "decimal"
    negative_lines: Literal["reject", "refund"] = "reject"
    no_client: tuple[str | int, ...] = ()
    rows: Paths | None = None
    csv: CsvText = CsvText()
    order: OrderFields
    lines: LineFields
    refunds: RefundFields | None = None
    words: SenderWords = SenderWords()
    default: Defaults = Defaults()

    @model_validator(mode="after")
    def _agree(self) -> "Format":
        if self.zone and self.zone not in available_timezones():
            raise ValueError(f"zone: no such time zone: {self.zone!r}; expected an IANA name such as Europe/Paris")
        if self.dates not in ("iso", "epoch", "epoch_ms") and "%" not in self.dates:
            raise ValueError(
                f"dates must be iso, epoch, epoch_ms or a pattern such as %d/%m/%Y %H:%M, and is {self.dates!r}"
            )
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same: one of them is a comma")
        if self.files == "json" and self.rows:
            raise ValueError("rows is of CSV files; of a JSON file, orders can be `data[?paid]`")
        if self.files == "json" and not self.lines.each:
            raise ValueError("lines.each is missing: the expression of the list of lines")
        if self.files == "csv" and (self.lines.each or self.orders != ("@",)):
            raise ValueError("orders and lines.each are of JSON files: in a CSV file each row is a line")
        return self

    @property
    def uncompared(self) -> "Format":
        """The same without the sender's own total, which only `check` compares."""
        return self.model_copy(update={"order": self.order.model_copy(update={"total_livre": None})})


def names() -> list[str]:
    """All formats, the user's own included."""
    built_in = {entry.name.removesuffix(".toml") for entry in BUILT_IN.iterdir() if entry.name.endswith(".toml")}
    own = {path.stem for path in FOLDER.glob("*.toml")}
    return sorted({CONTRACT} | built_in | own)


def source(name: str) -> tuple[str, str]:
    """The place and the text of a declaration; the user's own comes first. Raises WrongSettings."""
    own = FOLDER / f"{name}.toml"
    if own.is_file():
        return str(own), own.read_text("utf-8-sig")
    if name in names() and name != CONTRACT:
        return f"built in ({name}.toml)", BUILT_IN.joinpath(f"{name}.toml").read_text("utf-8")
    raise WrongSettings(f"There is no format {name}; there are {', '.join(names())}.{did_you_mean(name, names())}")


def declared(name: str) -> Format:
    """The format of that name. Raises WrongSettings with the file and the key at fault."""
    try:
        return parsed(*source(name))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings(f"The format {name} cannot be read: {error}") from error


@cache
def parsed(place: str, text: str) -> Format:
    """A declaration. Raises WrongSettings."""
    try:
        return Format.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WrongSettings(f"{place} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise WrongSettings("\n".join(f"{place}: {fault}" for fault in _faults(error))) from error


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        key = ".".join(str(step) for step in fault["loc"] if not isinstance(step, int))
        sentence = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            known = _fields_at(fault["loc"][:-1])
            sentence = (
                f"there is no such key; there are {', '.join(known)}.{did_you_mean(str(fault['loc'][-1]), known)}"
            )
        given = f" = {fault['input']!r}" if isinstance(fault["input"], str) else ""
        yield f"{key}{given}: {sentence}" if key else sentence


def _fields_at(place: tuple[str | int, ...]) -> list[str]:
    model: Any = Format
    for step in place:
        annotation = model.model_fields[str(step)].annotation
        parts = [annotation, *getattr(annotation, "__args__", ())]
        model = next(part for part in parts if isinstance(part, type) and issubclass(part, BaseModel))
    return list(model.model_fields)
