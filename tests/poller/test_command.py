"""poll on the command line, and in `run`: with a domain that polls, in processes of their own."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.poller.domain import KEY, environment
from tests.poller.source import Asked, Reply, Source

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "multimarket_async"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def by_path(**replies: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: replies[asked.path.partition("?")[0].strip("/")]


STATIONS, WEATHER = Reply(b'[{"_id": "1"}, {"_id": "2"}]'), Reply(b'[{"_id": "now"}]')


@pytest.fixture
def run(tmp_path: Path, source: Source) -> Run:
    """A command to its end."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        line = [*COMMAND, *words, "--data-dir", str(tmp_path / "data")]
        env = environment(tmp_path, source.url)
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120, env=env)

    return run


def test_poll_once_says_what_became_of_each_source(run: Run, source: Source, tmp_path: Path) -> None:
    """Exit code 0 if all have answered, 3 if one has not; the key is in no file and in no output."""
    source.answers(by_path(stations=STATIONS, weather=WEATHER))
    done = run("poll", "--once")
    assert (done.returncode, done.stdout) == (
        0,
        "stations: answered, files landed: 1\nweather: answered, files landed: 1\n",
    )
    source.answers(by_path(stations=STATIONS, weather=Reply(KEY.encode(), status=400)))
    again = run("poll", "--once", "--domain", "stations")
    assert (again.returncode, again.stdout) == (
        3,
        "stations: unchanged\nweather: failed: 127.0.0.1 answers 400 Bad Request\n",
    )
    assert all(path.endswith(f"?key={KEY}") for path in source.paths)
    left = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    settings = run("config", "show")
    for text in (left.decode(), *vars(done).values(), *vars(again).values(), settings.stdout):
        assert KEY not in str(text)
    assert "stations.api_key" in settings.stdout


def test_wrong_use_of_poll(run: Run) -> None:
    """A domain that is not there, and one that polls nothing."""
    unknown = run("poll", "--once", "--domain", "shops")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert unknown.stderr.startswith("error: There is no domain shops; there are bikes, ")
    nothing = run("poll", "--domain", "orders")
    assert (nothing.returncode, nothing.stderr) == (2, "error: No feed polls an API.\n")


def test_answers_are_collected_and_an_outage_disturbs_nothing(
    mongo_uri: str, database: Any, source: Source, tmp_path: Path
) -> None:
    """`run` polls both feeds: one source answers, the other one fails; `status` shows it."""
    source.answers(by_path(stations=STATIONS, weather=Reply(status=404)))
    env = environment(tmp_path, source.url) | {"MULTIMARKET_MONGO_URI": mongo_uri}
    flags = ["--data-dir", str(tmp_path / "data")]
    env["MULTIMARKET_MONGO_DATABASE"] = database.name
    line = [*COMMAND, "run", "--no-produce", "--no-http", *flags]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        try:
            until(lambda: database["stations"].count_documents({}) == 2 and len(set(source.paths)) == 2)
        finally:
            process.send_signal(signal.SIGTERM)
        log = process.stdout.read() if process.stdout else ""
    events = [json.loads(entry) for entry in log.splitlines()]
    assert process.returncode == 0, log
    [started] = [event for event in events if event["event"] == "run.started"]
    assert {"poller.stations", "poller.weather"} <= set(started["tasks"])
    [failed] = [event for event in events if event["event"] == "poll.failed"]
    assert (failed["feed"], failed["why"]) == ("weather", "127.0.0.1 answers 404 Not Found")
    words = [*COMMAND, "status", "--format", "json", *flags]
    shown = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60, env=env).stdout)
    stations, weather = shown["polls"]
    assert (stations["feed"], stations["state"], stations["why"]) == ("stations", "ok", "")
    assert (weather["feed"], weather["state"], weather["why"]) == ("weather", "failing", failed["why"])


def until(done: Callable[[], bool]) -> None:
    """Wait for it; a busy machine is no failure."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
