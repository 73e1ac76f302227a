"""Power BI and Excel: a query in Power Query M, and the file that opens Power BI with the address filled in.

https://learn.microsoft.com/powerquery-m/ and https://learn.microsoft.com/power-bi/connect-data/desktop-data-sources
"""

import json
from collections.abc import Sequence

from multimarket_async.domains import Column, Kpi

TYPES = {
    "string": "type text", "integer": "Int64.Type", "double": "type number", "date": "type datetimezone",
    "boolean": "type logical", "money": "Int64.Type", "percent": "type number",
}  # fmt: skip
EXACT_AMOUNT = "Currency.Type"  # fixed decimal: adds up to the cent

QUERY = """\
// The KPIs of MultiMarket for Power BI and Excel. Written by `multimarket-async bi --write config/bi`.
// Get data > Blank query > Advanced editor: paste this file. Access: anonymous, for the Address.
// Each KPI is a row: right-click its Data > Add as New Query. Address and Token are set here only.
let
    Address = {address},
    Token = "", // the value of http_token, if it is set
    Headers = if Token = "" then [] else [Authorization = "Bearer " & Token],
    // amounts: columns in minor units, and how many of these make one unit of the currency.
    Kpi = (name as text, columns as list, amounts as list) as table =>
        let
            // The Power BI service refreshes a constant address with a relative path only.
            Options = [RelativePath = "api/kpis/" & name & ".json", Headers = Headers],
            Answer = Json.Document(Web.Contents(Address, Options)),
            Rows = Table.FromRecords(Answer[rows], List.Transform(columns, each _{{0}}), MissingField.UseNull),
            Typed = Table.TransformColumnTypes(Rows, columns, "en-US"),
            Units = (amount as list) as list =>
                {{amount{{0}}, (minor) => if minor = null then null else minor / amount{{1}}, Currency.Type}}
        in
            Table.TransformColumns(Typed, List.Transform(amounts, Units))
in
    #table(
        type table [Name = text, Title = text, Unit = text, Definition = text, Data = table],
        {{
{rows}
        }}
    )
"""


def query(kpis: Sequence[Kpi], address: str) -> str:
    """A query with every KPI as a typed table."""
    return QUERY.format(address=_text(address), rows=",\n".join(map(_row, kpis)))


def data_source(kpis: Sequence[Kpi], address: str) -> str:
    """A .pbids file, which can hold one connection only: the first headline as CSV, or else the first KPI."""
    first = next((kpi for kpi in kpis if kpi.headline), kpis[0])
    details = {"protocol": "http", "address": {"url": f"{address}/api/kpis/{first.name}.csv"}}
    return json.dumps({"version": "0.1", "connections": [{"details": details, "mode": "Import"}]}, indent=2) + "\n"


def _row(kpi: Kpi) -> str:
    columns = ", ".join(f"{{{_text(column.name)}, {_type(column)}}}" for column in kpi.columns)
    amounts = ", ".join(f"{{{_text(column.name)}, {10**column.digits}}}" for column in _amounts(kpi))
    cells = ", ".join(map(_text, (kpi.name, kpi.title, kpi.unit, kpi.definition)))
    return f"            {{{cells},\n                Kpi({_text(kpi.name)}, {{{columns}}}, {{{amounts}}})}}"


def _type(column: Column) -> str:
    return EXACT_AMOUNT if column.exact else TYPES[column.type]


def _amounts(kpi: Kpi) -> list[Column]:
    """Money that no other column gives in whole units."""
    given = {column.exact for column in kpi.columns}
    return [column for column in kpi.columns if column.type == "money" and column.name not in given]


def _text(text: str) -> str:
    """A text literal of M: quotes are doubled, and #( would begin an escape."""
    return '"' + text.replace('"', '""').replace("#(", "#(#)(") + '"'
