"""The profile: the package's own, a user's changes, and refusals that tell what to mend."""

from pathlib import Path

import pytest

from multimarket_async.domains.orders.channels import CHANNELS
from multimarket_async.domains.orders.simulator.profile import Profile, read_profile
from multimarket_async.errors import WrongSettings


def changed(folder: Path, text: str) -> Profile:
    (folder / "shop.toml").write_text(text, "utf-8")
    return read_profile(str(folder / "shop.toml"))


def refused(folder: Path, text: str) -> str:
    with pytest.raises(WrongSettings) as stop:
        changed(folder, text)
    return str(stop.value).replace(str(folder / "shop.toml"), "FILE")


def test_the_package_has_one_for_every_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there is no config folder."""
    monkeypatch.chdir(tmp_path)
    assert set(read_profile("").channels) == set(CHANNELS.values())


def test_config_profile_toml_changes_the_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/profile.toml").write_text("growth = 2.5\n")
    assert read_profile("").growth == 2.5


def test_what_a_file_leaves_out_stays(tmp_path: Path) -> None:
    """Value by value, also inside a table; a list is replaced whole."""
    own = read_profile("")
    one = changed(tmp_path, "[channels.web]\ncancelled = 0.5\nbasket = [1]\n")
    assert (one.channels["web"].cancelled, one.channels["web"].basket) == (0.5, (1.0,))
    assert one.channels["web"].hours == own.channels["web"].hours
    assert one.channels["mobile"] == own.channels["mobile"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("grwth = 1", "FILE: a profile has no grwth. Did you mean growth?"),
        ("[channels.web]\ncanceled = 1", "FILE: a profile has no channels.web.canceled. Did you mean cancelled?"),
        ("[chanels.web]\nshare = 1", "FILE: a profile has no chanels. Did you mean channels?"),
        ("[channels.web]\ncancelled = 12", "channels.web.cancelled: Input should be less than or equal to 1 (is 12)"),
        ("[channels.web]\nhours = [1]", "FILE: channels.web.hours: Value should have at least 24 items"),
        ("months = [0,0,0,0,0,0,0,0,0,0,0,0]", "FILE: months: needs a weight above 0"),
        ("growth = nan", "FILE: growth: Input should be "),
        ("[channels.fax]\nshare = 1", "FILE: channels.fax.cancelled: Field required\n"),
        ("[catalogue]\ncategories = [{name = 'Pull', size = 3}]", "a profile has no catalogue.categories.0.size."),
        (
            "[catalogue]\ncategories = [{name = 'Pull', lowest = 9, highest = 3, products = 1}]",
            "FILE: catalogue.categories.0: lowest is above highest",
        ),
        (
            "[catalogue]\ncategories = [{name = 'Pull', lowest = 1, highest = 3, products = 301}]",
            "FILE: catalogue.categories: 301 products are more than there are names for: 300",
        ),
        ("growth =", "FILE is not valid TOML: "),
    ],
)  # fmt: skip
def test_a_wrong_one_is_refused_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    """The sentence names the place, the fault, and a suggestion."""
    assert told in refused(tmp_path, text)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """One line each."""
    assert len(refused(tmp_path, "growth = -2\nmonths = []\nend_of_month = -1\n").splitlines()) == 3


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Named on purpose, it must not be passed over."""
    with pytest.raises(WrongSettings, match=r"none\.toml cannot be read: No such file"):
        read_profile(str(tmp_path / "none.toml"))
