"""Languages of reports and of the terminal: words, sentences, numbers and times, in English or French."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, zip_longest
from typing import Literal
from zoneinfo import ZoneInfo

from multimarket_async.domains import Column, Row
from multimarket_async.readers.cells import digits, label
from multimarket_async.readers.french import WORDS

UNKNOWN = "-"
NUMBER = re.compile(r"-?\d{1,3}(?:,\d{3})*(?:\.\d+)?")
COUNTS = re.compile(r"\d[\d,]* \w+(?:(?:, | \+ )\d[\d,]* \w+)*")  # 3 wrong_type, 2 conflict
KINDS = re.compile(r"\{(?:|name|code)\}")
CODES = re.compile(r"[a-z]+(?:_[a-z0-9]+)+|unknown|conflict|truncated|unreadable")
PERIOD = re.compile(r"(\d{4})-(?:Q([1-4])|(0[1-9]|1[0-2])(?:-(\d\d))?)")
MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")
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

    thousands, decimal: separators of digits. moments: format of strftime. months: short names, where periods
    have words.
    """

    code: str
    locale: Literal["en-US", "fr-FR"]
    thousands: str
    decimal: str
    moments: str
    words: Mapping[str, str] = field(default_factory=dict)
    months: tuple[str, ...] = ()

    def extended(self, words: Mapping[str, str]) -> "Language":
        """The same language with the words of a domain; English needs none."""
        return self if self.code == "en" else replace(self, words={**self.words, **words})

    def say(self, text: str) -> str:
        """The text in this language, by itself or by its template, the values in it likewise. Others stay."""
        if not self.words or text in self.words:
            return self.words.get(text, text)
        if text.endswith("."):
            return f"{self.say(text[:-1])}."
        if NUMBER.fullmatch(text):
            return self.number(text)
        if COUNTS.fullmatch(text):
            return re.sub(r"(\d[\d,]*) (\w+)", lambda count: f"{self.number(count[1])} {self.say(count[2])}", text)
        for pattern, kinds, template in self._templates:
            if (found := pattern.fullmatch(text)) and self._are_of(kinds, found.groups()):
                return template.format(*map(self._value, kinds, found.groups()))
        return text

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], list[str], str]]:
        """Expressions of the templates, the longest text first, with the kinds of their values and their French."""
        made = sorted(filter(KINDS.search, self.words), key=len, reverse=True)
        return [(_pattern(text), KINDS.findall(text), self.words[text]) for text in made]

    def _are_of(self, kinds: Sequence[str], values: Sequence[str]) -> bool:
        """True if all that should be codes are known ones."""
        return all(value in self.words for kind, value in zip(kinds, values, strict=True) if kind == "{code}")

    def _value(self, kind: str, text: str) -> str:
        """A value of a template; the code of a reason is kept beside its title, as filters need it."""
        if kind == "{code}":
            return f"{self.words[text]} ({text})"
        return self.say(text) if kind == "{}" else text

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
        if (word := label(column, value)) is not None:
            return self.say(word)
        if column.sentences:
            return self.say(str(value))
        return self.period(str(value)) if column.role == "time" else str(value)

    def period(self, text: str) -> str:
        """A period in the words of this language; in English as it is written: 2026-05."""
        if not self.months or not (found := PERIOD.fullmatch(text)):
            return text
        year, quarter, month, day = found.groups()
        if quarter:
            return f"T{quarter} {year}"
        return f"{int(day)} {self.months[int(month) - 1]} {year}" if day else f"{self.months[int(month) - 1]} {year}"

    def number(self, text: str) -> str:
        """A number as Python formats it with commas, with the separators of this language."""
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})

    def moment(self, at: datetime | None, zone: ZoneInfo) -> str:
        """A local time with the name of its zone."""
        return f"{at.astimezone(zone):{self.moments}} ({zone.key})" if at else UNKNOWN


def _pattern(template: str) -> re.Pattern[str]:
    """The expression of a template; its literal text is matched as it is."""
    groups = (f"({CODES.pattern})" if kind == "{code}" else "(.+?)" for kind in KINDS.findall(template))
    literals = map(re.escape, KINDS.split(template))
    return re.compile("".join(chain.from_iterable(zip_longest(literals, groups, fillvalue=""))), re.DOTALL)


ENGLISH = Language("en", "en-US", ",", ".", "%Y-%m-%d %H:%M")
# French digits are grouped by a narrow space that does not break (Unicode CLDR, fr: U+202F).
FRENCH = Language("fr", "fr-FR", "\u202f", ",", "%d/%m/%Y %H:%M", WORDS | IN_FRENCH, MONTHS)
