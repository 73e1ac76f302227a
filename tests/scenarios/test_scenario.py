"""What a scenario file may say, and the sentence where it says something else."""

from pathlib import Path

import pytest

from multimarket_async.domains import settings_models
from multimarket_async.errors import WrongSettings
from multimarket_async.scenarios import FACTS, every, find
from multimarket_async.scenarios.facts import Bounds, findings
from multimarket_async.settings import Loaded, Settings, load

SHORT = """
title = "A lesson"
watch = "Look."
why = "So it is."
orders_per_channel = 10
first_day = 2026-03-02
days = [1, 0, 3]
[expect]
stored = "orders"
"""


def written(folder: Path, text: str) -> str:
    """The path of a scenario file that says this."""
    file = folder / "lesson.toml"
    file.write_text(text)
    return str(file)


def settings(**flags: object) -> Loaded:
    """The defaults, and these flags."""
    return load(settings_models(), flags, {}, Path("none.toml"))


def test_all_of_the_library_can_be_read_and_set() -> None:
    """By its names; every one says why, and has settings that exist."""
    found = list(every())
    assert [one.name for one in found] == ["bad-supplier", "black-friday", "double-charge", "outage", "slow-writer"]
    for one in found:
        assert one.title
        assert one.why
        assert one.under(settings()).of(Settings).faults == one.settings.get("faults", "")


def test_a_scenario_file_of_ones_own(tmp_path: Path) -> None:
    """Its days follow each other, and have their shares of the orders."""
    days = list(find(written(tmp_path, SHORT + "[settings]\nquiet_period_s = 1.5")).calendar())
    assert [(f"{day.period.earliest:%m-%d}", f"{day.period.latest:%m-%d}", day.files) for day in days] == [
        ("03-02", "03-03", 2),
        ("03-03", "03-04", 0),
        ("03-04", "03-05", 8),
    ]


def test_no_scenario_of_that_name() -> None:
    """What there is, is told."""
    with pytest.raises(WrongSettings, match=r"^There is no scenario nope; there are bad-supplier, black-friday, "):
        find("nope")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('tilte = "x"' + SHORT, "lesson.toml: there is no key tilte"),
        (SHORT + "lost = 0", "lesson.toml: expect.lost.[key]: there is no fact lost; there are files, orders, "),
        (SHORT + 'waiting = "none"', "there is no fact none; there are files, orders, "),
        (SHORT + "waiting = {most = 3}", "lesson.toml: there is no key expect.waiting.Bounds.most"),
        (SHORT + "amount = 3", "lesson.toml: expect: amounts need the table [amount]"),
        (
            SHORT + "[settings]\nfollow_ups = true",
            "lesson.toml: settings: follow_ups: a scenario tells of orders, not of their ",
        ),
        ("away_on = [4]" + SHORT, "lesson.toml: away_on: there are days 1 to 3"),
        (SHORT.replace("[1, 0, 3]", "[0]"), "lesson.toml: days: no day has any orders"),
        (SHORT.replace("2026-03-02", '"Monday"'), "lesson.toml: first_day: Input should be a valid date"),
        (SHORT.replace('title = "A lesson"', ""), "lesson.toml: title: Field required"),
        ("title = ", "lesson.toml is not valid TOML: "),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """With the file and the place."""
    with pytest.raises(WrongSettings) as caught:
        find(written(tmp_path, text))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("settel_s = 1", "lesson.toml: there is no key settings.settel_s"),
        ("quiet_period_s = -1", "lesson.toml: settings.quiet_period_s: Input should be greater than or equal to 0"),
    ],
)
def test_its_settings_are_checked(tmp_path: Path, line: str, sentence: str) -> None:
    """Like all settings."""
    with pytest.raises(WrongSettings) as caught:
        find(written(tmp_path, f"{SHORT}[settings]\n{line}")).under(settings())
    assert sentence in str(caught.value)


@pytest.mark.parametrize("flags", [{"faults": "bad=0.1"}, {"follow_ups": True}])
def test_what_goes_wrong_is_said_by_the_scenario_alone(flags: dict[str, object]) -> None:
    """Not by a flag, which would make its explanation untrue."""
    with pytest.raises(WrongSettings, match=f"leave out --{next(iter(flags))}"):
        find("outage").under(settings(**flags))


@pytest.mark.parametrize(
    ("wanted", "right", "expected"),
    [
        (3, True, "3"),
        (4, False, "4"),
        ("orders", True, "3 (good orders received)"),
        ("files", False, "4 (files received)"),
        (Bounds(at_least=3, at_most=3), True, "at least 3; at most 3"),
        (Bounds(more_than=3), False, "more than 3"),
        (Bounds(at_most="files"), True, "at most 4 (files received)"),
    ],
)
def test_expectations(wanted: int | str | Bounds, right: bool, expected: str) -> None:
    """A number, another fact, or bounds."""
    facts = {"stored": 3, "orders": 3, "files": 4}
    found = list(findings({"stored": wanted}, facts, lambda _, value: f"{value}"))
    assert all(one.right for one in found) == right
    assert "; ".join(one.expected for one in found) == expected
    assert {(one.title, one.seen) for one in found} == {(FACTS["stored"], "3")}
