"""top as a process: on a terminal, in a pipe, and beside a `run`."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymongo
import pytest

pytestmark = pytest.mark.slow

DATABASE = "test_cli_top"
COLOUR = re.compile(r"\x1b\[[\d;]*3[1-7]m")


@dataclass
class Shop:
    folder: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "multimarket_async", *arguments]

    def out(self, *arguments: str) -> str:
        return subprocess.check_output(self.command(*arguments), cwd=self.folder, env=self.environment, text=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mongo_uri: str) -> Iterator[Shop]:
    """Two orders of each channel, and a bad file; nothing runs beside."""
    settings = {"MONGO_URI": mongo_uri, "MONGO_DATABASE": DATABASE, "QUIET_PERIOD_S": "0"}
    given = {f"MULTIMARKET_{name}": value for name, value in settings.items()}
    shop = Shop(tmp_path_factory.mktemp("top"), {**os.environ, **given, "TERM": "xterm-256color", "COLUMNS": "100"})
    shop.out("produce", "--orders-per-channel", "2")
    (shop.folder / "data/sources/site_web/bad.json").write_bytes(b"[]")
    shop.out("collect", "--until-empty")
    yield shop
    with pymongo.MongoClient(mongo_uri) as client:
        client.drop_database(DATABASE)


@pytest.fixture
def terminal(shop: Shop) -> Iterator["Terminal"]:
    """top on a terminal of its own."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        shop.command("top", "--every", "0.1"),
        cwd=shop.folder,
        env=shop.environment,
        stdout=secondary,
        stderr=secondary,
        stdin=secondary,
    )
    os.close(secondary)
    try:
        yield Terminal(process, primary)
    finally:
        process.kill()
        process.wait()
        os.close(primary)


@dataclass
class Terminal:
    process: "subprocess.Popen[bytes]"
    screen: int
    text: str = ""

    def until(self, pattern: str, times: int = 1) -> str:
        """The drawing, once this pattern is there so many times."""
        while len(re.findall(pattern, self.text)) < times and self._more():
            pass
        assert len(re.findall(pattern, self.text)) >= times, self.text
        return self.text

    def _more(self) -> bool:
        ready, _, _ = select.select([self.screen], [], [], 40)
        try:
            drawn = os.read(self.screen, 65536) if ready else b""
        except OSError:  # the other end is closed
            drawn = b""
        self.text += drawn.decode("utf-8", "replace")
        return bool(drawn)


def test_on_a_terminal_it_draws_again_and_again_until_it_is_stopped(terminal: Terminal) -> None:
    """Ctrl-C: the last picture stays, exit code 0."""
    drawn = terminal.until("site_web", times=3)
    assert re.search(r"site_web +(-|0) +0 +- +2 +0 +", drawn)
    assert COLOUR.search(drawn), "one file is in quarantine"
    terminal.process.send_signal(signal.SIGINT)
    terminal.until(r"\x1b\[\?25h")  # the cursor is shown again
    assert terminal.process.wait(30) == 0
    assert "Traceback" not in terminal.text


def test_no_color_is_respected(shop: Shop) -> None:
    """It still draws, without colours."""
    primary, secondary = pty.openpty()
    environment = {**shop.environment, "NO_COLOR": "1"}
    done = subprocess.run(shop.command("top", "--once"), cwd=shop.folder, env=environment, stdout=secondary, check=True)
    os.close(secondary)
    text = os.read(primary, 65536).decode()
    os.close(primary)
    assert done.returncode == 0
    assert "site_web" in text
    assert not COLOUR.search(text)


def test_in_a_pipe_it_is_lines(shop: Shop) -> None:
    """A heading, a line a channel, nothing for a terminal to obey."""
    head, *lines = shop.out("top", "--once").splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["site_web", "-", "0"],
        ["application_mobile", "-", "0"],
        ["boutique_physique", "-", "0"],
    ]
    assert {len(head.split())} == {len(line.split()) for line in lines}
    assert "\x1b" not in "".join(lines)


def test_a_closed_pipe_ends_it(shop: Shop) -> None:
    """`top | head -1` is no error."""
    command = shop.command("top", "--every", "0.1")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=shop.folder, env=shop.environment, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith("time")
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert process.wait(40) in (1, 3)


def test_a_log_line_goes_above_the_progress_bar(tmp_path: Path) -> None:
    """On a terminal of both outputs: what the bar has drawn on the line is erased first."""
    primary, secondary = pty.openpty()
    line = [sys.executable, "-m", "multimarket_async", "produce", "--orders", "30", "--data-dir", str(tmp_path)]
    drawn = b""
    with subprocess.Popen(line, stdout=secondary, stderr=secondary, env={**os.environ, "TERM": "xterm"}):
        os.close(secondary)
        with contextlib.suppress(OSError):  # Linux says so at the end
            while more := os.read(primary, 1 << 16):
                drawn += more
    os.close(primary)
    before = [text.rpartition(b"files")[2] for text in drawn.split(b"burst.delivered")[:-1]]
    assert before
    assert all(b"\x1b[2K" in text for text in before)
