"""Scenarios performed, small and quick, on a real MongoDB: what they expect is seen, and what is not right is said."""

import io
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from rich.console import Console

from multimarket_async import app as composition
from multimarket_async.app import Application
from multimarket_async.domains import settings_models
from multimarket_async.errors import WrongSettings
from multimarket_async.scenarios import Play, Scenario, every, find
from multimarket_async.scenarios.scenario import Amount
from multimarket_async.scenarios.stage import Stage
from multimarket_async.settings import load

MODELS = settings_models()
NAMES = sorted(one.name for one in every())


def quick(name: str, **changes: Any) -> Scenario:
    """The scenario with few orders and short days; torn files are whole again sooner."""
    one = find(name)
    short = {"orders_per_channel": 40, "seconds_a_day": 0.05, "torn_for_s": min(one.torn_for_s, 0.4)}
    return one.model_copy(update={**short, **changes})


def opened(scenario: Scenario, folder: Path, **flags: object) -> AbstractAsyncContextManager[Application]:
    """What it needs, on this data folder."""
    loaded = load(MODELS, {"data_dir": folder, **flags}, {}, Path("none.toml"))
    return composition.opened(composition.workspace(scenario.under(loaded)))


async def played(scenario: Scenario, folder: Path, **flags: object) -> tuple[bool, str, dict[str, str]]:
    """Whether it was right, what it printed, and what to do next."""
    console = Console(file=io.StringIO(), width=110)
    async with opened(scenario, folder, **flags) as application:
        right, steps = await Play(scenario, application, console).perform()
    return right, console.file.getvalue(), steps  # type: ignore[attr-defined]


@pytest.fixture
def shared(mongo_uri: str, database: Database[Any]) -> dict[str, object]:
    """Flags for the MongoDB of the session."""
    return {"mongo_uri": mongo_uri, "mongo_database": database.name}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "outage"])
async def test_each_is_right(name: str, tmp_path: Path, shared: dict[str, object]) -> None:
    """Twice on one data folder: the second time it begins with what is there."""
    for _ in range(2):
        right, out, _ = await played(quick(name), tmp_path, **shared)
        assert right, out
        assert "Why it is right" in out
        assert "agree to the cent" in out
        assert "WRONG" not in out


async def test_mongodb_is_really_away(tmp_path: Path) -> None:
    """Days on which files only wait, told as such, on a MongoDB of its own; and afterwards all is stored."""
    right, out, _ = await played(quick("outage"), tmp_path)
    assert right, out
    assert out.count("no MongoDB\n") == 3
    assert "right  files archived while it was away" in out


async def test_a_mongodb_that_is_not_ours_is_not_stopped(tmp_path: Path, shared: dict[str, object]) -> None:
    """The sentence says what to do."""
    scenario = quick("outage")
    with pytest.raises(WrongSettings, match="leave out --mongo-uri"):
        await played(scenario, tmp_path, **shared)


async def test_a_scenario_is_alone_on_its_folder(tmp_path: Path) -> None:
    """Where another command owns the MongoDB, nothing is received."""
    scenario = quick("slow-writer")
    async with opened(scenario, tmp_path), opened(scenario, tmp_path) as second:
        with pytest.raises(WrongSettings, match="it must be alone there: end the other commands on it"):
            Play(scenario, second, Console())


async def test_what_was_not_expected_is_wrong(tmp_path: Path, shared: dict[str, object]) -> None:
    """Said in the table and at the end; nothing is explained."""
    scenario = quick("double-charge", expect={"stored": 7, "waiting": 0})
    right, out, _ = await played(scenario, tmp_path, **shared)
    assert not right
    assert "WRONG orders stored: 120, expected 7" in out
    assert "Why it is right" not in out


async def test_the_revenue_is_that_of_each_order_once(tmp_path: Path, shared: dict[str, object]) -> None:
    """Counted with its copies it would be more, and that is what a broken system would show."""
    scenario = quick("double-charge", expect={"amount": "amount_of_all_files"})
    right, out, _ = await played(scenario, tmp_path, **shared)
    assert not right
    assert "WRONG revenue in the KPIs" in out


async def test_the_example_is_shown_with_the_place_of_its_fault(tmp_path: Path, shared: dict[str, object]) -> None:
    """And its name is in the commands to go on with."""
    scenario = quick("bad-supplier", settings={"faults": "nan=0.3", "quiet_period_s": 0.1})
    right, out, steps = await played(scenario, tmp_path, **shared)
    assert right, out
    [name] = {line.rpartition("/")[2] for line in out.splitlines() if line.startswith("For example ")}
    assert "  ^^^\n" in out
    assert f"quarantine replay {name}" in steps


async def test_a_kpi_that_is_not_there(tmp_path: Path, shared: dict[str, object]) -> None:
    """Is said before anything is received."""
    with pytest.raises(WrongSettings, match=r"black-friday.toml: there is no KPI sales; there are revenue_by_month"):
        await played(quick("black-friday", kpis=("sales",)), tmp_path, **shared)
    assert not (tmp_path / "sources" / "site_web" / ".produced").exists()


async def test_a_column_that_is_no_amount(tmp_path: Path, shared: dict[str, object]) -> None:
    """Is said before anything is received."""
    amount = Amount(kpi="revenue_by_month_and_channel", column="orders")
    with pytest.raises(WrongSettings, match=r"has no amount orders; it has .'revenue_minor', 'gross_revenue_minor'"):
        await played(quick("double-charge", amount=amount), tmp_path, **shared)


async def test_commands_about_a_bad_file_need_one(tmp_path: Path, shared: dict[str, object]) -> None:
    """Where none was set aside, the others are left."""
    expect = {"bad": 0, "quarantined": 0}
    scenario = quick("bad-supplier", orders_per_channel=1, settings={}, expect=expect)
    right, out, steps = await played(scenario, tmp_path, **shared)
    assert right, out
    assert list(steps) == ["quarantine list"]


async def test_a_lost_file_is_missed(tmp_path: Path, shared: dict[str, object]) -> None:
    """Whoever takes one out of the archive is found out at the next look."""
    scenario = quick("black-friday", orders_per_channel=5, days=(1.0,))
    async with opened(scenario, tmp_path, **shared) as application:
        stage = Stage(application, 0)
        await stage.perform(scenario, lambda _: None)
        assert stage.missing == 0
        shutil.rmtree(tmp_path / "archive" / "site_web")
        await stage.look()
    assert stage.missing == 5
