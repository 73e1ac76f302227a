"""Attacks by a stranger on this machine, a BI tool, or the author of an order's text: none gets beyond its rights.

Each at the level of the user's commands: a `run` in the background, hostile files received for real.
"""

import csv
import io
import json
import os
import pty
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "multimarket_async"]
SECRET = "hush-hush-7f3a"
UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18
LISTENING = "0A"

CLEAR, TITLE = "\x1b[2J", "\x1b]0;owned\x07"
FORGED = '\n{"event": "forged"}\n'
# Names of products: formulas, escape sequences, markup, line breaks, text from right to left.
NAMES = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "x\t=1+1",
    "x\r=1+1;=2",
    f"{CLEAR}{TITLE}\x9b2Jcleared",
    "[bold red]marked[/bold red][link=http://evil.example]up[/link]",
    f"forged{FORGED}end",
    "back\b\b\b\u202ewards\u2028\x00",
]
HOSTILE_FILE = f"{CLEAR}[red]evil{FORGED.replace('/', '')}\u202e.json"


def order(order_id: str, names: list[str] = NAMES, **changes: Any) -> bytes:
    """An order of these products, as many pieces of each as its place from the end."""
    lines = [
        {"produit_id": f"P{place}", "nom": name, "quantite": 20 - place, "prix_unitaire": 1.0}
        for place, name in enumerate(names)
    ]
    delivery = {"adresse": NAMES[6], "ville": NAMES[7]}
    fields = {"order_id": order_id, "client_id": NAMES[8], "produits": lines, "livraison": delivery}
    given = {"date_commande": "2025-04-26T14:00:00", "canal": "web", "statut_commande": "payée"}
    return json.dumps({**fields, **given, **changes}).encode()


@dataclass
class House:
    """A data folder on which a `run` works, started where every new file would be open to all."""

    data: Path
    run: subprocess.Popen[bytes]
    log: Path

    def command(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Another command on it, to its end."""
        environ = {**os.environ, **{f"MULTIMARKET_{name}": value for name, value in settings.items()}}
        command = [*COMMAND, *words, "--data-dir", str(self.data)]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)

    def out(self, *words: str) -> str:
        done = self.command(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def deliver(self, name: str, content: bytes) -> None:
        hidden = self.data / "sources" / "site_web" / ".hidden"
        hidden.write_bytes(content)
        hidden.rename(hidden.with_name(name))

    @property
    def server(self) -> dict[str, int]:
        return dict(json.loads((self.data / "mongo" / "server.json").read_text()))

    @property
    def passwords(self) -> dict[str, str]:
        return dict(json.loads((self.data / "mongo" / "passwords.json").read_text()))

    @property
    def pids(self) -> list[int]:
        """The process itself and its mongod."""
        return [self.run.pid, self.server["pid"]]

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not true():
            assert self.run.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Hostile orders were received, collected and measured; for tests that only look."""
    folder = tmp_path_factory.mktemp("house")
    data, log = folder / "data", folder / "run.log"
    (data / "sources" / "site_web").mkdir(parents=True)
    settings = {"MULTIMARKET_QUIET_PERIOD_S": "0", "MULTIMARKET_SNAPSHOT_EVERY_S": "0.3"}
    with log.open("wb") as out:
        command = [*COMMAND, "run", "--no-produce", "--data-dir", str(data)]
        run = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **settings}, umask=0)
    one = House(data, run, log)
    try:
        one.deliver("good.json", order(f"{CLEAR}{FORGED}"))
        one.deliver(HOSTILE_FILE, order("1", statut_commande=f"{CLEAR}[red]{FORGED}"))
        one.deliver("key.json", order("2").replace(b'"ville"', json.dumps(CLEAR + FORGED).encode() + b': NaN, "ville"'))
        one.deliver("raw.json", f'{{"order_id": "{CLEAR}{TITLE}\x9b2J\u202e'.encode() + b"\x00\b\xff")
        one.until(lambda: log.read_text().count("file.quarantined") == 3)
        one.until(lambda: '"generation.published"' in log.read_text())
        yield one
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(timeout=300)


# --- The network ------------------------------------------------------------------------------


def listening(pid: int) -> list[tuple[IPv4Address | IPv6Address, int]]:
    """Listening addresses of this process, from the kernel."""
    mine = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[place] for place in (1, 3, 9))
            if f"socket:[{inode}]" in mine and (state == LISTENING or table.startswith("udp")):
                found.append(decoded(local))
    return found


def decoded(address: str) -> tuple[IPv4Address | IPv6Address, int]:
    """An address of /proc/net: words of 32 bits in this machine's order, all in hexadecimal."""
    host, port = address.split(":")
    words = struct.unpack(f">{len(host) // 8}I", bytes.fromhex(host))
    return ip_address(struct.pack(f"={len(words)}I", *words)), int(port, 16)


def test_the_reading_of_proc_net_sees_a_listener() -> None:
    """On all addresses, of both families: else the next test would prove nothing."""
    with socket.create_server(("0.0.0.0", 0)) as four, socket.create_server(("::", 0), family=socket.AF_INET6) as six:
        found = listening(os.getpid())
        assert (IPv4Address("0.0.0.0"), four.getsockname()[1]) in found
        assert (IPv6Address("::"), six.getsockname()[1]) in found


def test_nothing_listens_beyond_loopback(house: House) -> None:
    """Of the process and its mongod; the two ports that are open are those it told."""
    house.until((house.data / "logs" / "http.json").exists)
    http = json.loads((house.data / "logs" / "http.json").read_text())["url"]
    found = [address for pid in house.pids for address in listening(pid)]
    ports = int(http.rpartition(":")[2].rstrip("/")), house.server["port"]
    assert found == [(IPv4Address("127.0.0.1"), port) for port in ports]


def refusal(uri: str, attempt: Callable[[pymongo.MongoClient[Any]], Any]) -> int | None:
    """The code with which the server refuses it; None if it was done."""
    with pymongo.MongoClient(uri, serverSelectionTimeoutMS=5000) as client:
        try:
            attempt(client)
        except OperationFailure as failure:
            return failure.code
    return None


ATTEMPTS: dict[str, Callable[[pymongo.MongoClient[Any]], Any]] = {
    "read": lambda client: client.multi_market.commandes.find_one(),
    "list": lambda client: client.list_database_names(),
    "insert": lambda client: client.multi_market.commandes.insert_one({"_id": "x"}),
    "create a user": lambda client: client.admin.command("createUser", "me", pwd="x", roles=["root"]),
    "reconfigure": lambda client: client.admin.command("replSetGetConfig"),
    "shut down": lambda client: client.admin.command("shutdown"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_without_the_password_nothing_is_to_be_had(house: House, attempt: str) -> None:
    """Though the stranger is on this machine."""
    uri = f"mongodb://127.0.0.1:{house.server['port']}/?directConnection=true"
    assert refusal(uri, ATTEMPTS[attempt]) == UNAUTHORIZED


@pytest.mark.parametrize("user", ["multimarket", "bi", "nobody"])
def test_a_wrong_password_is_refused(house: House, user: str) -> None:
    """For every user there is, and for one there is not."""
    uri = f"mongodb://{user}:wrong@127.0.0.1:{house.server['port']}/?authSource=admin&directConnection=true"
    assert refusal(uri, ATTEMPTS["read"]) == AUTHENTICATION_FAILED


WRITES: dict[str, Callable[[Any], Any]] = {
    "insert": lambda database: database.commandes.insert_one({"_id": "x"}),
    "update": lambda database: database.commandes.update_many({}, {"$set": {"montant_total": 0}}),
    "delete": lambda database: database.kpi_snapshots.delete_many({}),
    "drop": lambda database: database.drop_collection("commandes"),
    "create": lambda database: database.create_collection("mine"),
    "change a view": lambda database: database.command("collMod", "kpi_top_products", viewOn="commandes", pipeline=[]),
    "write through an aggregation": lambda database: list(database.commandes.aggregate([{"$out": "mine"}])),
    "read who is who": lambda database: database.client.admin["system.users"].find_one(),
    "create a user": lambda database: database.command("createUser", "me", pwd="x", roles=["readWrite"]),
}


@pytest.mark.parametrize("write", WRITES)
def test_the_bi_user_cannot_write(house: House, write: str) -> None:
    """With the connection string that `bi` prints."""
    assert refusal(house.out("bi").split()[0], lambda client: WRITES[write](client.multi_market)) == UNAUTHORIZED


def test_the_bi_user_can_read(house: House) -> None:
    """Else the refusals above would prove nothing."""
    with pymongo.MongoClient(house.out("bi").split()[0]) as client:
        assert {row["product"] for row in client.multi_market.kpi_top_products.find()} == set(NAMES)


# --- Secrets ----------------------------------------------------------------------------------


def test_no_password_lies_outside_its_folder(house: House) -> None:
    """Not in a log, ours or mongod's, nor in any other file under the data folder."""
    files = [path for path in (*house.data.rglob("*"), house.log) if path.is_file() and path.name != "passwords.json"]
    assert {"multimarket.jsonl", "mongod.log", "mongod.out", "run.log"} <= {path.name for path in files}
    found = [path for path in files for secret in house.passwords.values() if secret.encode() in path.read_bytes()]
    assert found == []


def test_no_password_is_seen_from_outside(house: House) -> None:
    """`ps` shows the command lines of all to all; the environment only to the user, and it holds none either."""
    for pid in house.pids:
        seen = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert [secret for secret in house.passwords.values() if secret.encode() in seen] == []
        assert stat.S_IMODE(Path(f"/proc/{pid}/environ").stat().st_mode) == 0o400


@pytest.mark.parametrize("words", [["config", "show"], ["status"], ["doctor"], ["verify"], ["kpi", "list"]])
def test_no_command_prints_a_password_unasked(house: House, words: list[str]) -> None:
    """Only `bi` does, and only that of the reader."""
    done = house.command(*words)
    assert [secret for secret in house.passwords.values() if secret in done.stdout + done.stderr] == []
    assert house.passwords["admin"] not in house.out("bi")


def test_where_secrets_lie_nobody_else_may_look(house: House) -> None:
    """Though `run` was started with umask 0: folders 0700, files with secrets 0600."""
    folder = house.data / "mongo"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "db")} == {0o700}
    secret = [folder / name for name in ("passwords.json", "keyfile", "server.json")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_no_other_user_reads_what_is_of_people(house: House) -> None:
    """Archive, quarantine, logs: their folders are 0700, and nothing that MultiMarket makes is open to others."""
    house.until(lambda: any((house.data / "archive").rglob("*.json")))
    private = [house.data / "archive" / "site_web", house.data / "quarantine" / "site_web", house.data / "logs"]
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in private} == dict.fromkeys(private, 0o700)
    made = [path for path in house.data.rglob("*") if "sources" not in path.parts and path.suffix != ".json"]
    assert [path for path in made if path.lstat().st_mode & 0o007 and not path.is_symlink()] == []


def uris(port: int) -> dict[str, str]:
    """URIs with a password, good and bad."""
    return {
        "refused": f"mongodb://user:{SECRET}@127.0.0.1:{port}/?authSource=admin&directConnection=true",
        "away": f"mongodb://user:{SECRET}@127.0.0.1:1/",
        "unescaped @": f"mongodb://user:a@{SECRET}@127.0.0.1:1/",
        "unescaped /": f"mongodb://user:a/{SECRET}@127.0.0.1:1/",
        "unescaped :": f"mongodb://user:a:{SECRET}@127.0.0.1:1/",
        "no port": f"mongodb://user:{SECRET}@127.0.0.1:port/",
        "no scheme": f"user:{SECRET}@127.0.0.1:1",
        "broken brackets": f"mongodb://user:{SECRET}@[::1:1/",
        "among the options": f"mongodb://127.0.0.1:1/?tls=true&tlsCertificateKeyFilePassword={SECRET}",
        "srv": f"mongodb+srv://user:{SECRET}@127.0.0.1/",
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", uris(0))
def test_a_password_in_the_uri_is_in_no_output(house: House, kind: str) -> None:
    """Neither shown, nor in a message, whatever is wrong with the URI or the server."""
    uri = uris(house.server["port"])[kind]
    for words in (["config", "show"], ["config", "show", "--format", "json"], ["status"]):
        done = house.command(*words, MONGO_URI=uri)
        assert SECRET not in done.stdout + done.stderr
        assert done.stdout + done.stderr


def test_a_password_in_the_uri_is_in_no_log_and_no_command_line(tmp_path: Path) -> None:
    """Given in the environment; MongoDB is away, and the log says so."""
    (tmp_path / "data/sources/site_web").mkdir(parents=True)
    (tmp_path / "data/sources/site_web/1.json").write_bytes(order("1"))
    environ = {**os.environ, "MULTIMARKET_MONGO_URI": uris(0)["away"]}
    command = [*COMMAND, "run", "--no-produce", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "out").open("wb") as out:
        run = subprocess.Popen(command, stdout=out, stderr=out, env=environ)
    try:
        until(lambda: b"collection.interrupted" in (tmp_path / "out").read_bytes(), tmp_path / "out")
        seen = Path(f"/proc/{run.pid}/cmdline").read_bytes()
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(timeout=300)
    seen += (tmp_path / "out").read_bytes() + (tmp_path / "data/logs/multimarket.jsonl").read_bytes()
    assert SECRET.encode() not in seen


def until(true: Callable[[], bool], log: Path | None = None) -> None:
    """Wait for it; what the log said meanwhile, if it never comes."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, log and log.read_text()
        time.sleep(0.05)


def test_a_flag_is_seen_by_all_so_the_documents_recommend_the_environment(tmp_path: Path) -> None:
    """The kernel shows the arguments of a process to everybody: nothing of ours can hide a password given there."""
    command = [*COMMAND, "collect", "--data-dir", str(tmp_path), "--mongo-uri", uris(0)["away"]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: b"collect" in Path(f"/proc/{process.pid}/cmdline").read_bytes())
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()
    assert SECRET.encode() in shown
    page = (Path(__file__).parent.parent / "multimarket_async/docs/operation.md").read_text("utf-8")
    advice = next(line for line in page.splitlines() if "`MULTIMARKET_MONGO_URI`" in line)
    assert "password" in advice


def test_a_traceback_holds_no_password(house: House) -> None:
    """A mistake of ours ends the process: the traceback has the lines of the code and none of the values."""
    planted = (
        "import multimarket_async.store.connecting as at, multimarket_async.cli as cli;"
        "at.CLIENTS = dict.fromkeys(at.CLIENTS, 1 / 1); cli.main()"
    )
    environ = {**os.environ, "MULTIMARKET_MONGO_URI": uris(0)["away"]}
    command = [sys.executable, "-c", planted, "kpi", "refresh", "--data-dir", str(house.data)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" in done.stderr
    assert "TypeError: 'float' object is not callable" in done.stderr
    assert SECRET not in done.stdout + done.stderr


# --- Text from orders -------------------------------------------------------------------------


def test_a_formula_is_no_formula_in_csv(house: House) -> None:
    """Whatever separates cells, each begins with what no spreadsheet runs; and no name has lost a letter."""
    products = [row["product"] for row in csv.DictReader(io.StringIO(raw_csv(house), newline=""))]
    assert len(products) == len(NAMES)
    cells = [cell for product in products for cell in re.split(r"[,;|\t\r\n]", product)]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    kept = [place for place, name in enumerate(NAMES) if not re.search(r"[\x00\x08\x1b\x9b]", name)]
    assert [products[place].replace("'", "") for place in kept] == [NAMES[place] for place in kept]


def test_an_escape_sequence_in_csv_is_not_cut_in_silence(house: House) -> None:
    """As delivered, or made visible; but never gone."""
    assert "[2J" in raw_csv(house)


def test_csv_on_a_terminal_moves_no_cursor(house: House) -> None:
    """A user looks at it before sending it to a file."""
    said = on_terminal([*COMMAND, "kpi", "show", "top_products", "--format", "csv", "--data-dir", str(house.data)])
    assert [sequence for sequence in (CLEAR, "\x1b]0;", "\x9b", "\b") if sequence in said] == []


def raw_csv(house: House) -> str:
    """As a file gets it: a text stream would translate the line ends within names."""
    command = [*COMMAND, "kpi", "show", "top_products", "--format", "csv", "--data-dir", str(house.data)]
    return subprocess.run(command, capture_output=True, timeout=300, check=True).stdout.decode()


LOOKS = [
    ["kpi", "show", "top_products"],
    ["kpi", "show", "top_products", "--format", "json"],
    ["quarantine", "list"],
    ["quarantine", "list", "--format", "json"],
    ["quarantine", "show", HOSTILE_FILE],
    ["quarantine", "show", HOSTILE_FILE, "--format", "json"],
    ["quarantine", "show", "key.json"],
    ["quarantine", "show", "raw.json"],
    ["quarantine", "show", "key.json", "--format", "json"],
    ["status"],
    ["verify"],
]


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: " ".join(words).encode("unicode_escape").decode())
def test_text_from_orders_moves_no_cursor(house: House, words: list[str]) -> None:
    """Whatever a command prints is letters and line ends; and no line of it was made by an order."""
    said = house.out(*words)
    assert {char for char in said if not char.isprintable()} <= {"\n"}
    assert '{"event": "forged"}' not in said.splitlines()


def test_text_from_orders_is_no_markup(house: House) -> None:
    """Shown with its brackets, where a table would take them for colours and links."""
    assert NAMES[7] in house.out("kpi", "show", "top_products").replace("\n", "")
    assert "[red]evil" in house.out("quarantine", "list")


@pytest.mark.parametrize("words", [LOOKS[0], LOOKS[2], LOOKS[4], LOOKS[7]], ids=["kpi", "list", "show", "raw"])
def test_on_a_terminal_colours_are_ours_alone(house: House, words: list[str]) -> None:
    """A real terminal gets styles from us, and neither a cleared screen nor a title nor a link from an order."""
    said = on_terminal([*COMMAND, *words, "--data-dir", str(house.data)])
    assert said
    for sequence in (CLEAR, "\x1b]0;", "\x1b]8;", "\x9b", "\x07", "\b", "\u202e", "\x00"):
        assert sequence not in said


def on_terminal(command: list[str]) -> str:
    """Output of a command on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the last one who could write has ended
                break
        assert process.wait(timeout=300) == 0, said
    os.close(ours)
    return said.decode()


def test_text_from_orders_forges_no_log_line(house: House) -> None:
    """Each line is one JSON object, of ours; escape sequences are escaped."""
    for text in (house.log.read_text(), (house.data / "logs" / "multimarket.jsonl").read_text()):
        events = [json.loads(line)["event"] for line in text.splitlines()]
        assert events.count("file.quarantined") == 3
        assert "forged" not in events
        assert text.isascii()
        assert "\x1b" not in text


def test_text_from_orders_moves_no_cursor_in_the_log_for_people(tmp_path: Path) -> None:
    """--log-format console: the names of files and of keys are made visible, one line a file."""
    folder = tmp_path / "data/sources/site_web"
    folder.mkdir(parents=True)
    (folder / HOSTILE_FILE).write_bytes(
        order("1").replace(b'"ville"', json.dumps(CLEAR + FORGED).encode() + b': NaN, "ville"')
    )
    words = ["collect", "--until-empty", "--log-format", "console", "--data-dir", str(tmp_path / "data")]
    environ = {**os.environ, "MULTIMARKET_QUIET_PERIOD_S": "0", "MULTIMARKET_MONGO_URI": "mongodb://127.0.0.1:1/"}
    done = subprocess.run([*COMMAND, *words], env=environ, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.count("file.quarantined") == 1
    assert {char for char in done.stdout if not char.isprintable()} <= {"\n"}
    assert '{"event": "forged"}' not in done.stdout.splitlines()
