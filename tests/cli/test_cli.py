"""The command line as users and scripts meet it: its own process, its exit codes, its two streams."""

import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
import typer
from pymongo.database import Database
from typer.testing import CliRunner

from multimarket_async.cli import app
from multimarket_async.discovery import declared, settings_models
from multimarket_async.settings import load
from tests.commands import Done, typed

ESCAPE = "\x1b"
NOBODY, PASSWORD = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100", "hush-hush"
SECRET = f"mongodb://shop:{PASSWORD}@127.0.0.1:1/"
STAGES = ("run", "demo", "produce", "collect", "measure", "serve", "torture")
CHANNELS = ("site_web", "application_mobile", "boutique_physique")
KPIS = [kpi.name for domain in declared(load(settings_models(), {}, {}, Path("/nowhere"))) for kpi in domain.kpis]


def _civil(done: Done) -> Done:
    """No command ever shows a traceback, or colours what is no terminal."""
    assert "Traceback" not in done.stdout + done.stderr, done
    assert ESCAPE not in done.stdout + done.stderr, done
    return done


def _well(done: Done) -> str:
    assert (done.returncode, done.stderr.strip()) == (0, "")
    return done.stdout


@dataclass
class Shell:
    """A folder of its own, a MongoDB, and nothing set but what a test sets."""

    folder: Path
    uri: str
    database: str

    def run(self, *arguments: str, **settings: str) -> Done:
        """One command to its end; as a process if it does work of its own."""
        if arguments and arguments[0] not in STAGES:
            return self.look(*arguments, **settings)
        command = [sys.executable, "-m", "multimarket_async", *arguments]
        path = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**path, **self._environment(settings)},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=300,
            check=False,
        )
        return _civil(Done(done.returncode, done.stdout, done.stderr))

    @contextlib.contextmanager
    def started(self, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on until its output has been looked at; then Ctrl-C."""
        command = [sys.executable, "-m", "multimarket_async", *arguments]
        path = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        environment = {**path, **self._environment(settings)}
        with subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(120)

    def look(self, *arguments: str, **settings: str) -> Done:
        """The same without a process, for commands that only look: starting Python takes most of their time."""
        return _civil(typed(self.folder, self._environment(settings), *arguments))

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        given = {"MONGO_URI": self.uri, "MONGO_DATABASE": self.database, "DATA_DIR": "data", "QUIET_PERIOD_S": "0"}
        given["SHUTDOWN_TIMEOUT_S"] = "60"  # a busy machine takes longer than a user wants to wait
        return {f"MULTIMARKET_{name}": value for name, value in {**given, **settings}.items()}

    def out(self, *arguments: str, **settings: str) -> str:
        """The output of a command that succeeds and prints nothing on standard error."""
        return _well(self.run(*arguments, **settings))

    def in_shell(self, *arguments: str, then: str = "", **environ: str) -> "subprocess.CompletedProcess[bytes]":
        """A command as a shell runs it, with redirections."""
        command = f"{shlex.join([sys.executable, '-m', 'multimarket_async', *arguments])} {then}"
        environment = os.environ | self._environment({}) | environ
        return subprocess.run(command, shell=True, cwd=self.folder, env=environment, capture_output=True, check=False)

    def seen(self, *arguments: str, **settings: str) -> str:
        """The same, by looking."""
        return _well(self.look(*arguments, **settings))

    def waiting(self, channel: str) -> list[str]:
        return sorted(path.name for path in (self.folder / "data" / "sources" / channel).glob("[!.]*.json"))


@pytest.fixture
def shell(tmp_path: Path, mongo_uri: str, database: "Database[Any]") -> Shell:
    """For tests that change something."""
    return Shell(tmp_path, mongo_uri, database.name)


@pytest.fixture(scope="module")
def shop(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Fifteen orders and two bad files, collected and measured; for tests that only look."""
    shell = Shell(tmp_path_factory.mktemp("shop"), mongo_uri, "test_cli_shop")
    shell.out("produce", "--orders-per-channel", "5")
    (shell.folder / "data/sources/site_web/bad.json").write_bytes(b"[]")
    (shell.folder / "data/sources/site_web/\x1b[31mworse.json").write_bytes(b"{}")
    shell.out("collect", "--until-empty")
    shell.out("kpi", "refresh")
    yield shell
    with pymongo.MongoClient(mongo_uri) as client:
        client.drop_database("test_cli_shop")


def log_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def events(text: str) -> set[str]:
    return {entry["event"] for entry in log_lines(text)}


# --- help -----------------------------------------------------------------------------------


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


ALL = list(commands(typer.main.get_command(app)))


def test_every_command_of_the_contract_is_there() -> None:
    """Each command of the contract."""
    contract = ["run", "demo", "produce", "collect", "verify", "status", "doctor"]
    groups = {"kpi": "list refresh rebuild show", "quarantine": "list show replay", "config": "show"}
    promised = {(name,) for name in contract} | {
        (group, name) for group, names in groups.items() for name in names.split()
    }
    assert promised - set(ALL) == set()


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_help_explains_each_command_and_option(command: tuple[str, ...]) -> None:
    """A sentence for the command and for every option and argument."""
    found = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]
    assert re.fullmatch(r"[A-Z].+[.)]", found.help, re.DOTALL)
    sentences = [(option.name, option.help) for option in found.params if option.name != "help"]
    assert [name for name, text in sentences if not text or len(text.split()) < 3] == []


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_help_names_every_option(command: tuple[str, ...]) -> None:
    """As it is typed; the three common ones too."""
    found = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}).invoke(app, [*command, "--help"])
    assert found.exit_code == 0
    assert {"--data-dir", "--mongo-uri", "--log-format"} <= set(re.findall(r"--[a-z-]+", found.stdout))


def test_without_a_command_there_is_help(shop: Shell) -> None:
    """On standard output or error: somebody who is lost is shown the way."""
    done = shop.look()
    assert "collect" in done.stdout + done.stderr


# --- produce --------------------------------------------------------------------------------


def test_produce_delivers_files_and_needs_no_database(shell: Shell) -> None:
    """So many in every channel; the log says so."""
    out = shell.out("produce", "--orders-per-channel", "2", MONGO_URI=NOBODY)
    assert [len(shell.waiting(channel)) for channel in CHANNELS] == [2, 2, 2]
    assert {entry["feed"] for entry in log_lines(out) if entry["event"] == "burst.delivered"} == set(CHANNELS)


@pytest.mark.slow
def test_a_history_is_shared_out_and_digested(shell: Shell) -> None:
    """By the shares of the channels; the same files elsewhere give the same digest, with what it follows from."""
    arguments = ("produce", "--orders", "20", "--history", "90days", "--until", "2026-05-01")
    last = [log_lines(shell.out(*arguments, "--data-dir", place))[-1] for place in ("a", "b")]
    assert [entry["event"] for entry in last] == ["backfill.written"] * 2
    assert last[0]["digest"] == last[1]["digest"]
    assert (last[0]["files"], last[0]["seed"]) == (20, 1)
    assert (last[0]["earliest"], last[0]["latest"]) == ("2026-01-31T00:00:00+00:00", "2026-05-01T00:00:00+00:00")
    found = [len(list((shell.folder / "a/sources" / channel).glob("[!.]*"))) for channel in CHANNELS]
    assert found == [10, 6, 4]


def test_live_orders_follow_a_history(shell: Shell) -> None:
    """Until stopped, with numbers that go on; Ctrl-C ends it with 0."""
    command = ["produce", "--orders-per-channel", "1", "--live", "--feeds", "site_web", "--time-scale", "1000"]
    with shell.started(*command) as process:
        entries = map(json.loads, iter(process.stdout.readline, ""))
        received = (entry["file"] for entry in entries if entry["event"] == "file.delivered")
        assert list(itertools.islice(received, 3)) == [f"{10**9 + number}.json" for number in (2, 3, 4)]
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--files-per-feed N or --files N"),
        (["--orders-per-channel", "1", "--orders", "1"], "--files-per-feed N or --files N"),
        (["--orders", "1", "--history", "long"], "'long' is no length of time; expected 24months"),
        (["--orders", "1", "--pace", "fast"], "fast"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_produce_refuses_wrong_arguments(shell: Shell, arguments: list[str], message: str) -> None:
    """2, and nothing is received."""
    done = shell.run("produce", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not [name for channel in CHANNELS for name in shell.waiting(channel)]


def test_a_profile_that_is_wrong_is_wrong_use(shell: Shell) -> None:
    """Before anything is delivered."""
    (shell.folder / "config").mkdir()
    (shell.folder / "config/profile.toml").write_text("grwth = 1\n")
    done = shell.run("produce", "--orders", "20")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: config/profile.toml: a profile has no grwth. Did you mean growth?\n"
    assert [shell.waiting(channel) for channel in CHANNELS] == [[], [], []]


@pytest.mark.slow
def test_produce_only_some_feeds(shell: Shell) -> None:
    """Named with commas; the others get nothing."""
    shell.out("produce", "--orders-per-channel", "2", "--feeds", "site_web, boutique_physique")
    assert [len(shell.waiting(channel)) for channel in CHANNELS] == [2, 0, 2]


@pytest.mark.slow
def test_the_same_seed_makes_the_same_names(shell: Shell) -> None:
    """And --seed is a flag of it."""
    shell.out("produce", "--orders-per-channel", "2", "--seed", "7", "--data-dir", "a")
    shell.out("produce", "--orders-per-channel", "2", DATA_DIR="b", SEED="7")
    names = [sorted(path.name for path in (shell.folder / place).rglob("*.json")) for place in "ab"]
    assert names[0] == names[1]
    assert len(names[0]) == 6


def test_an_unknown_feed_is_wrong_use(shell: Shell) -> None:
    """2, with the feeds there are; nothing is delivered."""
    done = shell.run("produce", "--orders-per-channel", "2", "--feeds", "site_web,fax")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: There is no feed fax; there are site_web, application_mobile, boutique_physique.\n"


def test_an_unusable_folder_is_an_error_in_a_sentence(shell: Shell) -> None:
    """3, naming the place; here the counter's place is taken by a folder, as a full disk would fail."""
    (shell.folder / "data/sources/site_web/.produced").mkdir(parents=True)
    done = shell.run("produce", "--orders-per-channel", "1")
    assert done.returncode == 3
    assert "site_web/.produced: Is a directory" in done.stderr


# --- exit code 2: wrong use or settings -----------------------------------------------------


READING = [
    *(["verify"], ["status"], ["top", "--once"], ["serve"], ["report"], ["bi"]),
    *(["quarantine", "list"], ["quarantine", "replay"], ["kpi", "show", "top_products"], ["kpi", "refresh"]),
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_reading_command_creates_nothing(shell: Shell, arguments: list[str]) -> None:
    """2, and the folder in full, as it may be relative to the wrong one: a `verify` that says Right would be none."""
    done = shell.look(*arguments, DATA_DIR="typo", MONGO_URI="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {shell.folder / 'typo'} ")
    assert "--data-dir" in done.stderr
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize("arguments", [["verify"], ["status"], ["quarantine", "list"]], ids=" ".join)
def test_files_are_looked_for_though_mongodb_is_elsewhere(shell: Shell, arguments: list[str]) -> None:
    """Only what reads no file takes a MongoDB of yours alone."""
    done = shell.look(*arguments, DATA_DIR="typo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no data folder: it has none of sources, archive, quarantine" in done.stderr
    assert "`kpi refresh` measures what is stored" in shell.look("kpi", "show", "top_products", DATA_DIR="typo").stderr
    assert list(shell.folder.iterdir()) == []


def test_a_doctor_creates_nothing(shell: Shell) -> None:
    """A folder that `run` would create is no fault."""
    assert f"{shell.folder / 'new'} (not there yet)" in shell.seen("doctor", DATA_DIR="new").replace("\n", "")
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["kpi", "show", "profit"], {}, f"There is no KPI profit; there are {', '.join(KPIS)}."),
        (["status"], {"SNAPSHOT_EVRY_S": "1"}, "snapshot_evry_s (given in MULTIMARKET_SNAPSHOT_EVRY_S)."),
        (["status"], {"SCAN_EVERY_S": "0"}, "scan_every_s = '0' (from MULTIMARKET_SCAN_EVERY_S): "),
        (["status"], {"ORDERS_CANCELLED_STATUSES": "lost"}, "orders: cancelled_statuses names lost"),
        (["status"], {"MONGO_URI": "localhost"}, "mongo_uri is not a MongoDB URI"),
        (["quarantine", "show", "nope.json"], {}, "There is no file nope.json in quarantine."),
        (["quarantine", "list", "--feed", "fax"], {}, "There is no feed fax; there are site_web, "),
        (["kpi", "show", "top_products", "--format", "xml"], {}, "xml"),
        (["produce", "--orders-per-channel", "-1"], {}, "--orders-per-channel"),
        (["fly"], {}, "fly"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_2(shop: Shell, arguments: list[str], settings: dict[str, str], message: str) -> None:
    """With a sentence on standard error, and nothing on standard output."""
    done = shop.look(*arguments, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


# --- exit code 3: could not finish ----------------------------------------------------------


@pytest.mark.slow
def test_good_files_wait_where_mongodb_is_away(shell: Shell) -> None:
    """3, and the files are where they were."""
    shell.out("produce", "--orders-per-channel", "1")
    before = [shell.waiting(channel) for channel in CHANNELS]
    done = shell.run("collect", "--until-empty", MONGO_URI=NOBODY, UNTIL_EMPTY_TIMEOUT_S="0.1")
    assert (done.returncode, [shell.waiting(channel) for channel in CHANNELS]) == (3, before)
    assert "3 files still wait, unharmed" in done.stderr


def test_a_command_that_needs_mongodb_says_that_it_is_away(shell: Shell) -> None:
    """3, in a sentence that shows no password."""
    done = shell.run("kpi", "refresh", MONGO_URI=SECRET)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: MongoDB is away: 127.0.0.1:1")
    assert PASSWORD not in done.stderr


def test_before_the_first_generation_there_is_nothing_to_show(shell: Shell) -> None:
    """3, with the way out."""
    done = shell.look("kpi", "show", "top_products")
    assert (done.returncode, done.stdout) == (3, "")
    assert "`kpi refresh` measures what is stored" in done.stderr


@pytest.mark.slow
def test_the_same_with_the_embedded_server(shell: Shell) -> None:
    """Whose server it is makes no difference."""
    shell.out("collect", "--until-empty", MONGO_URI="")
    done = shell.run("kpi", "show", "top_products", MONGO_URI="")
    assert done.returncode == 3
    assert "`kpi refresh` measures what is stored" in done.stderr


def test_a_data_folder_that_is_a_file(shell: Shell) -> None:
    """3, naming it and the flag."""
    (shell.folder / "file").write_bytes(b"")
    done = shell.run("collect", "--data-dir", "file")
    assert done.returncode == 3
    assert done.stderr.startswith("error: file/")
    assert "--data-dir" in done.stderr


@pytest.mark.parametrize("output", ["table", "json"])
def test_config_show_shows_no_password(shop: Shell, output: str) -> None:
    """Which server it is, and not how to get in."""
    out = shop.seen("config", "show", "--format", output, MONGO_URI=SECRET)
    assert "mongodb://***@127.0.0.1:1/" in out
    assert PASSWORD not in out


# --- collect, quarantine --------------------------------------------------------------------


def test_bad_files_alone_are_done_without_mongodb(shell: Shell) -> None:
    """0: they were quarantined, and no good file waits."""
    (shell.folder / "data/sources/site_web").mkdir(parents=True)
    (shell.folder / "data/sources/site_web/bad.json").write_bytes(b"[]")
    done = shell.run("collect", "--until-empty", MONGO_URI=NOBODY)
    assert (done.returncode, shell.waiting("site_web")) == (0, [])


@pytest.mark.slow
def test_collect_only_some_feeds(shell: Shell) -> None:
    """The others wait for another machine."""
    shell.out("produce", "--orders-per-channel", "1")
    out = shell.out("collect", "--until-empty", "--feeds", "site_web")
    assert [len(shell.waiting(channel)) for channel in CHANNELS] == [0, 1, 1]
    assert {"stored": 1, "duplicate": 0, "quarantined": 0}.items() <= log_lines(out)[-1].items()


def test_the_log_goes_to_the_data_folder_too(shop: Shell) -> None:
    """Line by line JSON, from every command that moves something."""
    text = (shop.folder / "data/logs/multimarket.jsonl").read_text("utf-8")
    assert {"burst.delivered", "file.quarantined", "collection.ended"} <= events(text)


def test_quarantine_list(shop: Shell) -> None:
    """When, where, what, why; a file name moves no cursor."""
    out = shop.seen("quarantine", "list")
    assert "2 files in quarantine" in out
    assert re.search(r"site_web +bad\.json +not_an_object +A file must hold one order", out)
    assert "\\x1b[31mworse.json" in out


def test_quarantine_list_as_json_and_chosen(shop: Shell) -> None:
    """By code and by feed."""
    every = json.loads(shop.seen("quarantine", "list", "--format", "json"))
    assert [file["feed"] for file in every] == ["site_web"] * 2
    chosen = json.loads(shop.seen("quarantine", "list", "--format", "json", "--code", "not_an_object"))
    none = json.loads(shop.seen("quarantine", "list", "--format", "json", "--feed", "application_mobile"))
    assert (len(every), [file["file"] for file in chosen], none) == (2, ["bad.json"], [])


def test_quarantine_show(shop: Shell) -> None:
    """The whole reason, and where the file is."""
    reason = json.loads(shop.seen("quarantine", "show", "bad.json", "--format", "json"))
    assert reason["path"] == "data/quarantine/site_web/bad.json"
    assert (reason["code"], reason["feed"], reason["bytes"]) == ("not_an_object", "site_web", 2)


def test_a_file_name_of_any_bytes_gives_json(shell: Shell) -> None:
    """Whatever the locale is strict about."""
    source = shell.folder / "data/sources/site_web"
    source.mkdir(parents=True)
    (source / os.fsdecode(b"a\xffb.json")).write_bytes(b"[]")
    shell.out("collect", "--until-empty")
    done = shell.run("quarantine", "list", "--format", "json")
    assert json.loads(done.stdout)[0]["code"] == "not_an_object"
    done.stdout.encode("utf-8")


@pytest.mark.slow
def test_quarantine_replay(shell: Shell) -> None:
    """A corrected file goes back, is collected, and leaves quarantine."""
    shell.out("produce", "--orders-per-channel", "1", "--feeds", "site_web")
    [name] = shell.waiting("site_web")
    waiting = shell.folder / "data/sources/site_web" / name
    good = waiting.read_bytes()
    waiting.write_bytes(good.replace(b'"web"', b'"fax"'))
    shell.out("collect", "--until-empty")
    (shell.folder / "data/quarantine/site_web" / name).write_bytes(good)
    assert shell.seen("quarantine", "replay", name).startswith("1 files went back")
    assert shell.waiting("site_web") == [name]
    assert log_lines(shell.out("collect", "--until-empty"))[-1]["stored"] == 1
    assert json.loads(shell.seen("quarantine", "list", "--format", "json")) == []


# --- kpi ------------------------------------------------------------------------------------


def test_kpi_list_shows_name_columns_and_definition(shop: Shell) -> None:
    """Of every KPI, without a database."""
    out = shop.seen("kpi", "list", MONGO_URI=NOBODY)
    assert [name for name in KPIS if name not in out] == []
    assert "cancellation_rate_pct" in out
    assert "in percent, rounded half-up to 2 decimals" in out


def test_kpi_show_as_json_is_the_contract(shop: Shell) -> None:
    """name, generation, computed_at, as_of, rows; and nothing else on standard output."""
    found = json.loads(shop.seen("kpi", "show", "cancellation_rate_by_channel", "--format", "json"))
    assert list(found) == ["name", "generation", "computed_at", "as_of", "rows"]
    assert (found["name"], found["generation"]) == ("cancellation_rate_by_channel", 1)
    assert [(row["channel"], row["orders"]) for row in found["rows"]] == [("boutique", 5), ("mobile", 5), ("web", 5)]


def test_kpi_show_as_csv_agrees_with_json(shop: Shell) -> None:
    """A header and as many lines as rows."""
    rows = json.loads(shop.seen("kpi", "show", "top_products", "--format", "json"))["rows"]
    lines = shop.seen("kpi", "show", "top_products", "--format", "csv").splitlines()
    assert (
        lines[0]
        == "rank,product,quantity,gross_quantity,revenue,revenue_minor,net_quantity,net_revenue,net_revenue_minor,"
        "measured_quantity"
    )
    assert [line.split(",")[0] for line in lines[1:]] == [str(row["rank"]) for row in rows]


def test_kpi_show_for_a_french_spreadsheet(shop: Shell) -> None:
    """The bytes that it opens, and nothing else; only CSV has such kinds."""
    text = shop.seen("kpi", "show", "top_products", "--format", "csv", "--for", "excel-fr")
    columns = "rank;product;quantity;gross_quantity;revenue;net_quantity;net_revenue;measured_quantity"
    assert text.splitlines()[0] == f"\ufeff{columns}"
    assert re.fullmatch(r"1;[^;]+;\d+;\d+;\d+,\d\d;\d+;\d+,\d\d;0,00", text.splitlines()[1])
    refused = shop.look("kpi", "show", "top_products", "--for", "excel-fr")
    assert (refused.returncode, refused.stderr.strip()) == (
        2,
        "error: --for excel-fr is a kind of CSV: add --format csv.",
    )


def test_kpi_show_as_a_workbook(shop: Shell) -> None:
    """In a file, by the shell."""
    shop.in_shell("kpi", "show", "top_products", "--format", "xlsx", then="> top.xlsx")
    assert zipfile.is_zipfile(shop.folder / "top.xlsx")


def test_kpi_show_as_a_table(shop: Shell) -> None:
    """The default: for people, plain where there is no terminal."""
    out = shop.seen("kpi", "show", "average_order_value_by_channel")
    assert "Average order value by channel" in out
    assert re.search(r"boutique +\d+ +[\d,]+\.\d\d +5 ", out)


def test_history_of_a_number(shop: Shell) -> None:
    """Formatted as in its table; by default that of the chart; without a name, the generations themselves."""
    shown = shop.seen("kpi", "history", "average_order_value_by_channel", "--row", "web", "--last", "1")
    assert re.search(r"^ +1 +20\S+ \S+ +web +[\d,]+\.\d\d *$", shown, re.MULTILINE)
    [step] = json.loads(
        shop.seen("kpi", "history", "top_products", "--by", "revenue", "--last", "1", "--format", "json")
    )
    assert (step["generation"], list(step)) == (1, ["generation", "as_of", "row", "value"])
    assert re.search(r"^ +1 +20\S+ \S+ +15 orders *$", shop.seen("kpi", "history"), re.MULTILINE)


def test_the_last_generation_of_a_day(shop: Shell) -> None:
    """Is that of its date; one that is not kept is named, and the oldest one."""
    today = json.loads(shop.seen("kpi", "history", "--format", "json"))[0]["as_of"][:10]
    assert json.loads(shop.seen("kpi", "show", "top_products", "--at", today, "--format", "json"))["generation"] == 1
    done = shop.look("kpi", "show", "top_products", "--generation", "9")
    assert (done.returncode, done.stderr[:57]) == (3, "error: Generation 9 is not kept: the oldest one is 1, of ")


def test_kpi_list_for_programs(shop: Shell) -> None:
    assert [kpi["name"] for kpi in json.loads(shop.seen("kpi", "list", "--format", "json"))] == KPIS


@pytest.mark.slow
def test_the_report_goes_where_it_is_sent(shop: Shell) -> None:
    """To standard output with -; a folder that does not exist is the fault of --out."""
    assert shop.seen("report", "--out", "-").startswith("<!doctype html>")
    done = shop.look("report", "--out", "nowhere/x.html")
    assert (done.returncode, done.stderr) == (
        2,
        "error: --out nowhere/x.html: No such file or directory. Name another one.\n",
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["kpi", "show", "top_produits"], "Did you mean top_products?"),
        (["kpl", "list"], "No such command 'kpl'. Did you mean 'kpi'?"),
        (["demo", "--lesson", "outtage"], "slow-writer. Did you mean outage?"),
        (["quarantine", "list", "--feed", "site_wbe"], "boutique_physique. Did you mean site_web?"),
        (["status", "--format", "xml"], "Invalid value for '--format': 'xml' is not one of 'table', 'json'."),
        (["run", "--pace", "fast"], "Invalid value for '--pace': 'fast' is not one of 'random', 'poisson', 'day',"),
    ],
)
def test_a_name_that_is_not_there_is_met_with_one_that_is(shop: Shell, words: list[str], hint: str) -> None:
    done = shop.look(*words)
    assert (done.returncode, hint in done.stderr) == (2, True), done


ENCODINGS = {
    ("kpi", "show", "top_products"): r"Parfum Lema\u00ee",
    ("kpi", "show", "top_products", "--format", "json"): "Parfum Lemaî",
    ("kpi", "show", "top_products", "--format", "csv"): "Parfum Lemaî",
    ("config", "show"): r"pay\u00e9e",
    ("quarantine", "list"): "worse.json",
}


@pytest.mark.parametrize(
    "words", [words if "csv" in words else pytest.param(words, marks=pytest.mark.slow) for words in ENCODINGS]
)
def test_an_encoding_that_lacks_a_letter(shop: Shell, words: tuple[str, ...]) -> None:
    """It is escaped, as JSON has it; data are UTF-8 whatever the terminal can show."""
    found = shop.in_shell(*words, PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr) == (0, b"")
    assert ENCODINGS[words] in found.stdout.decode()
    assert shop.in_shell(*words, PYTHONIOENCODING="latin-1").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "closed"),
    [
        *((("kpi", "show", "top_products"), closed) for closed in (">&-", "2>&-", ">&- 2>&-", "<&-")),
        *((words, ">&- 2>&-") for words in (("config", "show"), ("produce", "--orders", "0"), ("quarantine", "list"))),
    ],
)
def test_closed_streams(shop: Shell, words: tuple[str, ...], closed: str) -> None:
    """Nothing breaks, and no other file takes their place."""
    found = shop.in_shell(*words, then=closed)
    assert (found.returncode, b"Traceback" in found.stderr) == (0, False), found


def test_version_and_short_help(shop: Shell) -> None:
    assert re.fullmatch(r"multimarket-async \d\S*\n", shop.seen("--version"))
    assert shop.seen("kpi", "-h") == shop.seen("kpi", "--help")


def test_refresh_publishes_once_and_rebuild_always(shell: Shell) -> None:
    """Numbers go on."""
    lines = [shell.seen("kpi", name) for name in ("refresh", "refresh", "rebuild")]
    assert lines[0].startswith("The newest generation is 1, as of 20")
    assert lines[1].startswith("The newest generation is 1, as of 20")
    assert lines[2].startswith("Generation 2 was computed from scratch in ")


@pytest.mark.slow
def test_history_and_diff_and_an_older_generation(shell: Shell) -> None:
    """Two generations, three orders apart: what changed, which orders came in, and how it was before."""
    orders = ["kpi", "show", "cancellation_rate_by_channel", "--format", "json"]
    for number in (1, 2):
        shell.out("produce", "--orders-per-channel", "1")
        shell.out("collect", "--until-empty")
        shell.out("kpi", "refresh")
        assert [row["orders"] for row in json.loads(shell.seen(*orders))["rows"]] == [number] * 3

    before = json.loads(shell.seen(*orders, "--generation", "1"))
    assert (before["generation"], [row["orders"] for row in before["rows"]]) == (1, [1, 1, 1])
    assert json.loads(shell.seen(*orders, "--at", before["as_of"]))["generation"] == 1
    grown = shell.seen("kpi", "history", "cancellation_rate_by_channel", "--by", "orders")
    assert re.findall(r"^ +(\d) .* web +(\d)", grown, re.MULTILINE) == [("1", "1"), ("2", "2")]
    explained = shell.seen("kpi", "diff", "1", "2")
    assert "orders 1 -> 2" in explained
    assert "3 orders came in between: boutique:1000000002, mobile:1000000002, web:1000000002" in explained


def test_history_follows_numbers(shop: Shell) -> None:
    """A name does not grow: the message lists the columns with numbers."""
    done = shop.look("kpi", "history", "share_by_channel", "--by", "channel")
    assert done.returncode == 2
    assert "share_by_channel has no number channel to follow. There are: orders, " in done.stderr


def test_report_is_one_file(shell: Shell, shop: Shell) -> None:
    """In the language and of the generation of the options; its size is printed."""
    printed = shop.seen("report", "--out", str(shell.folder / "r.html"), "--lang", "fr", "--generation", "1")
    text = (shell.folder / "r.html").read_text("utf-8")
    assert re.fullmatch(r".*r\.html : \d+ ko\.\n", printed)
    assert '<html lang="fr">' in text
    assert "Commandes par jour de la semaine et par heure" in text
    assert shop.look("report", "--generation", "9").returncode == 3


def test_bi_with_your_own_mongodb(shop: Shell) -> None:
    """The HTTP address, where `run` would listen; the users of that MongoDB are not ours."""
    done = shop.look("bi", HTTP_PORT="8123", HTTP_HOST="::1")
    assert (done.returncode, done.stdout) == (0, "http://[::1]:8123/api/kpis\n")
    assert "the role read" in done.stderr


def test_bi_gives_out_the_address_of_a_run_until_it_is_killed(shell: Shell) -> None:
    """A killed run leaves its address behind, and nobody listens there."""
    with shell.started("run", "--no-produce", HTTP_PORT="0") as process:
        entries = map(json.loads, iter(process.stdout.readline, ""))
        url = next(entry["url"] for entry in entries if entry["event"] == "http.listening")
        assert shell.look("bi", HTTP_PORT="8123").stdout == f"{url.rstrip('/')}/api/kpis\n"
        process.kill()
        process.wait()
    assert (shell.folder / "data/logs/http.json").exists()
    assert shell.look("bi", HTTP_PORT="8123").stdout == "http://127.0.0.1:8123/api/kpis\n"


def test_bi_writes_its_files(shell: Shell, shop: Shell) -> None:
    """With the address that is in force, without asking MongoDB."""
    printed = shop.seen("bi", "--write", str(shell.folder / "bi"), HTTP_PORT="8123", MONGO_URI=NOBODY)
    names = {"MultiMarket.pq", "MultiMarket.pbids", "MultiMarket-orders.pbip", "kpis.json", "flow.json"}
    assert {Path(line).name for line in printed.split()} >= names
    assert 'Address = "http://127.0.0.1:8123"' in (shell.folder / "bi/MultiMarket.pq").read_text("utf-8")


# --- status, config, doctor -----------------------------------------------------------------


def test_status_as_json(shop: Shell) -> None:
    """Every channel with its sum, and the newest generation."""
    found = json.loads(shop.seen("status", "--format", "json"))
    web = found["feeds"][0]
    assert (web["feed"], web["received"], web["stored"], web["duplicate"]) == ("site_web", 7, 5, 0)
    assert web["by_reason"] == {"not_an_object": 1, "missing_field": 1}
    assert found["kpi"]["generation"] == 1


def test_status_as_a_table(shop: Shell) -> None:
    """The same, for people."""
    out = shop.seen("status")
    assert re.search(r"site_web +7 +0 +- +5 +0 +2 +1 ", out)
    assert "KPI generation 1 is as of " in out


def test_config_show_prints_values_and_sources(shop: Shell) -> None:
    """Flag, environment, file and default, each by name."""
    (shop.folder / "config").mkdir(exist_ok=True)
    (shop.folder / "config/multimarket.toml").write_text('timezone = "Africa/Casablanca"\n', "utf-8")
    listed = json.loads(shop.seen("config", "show", "--format", "json", "--log-format", "json", SEED="9"))
    (shop.folder / "config/multimarket.toml").unlink()
    found = {line["name"]: (line["text"], line["source"]) for line in listed}
    assert found["timezone"] == ("Africa/Casablanca", "config/multimarket.toml")
    assert found["seed"] == ("9", "MULTIMARKET_SEED")
    assert found["log_format"] == ("json", "--log-format")
    assert found["orders.cancelled_statuses"] == ("annulée", "default")


def test_config_show_describes_every_setting(shop: Shell) -> None:
    """In the table too; engine and domain alike."""
    out = shop.seen("config", "show")
    assert re.search(r"batch_files +1000 +default +most files in one batch", out)
    assert re.search(r"orders\.currency +EUR +default ", out)


@pytest.mark.parametrize("words", [["run", "--no-http"], ["collect"]])
def test_a_start_that_can_collect_nothing_ends_with_the_sentence_of_doctor(shop: Shell, words: list[str]) -> None:
    """3, at once, whatever else would run beside it."""
    wrong = re.sub(r"://[^@/]*@", "://shop:hush-hush@", shop.uri)
    done = shop.run(*words, MONGO_URI=wrong)
    assert done.returncode == 3
    assert "cannot be used: MongoDB refuses these credentials: Authentication failed." in done.stderr.splitlines()[-1]
    assert "hush" not in done.stdout + done.stderr


def test_doctor_is_content(shop: Shell) -> None:
    """0, and each check is named."""
    out = shop.seen("doctor")
    assert [check for check in ("Python", "data folder", "disk space", "MongoDB") if check not in out] == []
    assert "WRONG" not in out


def test_doctor_finds_what_is_missing(shop: Shell) -> None:
    """3, with the finding in the table."""
    done = shop.look("doctor", MONGO_URI=SECRET)
    assert done.returncode == 3
    assert re.search(r"fault +MongoDB +mongodb://\*\*\*@127.0.0.1:1/ cannot be used", done.stdout)


# --- verify, demo, run ----------------------------------------------------------------------


def test_verify_is_right(shop: Shell) -> None:
    """0; the table, and the sentence that says so."""
    out = shop.seen("verify")
    assert "Right: every file is accounted for, and the KPIs of generation 1 agree to the cent." in out


def test_verify_as_json(shop: Shell) -> None:
    """Machine-readable, and nothing beside it."""
    found = json.loads(shop.seen("verify", "--format", "json"))
    assert (found["right"], found["differences"], found["kpis"]) == (True, [], KPIS)


@pytest.mark.slow
def test_verify_finds_what_was_tampered_with(shell: Shell, database: "Database[Any]") -> None:
    """4, and each difference in a line."""
    shell.out("produce", "--orders-per-channel", "2")
    shell.out("collect", "--until-empty")
    database["commandes"].delete_one({"canal": "web"})
    done = shell.run("verify")
    assert (done.returncode, done.stderr.strip()) == (4, "")
    assert re.search(r"^WRONG site_web: \d+\.json is archived, but web:\d+ is not stored$", done.stdout, re.MULTILINE)
    done = shell.look("verify", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["right"]) == (4, False)


@pytest.mark.slow
def test_verify_compares_with_the_manifest_of_a_run(shell: Shell, database: "Database[Any]") -> None:
    """By the manifest of the run; 4 and the cent that is wrong, 2 where there is no manifest."""
    (shell.folder / "data/sources").mkdir(parents=True)
    done = shell.look("verify", "--manifest", "latest")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: There is no manifest in data/manifests: ")
    shell.out("produce", "--orders-per-channel", "5", "--follow-ups", "--faults", "bad=0.2,duplicate=0.2")
    shell.out("collect", "--until-empty")
    assert shell.out("verify", "--manifest", "latest").startswith("Right: ")
    database["commandes"].update_one({"canal": "web"}, {"$inc": {"montant_centimes": -1}})
    done = shell.look("verify", "--manifest", "latest", "--format", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["right"], found["wrong"], len(found["kpis"])) == (4, False, 1, len(KPIS))
    assert " has montant_centimes " in found["differences"][0]


@pytest.mark.slow
def test_the_latest_run_is_right_beside_earlier_ones(shell: Shell) -> None:
    """A demo, then a run; one that delivered nothing is not the latest."""
    shell.out("demo", "--orders-per-channel", "5")
    assert log_lines(shell.out("produce", "--orders-per-channel", "0"))[-1]["event"] == "backfill.written"
    shell.out("run", "--no-http", "--for", "0.5", PAUSE_MIN_S="0.1", PAUSE_MAX_S="0.1", SCAN_EVERY_S="0.05")
    assert "and 18 KPIs of generation" in shell.out("verify", "--manifest", "latest")


@pytest.mark.slow
def test_a_producer_that_was_killed_is_verified_as_far_as_it_came(shell: Shell) -> None:
    """Its manifest names at least all that it received."""
    with shell.started("produce", "--orders", "200000", "--faults", "torn=0.01") as process:
        while not any(b'{"received"' in file.read_bytes() for file in shell.folder.glob("data/manifests/*")):
            time.sleep(0.01)
        process.kill()
    shell.run("collect", "--until-empty", QUIET_PERIOD_S="0.2")
    out = shell.out("verify", "--manifest", "latest")
    assert "has no last line: its run was killed, or still runs." in out
    assert "and 18 KPIs of generation 1 agree to the cent." in out


@pytest.mark.slow
def test_a_run_leaves_a_manifest(shell: Shell) -> None:
    """Its orders' later states included; one that delivers nothing leaves none."""
    shell.run("run", "--no-produce", "--no-http", "--for", "0")
    assert not (shell.folder / "data/manifests").exists()
    fast = {"PAUSE_MIN_S": "0.05", "PAUSE_MAX_S": "0.05", "SCAN_EVERY_S": "0.05"}
    with shell.started(
        "run", "--no-http", "--follow-ups", "--time-scale", "86400", **fast
    ) as process:  # a second is a day
        for _ in process.stdout:  # a line of the log
            manifests = list((shell.folder / "data/manifests").glob("*-run.jsonl"))
            if any('"follows"' in manifest.read_text() for manifest in manifests):
                break
    assert process.returncode == 0
    assert shell.out("verify", "--manifest", "latest").startswith("Right: ")
    assert not list((shell.folder / "data/quarantine").glob("*/[!.]*"))  # as dated ahead of the clock


def test_demo_shows_and_verifies(shell: Shell) -> None:
    """0; the tables, and the sum that holds."""
    out = shell.out("demo", "--orders-per-channel", "5")
    assert "15 received = 15 stored + 0 duplicate + 0 in quarantine" in out
    assert "KPIs recomputed from the archived files agree to the cent (generation 1)." in out
    assert "Right: 15 files are where the manifest says, 15 documents are as they were delivered, and 18 KPIs" in out
    assert "Top products" in out


@pytest.mark.slow
def test_demo_ends_with_where_to_look_next(shell: Shell) -> None:
    """Commands that can be typed as they are, with the folder that was given; and the address of the page."""
    out = shell.out("demo", "--orders-per-channel", "1", "--data-dir", "a b", HTTP_PORT="8123")
    *_, last = out.partition("Where to look next:\n")
    typed = re.findall(r"^  python -m multimarket_async (\w+) --data-dir 'a b'$", last, re.MULTILINE)
    assert typed == ["run", "top", "report"]
    assert "http://127.0.0.1:8123\n" in last


@pytest.mark.slow
def test_a_lesson_ends_with_why_it_is_right_and_what_to_do_next(shell: Shell) -> None:
    """0, nothing beside it; its own commands come first, and can be typed as they are. The log is silent."""
    out = shell.out("demo", "--lesson", "bad-supplier", "--orders-per-channel", "40", "--data-dir", "here")
    assert out.index("What was seen") < out.index("Why it is right\nEach file") < out.index("Where to look next:")
    [file] = re.findall(r"^  python -m multimarket_async quarantine show (\S+) --data-dir here$", out, re.MULTILINE)
    code = re.search(r"^For example\n\S+: (\w+)", out, re.MULTILINE)
    assert code is not None
    assert code[1] in shell.seen("quarantine", "show", file, "--data-dir", "here")
    assert "Right" in shell.seen("verify", "--data-dir", "here")


@pytest.mark.slow
def test_a_lesson_that_sees_something_else_than_it_expected(shell: Shell) -> None:
    """4, and what differs: no file can be as fast as this budget."""
    done = shell.run("demo", "--lesson", "black-friday", "--orders-per-channel", "5", LATENCY_BUDGET_S="0.000001")
    assert (done.returncode, done.stderr.strip()) == (4, "")
    assert re.search(r"^WRONG files that waited longer than the budget: \d+, expected 0$", done.stdout, re.MULTILINE)


def test_the_lessons_are_listed(shell: Shell) -> None:
    """Name and title; an unknown name is refused."""
    out = shell.seen("demo", "--list-lessons")
    assert re.search(r"^ *outage +Outage: MongoDB goes away", out, re.MULTILINE)
    done = shell.look("demo", "--lesson", "nope")
    assert done.returncode == 2
    assert "There is no lesson nope; there are burst, bad-supplier, black-friday, double-charge, " in done.stderr
    done = shell.look("demo", "--lesson", "outage", "--until", "2026-01-01")
    assert (done.returncode, "leave out --until" in done.stderr) == (2, True)
    done = shell.look("demo", "--lesson", "outage", "--orders-per-channel", "0")
    assert (done.returncode, "without files" in done.stderr) == (2, True)


@pytest.mark.slow
def test_run_for_a_while(shell: Shell) -> None:
    """0; what was received is stored and measured when it ends."""
    out = shell.out("run", "--for", "0.5", PAUSE_MIN_S="0.1", PAUSE_MAX_S="0.1", SCAN_EVERY_S="0.05")
    assert events(out) >= {"run.started", "file.delivered", "batch.collected", "generation.published", "run.ended"}
    assert log_lines(out)[-1]["waiting"] == 0
    found = json.loads(shell.seen("status", "--format", "json"))
    assert [feed["waiting"] for feed in found["feeds"]] == [0, 0, 0]
    stored = sum(feed["stored"] for feed in found["feeds"])
    rows = json.loads(shell.seen("kpi", "show", "cancellation_rate_by_channel", "--format", "json"))["rows"]
    assert sum(row["orders"] for row in rows) == stored > 0


def test_run_without_producing(shell: Shell) -> None:
    """Real systems deliver; it only collects and measures."""
    out = shell.out("run", "--for", "0.1", "--no-produce")
    assert "file.delivered" not in events(out)
