"""A KPI's rows in the formats of other programs: JSON, CSV, xlsx, Parquet."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from multimarket_async.domains import Kpi, Row
from multimarket_async.readers import spreadsheets, streams
from multimarket_async.readers.parquet import as_parquet
from multimarket_async.readers.xlsx import as_xlsx

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
BINARY = ("xlsx", "parquet")  # made as a whole; the others are made chunk by chunk
For: TypeAlias = Literal["excel", "excel-fr"]
FOR = "CSV as a spreadsheet opens it: amounts in whole units, UTF-8 with a BOM; excel-fr: semicolons, decimal commas."


@dataclass(frozen=True)
class Export:
    """The rows of a KPI in a generation. zone: the business time zone."""

    kpi: Kpi
    generation: dict[str, Any]
    chunks: AsyncIterator[list[Row]]
    zone: ZoneInfo

    async def pieces(self, to: str, language: For | None = None) -> AsyncIterator[bytes]:
        """The rows in a format of MEDIA_TYPES. language: of the spreadsheet that CSV is for."""
        match to:
            case "xlsx":
                yield await as_xlsx(self.kpi, self.generation, self.chunks, self.zone)
            case "parquet":
                yield await as_parquet(self.kpi, self.chunks)
            case _:
                async for text in self._texts(to, language):
                    yield text.encode()

    def _texts(self, to: str, language: For | None) -> AsyncIterator[str]:
        if to == "json":
            return streams.as_json(self.kpi, self.generation, self.chunks)
        if language:
            return spreadsheets.as_csv(self.kpi, self.chunks, spreadsheets.LANGUAGES[language], self.zone)
        return streams.as_csv(self.kpi, self.chunks)
