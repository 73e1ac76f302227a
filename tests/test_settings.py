"""Settings: four layers, the origin of each value, and error messages that say what to change."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from multimarket_async.errors import WrongSettings
from multimarket_async.settings import Business, Loaded, Settings, Words, load, shown

PASSWORD = "hush-hush"


class Rules(Business):
    """A domain's own settings."""

    statuses: Words = Field(("open", "closed"), min_length=1, description="accepted states")


def loaded(
    file: Path = Path("absent.toml"), environ: dict[str, str] | None = None, flags: dict[str, Any] | None = None
) -> Loaded:
    return load({"rules": Rules}, flags or {}, environ or {}, file)


def refused(**layers: Any) -> str:
    with pytest.raises(WrongSettings) as stop:
        loaded(**layers)
    return str(stop.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "multimarket.toml"


def written(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file


def test_the_nearest_layer_wins_and_is_named(file: Path) -> None:
    """flag > environment > file > default, setting by setting."""
    written(file, "seed = 2\nquiet_period_s = 20.0\nbatch_files = 200\n")
    got = loaded(
        file,
        {"MULTIMARKET_SEED": "3", "MULTIMARKET_QUIET_PERIOD_S": "30", "PATH": "/bin"},
        {"seed": 4, "data_dir": None},
    )
    settings = got.of(Settings)
    assert (settings.seed, settings.quiet_period_s, settings.batch_files, settings.until_empty_timeout_s) == (
        4,
        30.0,
        200,
        10.0,
    )
    assert ["--seed", "MULTIMARKET_QUIET_PERIOD_S", str(file), "default"] == [
        got.sources[name] for name in ("seed", "quiet_period_s", "batch_files", "until_empty_timeout_s")
    ]


def test_a_flag_is_named_as_it_is_typed() -> None:
    """--data-dir, not data_dir."""
    assert loaded(flags={"data_dir": "x"}).sources["data_dir"] == "--data-dir"


def test_no_file_is_no_error(tmp_path: Path) -> None:
    """All defaults."""
    assert set(loaded(tmp_path / "absent.toml").sources.values()) == {"default"}


def test_an_unknown_key_in_the_file_is_refused_with_the_nearest_one(file: Path) -> None:
    """The mistyped name, the file, and what was probably meant."""
    message = refused(file=written(file, "snapshot_evry_s = 5\n"))
    assert message == f"There is no setting snapshot_evry_s (given in {file}). Did you mean snapshot_every_s?"


def test_an_unknown_key_in_the_environment_is_refused_with_the_nearest_one() -> None:
    """Named as it stands in the environment."""
    expected = "There is no setting time_zone (given in MULTIMARKET_TIME_ZONE). Did you mean timezone?"
    assert expected == refused(environ={"MULTIMARKET_TIME_ZONE": "UTC"})


def test_an_unknown_key_like_no_other_points_to_the_list() -> None:
    """No guess where there is no near name."""
    assert "`config show` lists them all." in refused(environ={"MULTIMARKET_XQZ": "1"})


def test_a_section_of_no_domain_is_refused(file: Path) -> None:
    """It would silently hold settings that are never read."""
    assert "There is no setting rulse (given in " in refused(file=written(file, '[rulse]\nstatuses = ["open"]\n'))


@pytest.mark.parametrize(
    ("text", "name"), [("[rules]\nstatusses = []\n", "rules.statusses"), ('statuses = ["open"]\n', "statuses")]
)
def test_an_unknown_key_of_a_domain_is_refused_with_the_nearest_one(file: Path, text: str, name: str) -> None:
    """Misspelled in its section, and in no section at all."""
    message = refused(file=written(file, text))
    assert message == f"There is no setting {name} (given in {file}). Did you mean rules.statuses?"


def test_an_unknown_variable_of_a_domain_is_refused_with_the_nearest_setting() -> None:
    """Named as it stands in the environment."""
    message = refused(environ={"MULTIMARKET_RULES_STATUSSES": "open"})
    expected = "There is no setting rules_statusses (given in MULTIMARKET_RULES_STATUSSES)."
    assert message == f"{expected} Did you mean rules.statuses?"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MULTIMARKET_PORT", "tcp://10.0.0.1:8000"),
        ("MULTIMARKET_MONGO_PORT", "tcp://10.0.0.1:27017"),
        ("MULTIMARKET_SERVICE_HOST", "10.0.0.1"),
        ("MULTIMARKET_SERVICE_PORT", "8000"),
        ("MULTIMARKET_WEB_SERVICE_HOST", "10.0.0.1"),
        ("MULTIMARKET_WEB_SERVICE_PORT_HTTP", "8000"),
        ("MULTIMARKET_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("MULTIMARKET_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("MULTIMARKET_WEB_PORT_8000_TCP_PROTO", "tcp"),
    ],
)
def test_variables_of_an_orchestrator_are_no_settings(variable: str, value: str) -> None:
    """Kubernetes and Docker set them where a service or a container is called multimarket, -web or -mongo."""
    assert set(loaded(environ={variable: value}).sources.values()) == {"default"}


class Fleet(Business):
    """Another domain, with a setting of the same name."""

    statuses: Words = Field(("parked",), description="accepted states")


def test_two_domains_may_have_a_setting_of_the_same_name(file: Path) -> None:
    """Each reads its own section and variable, and keeps its own origin."""
    written(file, '[rules]\nstatuses = ["open"]\n[fleet]\nstatuses = ["moving"]\n')
    environ = {"MULTIMARKET_FLEET_STATUSES": "broken"}
    got = load({"rules": Rules, "fleet": Fleet}, {}, environ, file)
    assert (got.of(Rules).statuses, got.of(Fleet).statuses) == (("open",), ("broken",))
    sources = got.sources["rules.statuses"], got.sources["fleet.statuses"]
    assert sources == (str(file), "MULTIMARKET_FLEET_STATUSES")


@pytest.mark.parametrize("name", ["MULTIMARKET_RULES_TIMEZONE", "[rules]"])
def test_a_domain_has_no_time_zone_of_its_own(file: Path, name: str) -> None:
    """It is one setting, the engine's."""
    zone = {"MULTIMARKET_RULES_TIMEZONE": "UTC"} if name != "[rules]" else {}
    written(file, "" if zone else '[rules]\ntimezone = "UTC"\n')
    assert re.search(r"There is no setting rules[._]timezone", refused(file=file, environ=zone))


def test_config_show_names_a_domain_s_settings_with_their_section() -> None:
    """As section and key of the file; the shared ones stand once."""
    names = [setting["name"] for setting in shown(loaded())]
    assert names[0] == "timezone"
    assert names[-1] == "rules.statuses"
    assert names.count("timezone") == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("scan_every_s", "0", "Input should be greater than 0"),
        ("batch_files", "many", "Input should be a valid integer"),
        ("mongo_port", "65536", "Input should be less than or equal to 65535"),
        ("log_format", "xml", "Input should be 'json', 'console' or 'auto'"),
        ("pause_min_s", "nan", "Input should be "),
        ("mongo_database", "multi market", "without blanks, dots and any of"),
        ("mongo_database", "a.b", "without blanks, dots and any of"),
        ("mongo_database", "é" * 32, "expected at most 63 bytes"),
        ("mongo_database", "admin", "MongoDB's own: choose another name"),
        ("timezone", "Mars/Olympus", "expected an IANA name such as Africa/Casablanca"),
    ],
)
def test_a_wrong_value_is_reported_with_key_value_origin_and_expectation(name: str, value: str, expected: str) -> None:
    """All four are needed to correct it."""
    variable = f"MULTIMARKET_{name.upper()}"
    message = refused(environ={variable: value})
    assert message.startswith(f"{name} = {value!r} (from {variable}): ")
    assert expected in message


def test_all_wrong_values_are_reported_together() -> None:
    """One line each."""
    message = refused(environ={"MULTIMARKET_QUIET_PERIOD_S": "-1", "MULTIMARKET_BATCH_FILES": "0"})
    assert sorted(line.partition(" ")[0] for line in message.splitlines()) == ["batch_files", "quiet_period_s"]


def test_a_wrong_value_in_the_file_names_the_file(file: Path) -> None:
    """And shows the value as TOML gave it."""
    message = refused(file=written(file, 'quiet_period_s = "soon"\n'))
    assert message.startswith(f"quiet_period_s = 'soon' (from {file}): Input should be a valid number")


def test_an_endless_pause_is_refused() -> None:
    """A stage that sleeps for ever looks alive and does nothing."""
    assert "snapshot_every_s" in refused(environ={"MULTIMARKET_SNAPSHOT_EVERY_S": "inf"})


@pytest.mark.parametrize("text", ["open,half open", " open , half open ,", '["open", "half open"]'])
def test_lists_in_the_environment(text: str) -> None:
    """Commas or JSON; blanks around a word do not count, those inside it do."""
    assert loaded(environ={"MULTIMARKET_RULES_STATUSES": text}).of(Rules).statuses == ("open", "half open")


def test_lists_in_the_file(file: Path) -> None:
    """As TOML writes them."""
    assert loaded(written(file, '[rules]\nstatuses = ["open"]\n')).of(Rules).statuses == ("open",)


@pytest.mark.parametrize(
    ("text", "expected"), [('["open"', "delimiter"), ("[1]", "valid string"), ("", "at least 1 item")]
)
def test_a_wrong_list_is_refused_with_its_name(text: str, expected: str) -> None:
    """Damaged JSON, items that are no words, and an empty list where at least a word is needed."""
    message = refused(environ={"MULTIMARKET_RULES_STATUSES": text})
    assert message.startswith(f"rules.statuses = {text!r} (from MULTIMARKET_RULES_STATUSES): ")
    assert expected in message


def test_a_domain_has_the_same_layers(file: Path) -> None:
    """Flag over environment over file, as for the engine."""
    written(file, '[rules]\nstatuses = ["file"]\n')
    environ = {"MULTIMARKET_RULES_STATUSES": "environment"}
    statuses = [
        loaded(file, *upper).of(Rules).statuses for upper in ((), (environ,), (environ, {"rules.statuses": ["flag"]}))
    ]
    assert statuses == [("file",), ("environment",), ("flag",)]


def test_the_engine_and_its_domains_share_the_time_zone() -> None:
    """One setting: the engine's and the domain's never differ."""
    got = loaded(environ={"MULTIMARKET_TIMEZONE": "Africa/Casablanca"})
    assert [model.timezone for model in got.models.values()] == ["Africa/Casablanca", "Africa/Casablanca"]


def test_of_gives_exactly_the_class_asked_for() -> None:
    """Both extend Business: a match by base class would be the wrong one."""
    assert type(loaded().of(Rules)) is Rules


@pytest.mark.parametrize("content", [b"seed =", b"seed = 1\nseed = 2\n", b"currency = '\xff'"])
def test_a_file_that_is_not_toml_is_refused_by_name(file: Path, content: bytes) -> None:
    """Syntax, a key given twice, bytes that are not UTF-8."""
    file.write_bytes(content)
    assert refused(file=file).startswith(f"{file} is not valid TOML: ")


def test_a_byte_order_mark_is_no_part_of_a_file(file: Path) -> None:
    """Editors of Windows write one: the first key is read all the same."""
    file.write_bytes(b"\xef\xbb\xbfseed = 7\n")
    assert loaded(file=file).of(Settings).seed == 7


def test_settings_are_frozen() -> None:
    """Read once at start, and never changed."""
    with pytest.raises(ValueError, match="frozen"):
        loaded().of(Settings).seed = 5  # type: ignore[misc]


# --- the password of mongo_uri --------------------------------------------------------------

ENCODED = f"mongodb://shop:{PASSWORD}@db.example:27017/?replicaSet=rs0"


def uri_shown(uri: str) -> str:
    return next(line["text"] for line in shown(loaded(flags={"mongo_uri": uri})) if line["name"] == "mongo_uri")


def test_shown_leaves_the_password_out() -> None:
    """User and password are both starred; the rest helps to see which server it is."""
    assert uri_shown(ENCODED) == "mongodb://***@db.example:27017/?replicaSet=rs0"


def test_shown_keeps_a_uri_without_password() -> None:
    """Nothing to hide, nothing hidden."""
    assert uri_shown("mongodb://db.example:27017/") == "mongodb://db.example:27017/"


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://shop:p@{PASSWORD}@db.example/",
        f"mongodb://shop:p/{PASSWORD}@db.example/",
        f"mongodb://db.example/?tls=true&tlsCertificateKeyFilePassword={PASSWORD}",
        f"mongodb://db.example/?authMechanismProperties=AWS_SESSION_TOKEN:{PASSWORD}&tls=true",
        f"mongodb://db.example/?sslPEMKeyPassphrase={PASSWORD}",
        f"mongodb://db.example/?anything={PASSWORD}",
    ],
)
def test_shown_leaves_out_passwords_that_are_not_escaped_and_those_in_options(uri: str) -> None:
    """`config show` prints a URI that nobody has parsed yet."""
    assert PASSWORD not in uri_shown(uri)


def test_printing_settings_shows_no_password() -> None:
    """str and repr of the model, and of everything loaded."""
    got = loaded(environ={"MULTIMARKET_MONGO_URI": ENCODED})
    texts = (str(got), repr(got), str(got.of(Settings)), repr(got.of(Settings)))
    assert [text for text in texts if PASSWORD in text] == []


def test_another_wrong_setting_shows_no_password() -> None:
    """The message shows the value at fault only."""
    assert PASSWORD not in refused(environ={"MULTIMARKET_MONGO_URI": ENCODED, "MULTIMARKET_SEED": "x"})


def test_a_wrong_mongo_uri_shows_no_password(file: Path) -> None:
    """A list where a text was expected, as people write who have three servers."""
    assert PASSWORD not in refused(file=written(file, f'mongo_uri = ["{ENCODED}"]\n'))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_http_beyond_this_machine_needs_a_token(host: str) -> None:
    """Refused at start; with a token it is allowed, and the token is shown nowhere."""
    with pytest.raises(WrongSettings, match="set http_token too"):
        load({}, {}, {"MULTIMARKET_HTTP_HOST": host}, Path("none.toml"))
    environ = {"MULTIMARKET_HTTP_HOST": host, "MULTIMARKET_HTTP_TOKEN": "0123456789abcdef"}
    loaded = load({}, {}, environ, Path("none.toml"))
    assert [line["text"] for line in shown(loaded) if line["name"] == "http_token"] == ["***"]
    assert "0123456789abcdef" not in repr(loaded)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_http_on_this_machine_needs_none(host: str) -> None:
    """By each name and address of loopback."""
    assert load({}, {"http_host": host}, {}, Path("none.toml")).of(Settings).http_host == host


@pytest.mark.parametrize("token", ["short", "0123456789abcde", "0123456789 abcdef", "0123456789abcdef\n", "é" * 16])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    """Without being repeated in the message."""
    with pytest.raises(WrongSettings, match="at least 16 characters") as refused:
        load({}, {}, {"MULTIMARKET_HTTP_TOKEN": token}, Path("none.toml"))
    assert token not in str(refused.value)
