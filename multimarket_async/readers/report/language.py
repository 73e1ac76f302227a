"""Languages of a report: words, numbers and times, in English or French."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from multimarket_async.domains import Column, Row
from multimarket_async.readers.cells import digits, label

UNKNOWN = "-"
IN_FRENCH = {
    "Report": "Rapport",
    "generation": "génération",
    "As of": "Données au",
    "Newest event": "Événement le plus récent",
    "Files in quarantine": "Fichiers en quarantaine",
    "All {} rows": "Les {} lignes",
    "The first {} of {} rows": "Les {} premières lignes sur {}",
    "Its rows are stale": "Ses lignes sont périmées",
    "The first {}": "Les {} premiers",
    "Nothing has been measured here yet.": "Rien n'a encore été mesuré ici.",
    "This KPI could not be computed.": "Cet indicateur n'a pas pu être calculé.",
    "Contents": "Sommaire",
    "made by MultiMarket": "établi par MultiMarket",
}


@dataclass(frozen=True)
class Language:
    """A language. code: BCP 47, for HTML. words: by their English text; a missing one stays English.

    thousands, decimal: separators of digits. moments: format of strftime.
    """

    code: str
    locale: Literal["en-US", "fr-FR"]
    thousands: str
    decimal: str
    moments: str
    words: Mapping[str, str] = field(default_factory=dict)

    def extended(self, words: Mapping[str, str]) -> "Language":
        """The same language with the words of a domain; English needs none."""
        return self if self.code == "en" else replace(self, words={**self.words, **words})

    def say(self, text: str) -> str:
        """The text in this language."""
        return self.words.get(text, text)

    def heading(self, column: Column) -> str:
        """Title and unit of a column."""
        return self.say(column.title) + (f" ({self.say(column.unit)})" if column.unit else "")

    def shown(self, column: Column, row: Row) -> str:
        """A cell for people."""
        value = row.get(column.name)
        if value is None:
            return UNKNOWN
        if column.is_number:
            return self.number(digits(column, value))
        if isinstance(value, datetime):
            return f"{value:{self.moments}}"
        word = label(column, value)
        return str(value) if word is None else self.say(word)

    def number(self, text: str) -> str:
        """A number as Python formats it with commas, with the separators of this language."""
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})

    def moment(self, at: datetime | None, zone: ZoneInfo) -> str:
        """A local time with the name of its zone."""
        return f"{at.astimezone(zone):{self.moments}} ({zone.key})" if at else UNKNOWN


ENGLISH = Language("en", "en-US", ",", ".", "%Y-%m-%d %H:%M")
# French digits are grouped by a narrow space that does not break (Unicode CLDR, fr: U+202F).
FRENCH = Language("fr", "fr-FR", "\u202f", ",", "%d/%m/%Y %H:%M", IN_FRENCH)
