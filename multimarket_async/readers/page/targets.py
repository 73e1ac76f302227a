"""Targets of the page: a small file that says how much a sum should be in a day, a week, a month or a year."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from multimarket_async.domains import LoadedDomain
from multimarket_async.errors import WrongSettings, did_you_mean

Period: TypeAlias = Literal["day", "week", "month", "year"]
# By domain and column; amounts in whole units.
Targets: TypeAlias = dict[str, dict[str, dict[Period, float]]]
_GIVEN: TypeAdapter[Targets] = TypeAdapter(dict[str, dict[str, dict[Period, float]]])


def targets(file: Path, domains: Sequence[LoadedDomain]) -> Targets:
    """The targets in a file, those of domains that are on; none where there is no file. Raises WrongSettings."""
    given = _read(file)
    columns = {domain.name: _columns(domain) for domain in domains}
    for domain, wanted in given.items():
        for name in wanted if domain in columns else ():
            if name not in columns[domain]:
                hint = did_you_mean(name, columns[domain])
                raise WrongSettings(f"{file}: there is no column {name} in the dashboards of {domain}.{hint}")
    return {domain: wanted for domain, wanted in given.items() if domain in columns}


def _columns(domain: LoadedDomain) -> list[str]:
    return [tile.column for dashboard in domain.dashboards for tile in dashboard.tiles]


def _read(file: Path) -> Targets:
    try:
        return _GIVEN.validate_python(tomllib.loads(file.read_text("utf-8-sig")) if file.exists() else {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{file} is not valid TOML: {error}") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"] if part != "[key]")
        raise WrongSettings(f"{file}: {where} is not as in [orders.revenue_minor] month = 50000") from error
