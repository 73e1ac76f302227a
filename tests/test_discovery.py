"""Domains of other packages: found by entry point; one that cannot be used stops only what asks for it."""

from pathlib import Path

import pytest

from multimarket_async.discovery import found
from multimarket_async.domains import Domain, LoadedDomain
from multimarket_async.settings import Business, load
from tests.packages import installed, multimarket

pytestmark = pytest.mark.slow

DOORS = '''
from pydantic import Field

from multimarket_async.domains import Domain, LoadedDomain
from multimarket_async.feeds import Feed, Table
from multimarket_async.settings import Business



class DoorSettings(Business):
    """Settings of doors."""

    sensors: int = Field(3, description="sensors of a door")


def declare(settings):
    return LoadedDomain("doors", (Feed("doors", Table("door_visits"), lambda file: []),), ())


DOMAIN = Domain("doors", DoorSettings, declare)
'''
ON = {"MULTIMARKET_DOMAINS": "orders,doors"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def doors(site: Path, source: str = DOORS, entry_points: str = "doors = door_package:DOMAIN") -> Path:
    return installed(site, "door_package", source, entry_points)


def refused(site: Path, **environ: str) -> str:
    """The one sentence of a command that is wrong use."""
    done = multimarket(site, "kpi", "list", **environ)
    assert done.returncode == 2, done.stdout + done.stderr
    [sentence] = done.stderr.splitlines()
    return sentence.removeprefix("error: ")


def works(site: Path, **environ: str) -> str:
    """The output of a command that needs all domains that are on, and MongoDB not."""
    done = multimarket(site, "config", "show", **environ)
    listed = multimarket(site, "kpi", "list", **environ)
    assert (done.returncode, listed.returncode) == (0, 0), done.stderr + listed.stderr
    assert "revenue_by_month_and_channel" in listed.stdout
    return done.stdout


def test_a_domain_of_another_package_is_on_where_it_is_named(site: Path) -> None:
    """Its directory is made; without being named it is off, and its settings are known all the same."""
    doors(site)
    assert "doors.sensors" in works(site)
    multimarket(site, "produce", "--orders", "0")
    assert not (site / "data/sources/doors").exists()
    done = multimarket(site, "produce", "--orders", "0", **ON)
    assert done.returncode == 0, done.stderr
    assert (site / "data/sources/doors").is_dir()


def test_the_list_may_stand_in_the_file(site: Path) -> None:
    """As TOML writes lists; and a section of a domain that is off is read, too."""
    doors(site)
    (site / "config").mkdir()
    file = site / "config/multimarket.toml"
    file.write_text("[doors]\nsensors = 5\n", "utf-8")
    works(site)
    file.write_text('domains = ["doors"]\n[doors]\nsensor = 5\n', "utf-8")
    assert refused(site) == (
        "There is no setting doors.sensor (given in config/multimarket.toml). Did you mean doors.sensors?"
    )
    file.write_text('domains = ["doors"]\n[doors]\nsensors = "some"\n', "utf-8")
    assert refused(site).startswith("doors.sensors = 'some' (from config/multimarket.toml): ")


def test_an_unknown_name_lists_what_there_is(site: Path) -> None:
    """Folders and packages."""
    doors(site)
    ours = ", ".join(sorted(domain.name for domain in found()))
    said = refused(site, MULTIMARKET_DOMAINS="orders,windows")
    assert said == f"There is no domain windows; there are {ours}, doors."


def test_no_domain_at_all_is_refused(site: Path) -> None:
    """A process without one would do nothing for ever."""
    assert "domains = ''" in refused(site.parent, MULTIMARKET_DOMAINS="")


BROKEN = [
    (
        "import nothing_of_this_name",
        "doors = door_package:DOMAIN",
        "cannot be imported: ModuleNotFoundError: No module",
    ),
    ("raise SystemExit('no')", "doors = door_package:DOMAIN", "cannot be imported: SystemExit: no."),
    (DOORS, "doors = door_package:DOORS", "cannot be imported: AttributeError: "),
    ("DOMAIN = 'doors'", "doors = door_package:DOMAIN", "declares no Domain as doors, but 'doors'."),
    (DOORS.replace("DoorSettings, declare", "dict, declare"), "doors = door_package:DOMAIN", "no class that extends"),
]


@pytest.mark.parametrize(("source", "entry_points", "sentence"), BROKEN)
def test_a_broken_package_stops_only_what_asks_for_it(
    site: Path, source: str, entry_points: str, sentence: str
) -> None:
    """One sentence that names the package; elsewhere a warning, also with settings in its section."""
    doors(site, source, entry_points)
    shown = refused(site, **ON)
    assert sentence in shown
    assert "the package door_package" in shown.lower()
    works(site, MULTIMARKET_DOORS_SENSORS="4")
    done = multimarket(site, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" in done.stdout
    assert "door_package" in done.stdout


def test_a_domain_that_cannot_be_declared_is_named(site: Path) -> None:
    """It is not asked for by those who have it off."""
    doors(site, DOORS.replace("def declare(settings):", "def declare(settings):\n    settings.missing / 0"))
    works(site)
    expected = "The domain doors cannot be declared: AttributeError: 'DoorSettings' object has no attribute 'missing'."
    assert refused(site, **ON) == expected


@pytest.mark.parametrize("declared", ['LoadedDomain("windows", (), ())', "None"])
def test_a_domain_that_declares_something_else_is_named(site: Path, declared: str) -> None:
    """Another domain, or nothing."""
    doors(site, DOORS.replace("def declare(settings):", f"def declare(settings):\n    return {declared}"))
    assert refused(site, **ON).startswith("The domain doors declares ")


def test_what_a_domain_must_be_given_is_asked_for_when_it_is_on(site: Path) -> None:
    """A key that only its user has, say."""
    doors(site, DOORS.replace("Field(3, ", "Field("))
    works(site)
    assert refused(site, **ON) == "doors: Field required"


def test_two_domains_may_have_one_class_of_settings() -> None:
    """Each has its own section of it."""

    class Counting(Business):
        most: int = 1

    def declare(settings: Counting) -> LoadedDomain:
        return LoadedDomain(f"most {settings.most}", (), ())

    loaded = load({"doors": Counting, "gates": Counting}, {"gates.most": 2}, {}, Path("none.toml"))
    declared = [Domain(name, Counting, declare).under(loaded).name for name in ("doors", "gates")]
    assert declared == ["most 1", "most 2"]


def test_two_domains_of_one_name_are_refused_where_one_is_asked_for(site: Path) -> None:
    """Neither is preferred silently."""
    doors(site)
    installed(site, "gate_package", DOORS, "doors = gate_package:DOMAIN")
    expected = (
        "Two domains are called doors, of the package door_package and the package gate_package: remove one of them."
    )
    assert refused(site, **ON) == expected
    works(site)


def test_a_package_cannot_take_the_name_of_a_folder(site: Path) -> None:
    """Its orders are others."""
    doors(site, DOORS.replace('"doors"', '"orders"'), "orders = door_package:DOMAIN")
    assert refused(site).startswith("Two domains are called orders, of the folder domains/orders and the package ")


def test_one_domain_found_twice_is_one(site: Path) -> None:
    """Under two names of one object."""
    doors(site, entry_points="doors = door_package:DOMAIN\nentrances = door_package:DOMAIN")
    works(site, **ON)


@pytest.mark.parametrize(
    ("name", "field", "sentence"),
    [
        ("seed", "sensors", "The domain seed of the package door_package has the name of a setting: rename it."),
        ("mongo", "uri", "The settings mongo.uri of the package door_package and mongo_uri have the same variable, "),
        (
            "Doors",
            "sensors",
            "The domain 'Doors' of the package door_package needs a name of letters a-z, digits and _.",
        ),
    ],
)
def test_settings_that_cannot_be_told_apart_are_refused(site: Path, name: str, field: str, sentence: str) -> None:
    """A section named as a setting of the engine, and a variable that is taken."""
    source = DOORS.replace('"doors"', f'"{name}"').replace("sensors: int", f"{field}: int")
    doors(site, source, f"{name} = door_package:DOMAIN")
    assert refused(site, MULTIMARKET_DOMAINS=name).startswith(sentence)
    works(site)
