"""The files and routes of the page; tests/browser opens it."""

import re
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from multimarket_async.discovery import declared, settings_models
from multimarket_async.errors import WrongSettings
from multimarket_async.readers import page
from multimarket_async.readers.french import REASONS
from multimarket_async.readers.page.page import Library, about, french
from multimarket_async.settings import Settings, load

STATIC = Path(page.__file__).with_name("static")


def test_the_page_knows_how_each_kpi_is_drawn_and_what_it_is_called_in_french() -> None:
    loaded = load(settings_models(), {}, {}, Path("/nowhere"))
    domains = declared(loaded)
    declarations = about(domains, loaded.of(Settings))
    kpis = [kpi for domain in domains for kpi in domain.kpis]
    assert [*declarations["drawings"]] == [kpi.name for kpi in kpis]
    assert {kpi.title for kpi in kpis} <= {*french(domains)}
    assert declarations["drawings"]["top_products"] == {
        "kind": "bars", "x": "product", "y": "quantity", "series": None, "added_up": False,
    }  # fmt: skip


TARGETS = {
    "[orders.revenue_minor]\nmonth = 50000": "",
    "[other.revenue]\nmonth = 5": "",  # of a domain that is off
    "[orders.revenue]\nmonth = 5": "no column revenue in the dashboards of orders. Did you mean revenue_minor?",
    "[orders.revenue_minor]\nmoon = 5": "orders.revenue_minor.moon is not as in",
    "[orders.revenue_minor]\nmonth = 'many'": "orders.revenue_minor.month is not as in",
    "[orders": "is not valid TOML",
}


@pytest.mark.parametrize("text", TARGETS)
def test_targets_name_columns_and_periods(text: str, tmp_path: Path) -> None:
    loaded = load(settings_models(), {}, {}, Path("/nowhere"))
    (file := tmp_path / "targets.toml").write_text(text)
    if why := TARGETS[text]:
        with pytest.raises(WrongSettings, match=re.escape(why)):
            about(declared(loaded), loaded.of(Settings), file)
    else:
        [dashboard] = about(declared(loaded), loaded.of(Settings), file)["dashboards"]
        assert dashboard["targets"] == ({"revenue_minor": {"month": 50000}} if "orders" in text else {})


def request(etag: str = "") -> Request:
    return Request({"type": "http", "headers": [(b"if-none-match", etag.encode())]})


@pytest.mark.slow
async def test_the_chart_library_is_made_once_and_kept(tmp_path: Path) -> None:
    library = Library(tmp_path / "cache")
    made = await library.response(request())
    assert b"vegaEmbed" in made.body
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"kept")
    assert (await library.response(request())).body == made.body
    assert (await Library(tmp_path / "cache").response(request())).body == b"kept"
    known: Response = await library.response(request(made.headers["etag"]))
    assert (known.status_code, known.body) == (304, b"")


def test_text_never_becomes_html_or_code() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    for file in STATIC.glob("*.js"):
        assert not forbidden.search(file.read_text("utf-8")), file.name


def test_nothing_is_fetched_from_elsewhere() -> None:
    for file in STATIC.iterdir():
        elsewhere = [url for url in re.findall(r"https?://[^\s\"')]+", file.read_text("utf-8")) if "w3.org" not in url]
        assert elsewhere == [], file.name


CODE = re.compile(r'\b(?:Rejected|PydanticCustomError|fault|one_of)\(\s*(?:accepted, )?"([a-z]+(?:_[a-z0-9]+)*)"')


def test_french_says_everything_that_english_says() -> None:
    both = "".join((STATIC / f"{name}.js").read_text() for name in ("words", "french"))
    items = re.findall(r"const (?:ENGLISH|FRENCH) = \{\n(.*?)\n\};", both, re.DOTALL)
    said = [{word: {*re.findall(r"\{\w+\}", text)} for word, text in _words(item)} for item in items]
    assert len(said[0]) > 80
    assert said[0] == said[1]


def _words(text: str) -> list[tuple[str, str]]:
    return re.findall(r'(\w+): "([^"]*)"', text)


def test_every_reason_has_a_french_word() -> None:
    """A code of the engine has it for all readers, one of a domain among its words; the page gets both."""
    package = STATIC.parents[2]
    engine = {code for path in package.glob("[!dp]*/*.py") for code in CODE.findall(path.read_text("utf-8"))}
    assert len(engine) > 25
    assert engine - REASONS.keys() == set()
    loaded = load(settings_models(), {}, {}, Path("/nowhere"))
    for domain in declared(loaded):
        invented = {
            code for path in package.glob(f"domains/{domain.name}/*.py") for code in CODE.findall(path.read_text())
        }
        assert invented - french([domain]).keys() == set()


def test_the_page_names_no_domain_no_kpi_and_no_column() -> None:
    """Meaning comes from types and roles; titles of Orders' own columns would be a hint, too."""
    loaded = load(settings_models(), {}, {}, Path("/nowhere"))
    kpis = [kpi for domain in declared(loaded) for kpi in domain.kpis]
    names = {kpi.name for kpi in kpis} | {column.name for kpi in kpis for column in kpi.columns}
    names -= {"month", "day", "hour", "weekday", "quantity", "amount", "currency"}  # words of time, number and money
    text = "\n".join(file.read_text("utf-8") for file in STATIC.iterdir() if file.suffix in {".js", ".html", ".css"})
    used = {name for name in names | {"commandes", "channel"} if re.search(rf"\b{name}\b", text)}
    assert used == set()
