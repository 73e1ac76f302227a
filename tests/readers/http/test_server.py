"""The server in the event loop: where it listens, how it ends, and that nothing of it stops the collector."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from multimarket_async.readers.http import connections, server, stream
from multimarket_async.readers.http.address import announced, http_address
from multimarket_async.readers.http.api import Api
from multimarket_async.settings import Settings

COMMAND = [sys.executable, "-m", "multimarket_async"]


@asynccontextmanager
async def served(shop: Any) -> AsyncIterator[str]:
    """The address of a real server on this shop, which is stopped at the end."""
    with server.bound("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve(shop.sources, Api(shop.sources), listener))
        try:
            yield server.url(listener).rstrip("/")
        finally:
            shop.sources.stop.set()
            await task


async def lines(answer: httpx.Response, most: int) -> list[str]:
    found = []
    async for line in answer.aiter_lines():
        if line:
            found.append(line)
        if len(found) == most:
            break
    return found


async def collected(url: str, last: str, started: asyncio.Event) -> list[tuple[str, dict[str, Any]]]:
    """The names and facts of the events up to the first one of this name, or to the end of the stream."""
    events: list[tuple[str, dict[str, Any]]] = []
    async with httpx.AsyncClient() as client, client.stream("GET", f"{url}/api/events") as answer:
        name = ""
        async for line in answer.aiter_lines():
            started.set()
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
                if name == last:
                    break
    return events


async def test_an_event_has_a_name_and_facts(shop: Any) -> None:
    """In the order in which things happened."""
    async with served(shop) as url:
        started = asyncio.Event()
        task = asyncio.create_task(collected(url, "generation.published", started))
        await started.wait()
        await shop.sources.feeds[0][1].deliver("bad.json", b'{"a" 1}')
        await shop.deliver(1, first=20)
        await shop.work()
        (first, bad), *batches, (_, generation) = await task
    assert first == "file.quarantined"
    assert (bad["feed"], bad["file"], bad["line"], bad["column"]) == ("site_web", "bad.json", 1, 6)
    assert {name for name, _ in batches} == {"batch.collected"}
    assert [sum(batch[name] for _, batch in batches) for name in ("stored", "quarantined")] == [3, 1]
    assert {"stored": 1} in [batch["files"].get("boutique_physique") for _, batch in batches]  # others may be in it
    assert (generation["generation"], generation["orders"]) == (2, 63)


async def test_a_listener_does_not_hold_up_the_end(shop: Any) -> None:
    """Streams end by themselves when the process stops."""
    async with served(shop) as url:
        started = asyncio.Event()
        task = asyncio.create_task(collected(url, "run.ended", started))
        await started.wait()
    assert await task == []


async def test_so_many_listen_and_no_more(shop: Any, monkeypatch: Any) -> None:
    """A client that disconnects makes room."""
    monkeypatch.setattr(stream, "MAX_CLIENTS", 1)
    async with served(shop) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", f"{url}/api/events") as answer:
            await lines(answer, 1)
            refused = await client.get(f"{url}/api/events")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        for _ in range(100):
            async with client.stream("GET", f"{url}/api/events") as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.05)
        assert answer.status_code == 200


async def test_the_head_of_a_stream_ends(shop: Any) -> None:
    """Nothing follows it, and the connection is of use again."""
    async with served(shop) as url, httpx.AsyncClient() as client:
        for _ in range(2):
            answer = await client.head(f"{url}/api/events")
            assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_quiet_stream_beats(shop: Any, monkeypatch: Any) -> None:
    """So that a dead connection is noticed."""
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    async with served(shop) as url, httpx.AsyncClient() as client, client.stream("GET", f"{url}/api/events") as answer:
        assert await lines(answer, 3) == ["retry: 2000", ": ping", ": ping"]


async def closes(reader: asyncio.StreamReader) -> bytes:
    """Bytes that come until the connection is closed."""
    try:
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nHost: local", b"GET /livez HT"])
async def test_half_a_request_is_not_waited_for_long(shop: Any, monkeypatch: Any, sent: bytes) -> None:
    """Neither as the first one, nor after another one."""
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.2)
    whole = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served(shop) as url:
        for before in (b"", whole):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(before + sent)
            assert (b"200 OK" in await closes(reader)) == bool(before)
            writer.close()


async def test_a_body_that_comes_slowly_is_not_waited_for(shop: Any, monkeypatch: Any) -> None:
    """It was refused, whatever is still sent."""
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.2)
    async with served(shop) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        closing = asyncio.create_task(closes(reader))
        while not closing.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        assert b"413" in closing.result()
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [b"\0\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: x\r\n\r\n"],
)
async def test_no_client_fills_the_log(shop: Any, caplog: pytest.LogCaptureFixture, sent: bytes) -> None:
    """With requests that are none, or ask for another protocol: a line for each would drive out the earlier ones."""
    async with served(shop) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(sent)
        assert (await closes(reader)).startswith(b"HTTP/1.1 ")
        writer.close()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_who_asks_is_served_however_many_only_connect(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    async with served(shop) as url:
        port = int(url.rpartition(":")[2])
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/readyz")).status_code == 200
        assert [await closes(reader) for reader, _ in silent[:5]] == [b""] * 5
        for _, writer in silent:
            writer.close()


async def test_where_all_are_being_answered_nobody_else_is_connected(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 1)
    async with served(shop) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", f"{url}/api/events") as answer:
            await lines(answer, 1)
            with pytest.raises(httpx.TransportError):
                await client.get(f"{url}/livez")
        assert answer.status_code == 200


def test_most_descriptors_are_for_collecting(monkeypatch: Any) -> None:
    monkeypatch.setattr(server, "limit", lambda: 64)
    assert server.most_connections() == 16


def test_the_next_free_port(shop_port: int) -> None:
    """The next free port is used if the wanted one is taken."""
    with server.bound("127.0.0.1", shop_port) as listener:
        assert listener.getsockname()[1] > shop_port


@pytest.fixture
def shop_port() -> Iterator[int]:
    """A port that is taken."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        yield taken.getsockname()[1]


def test_an_address_that_is_not_ours() -> None:
    """Is an error, at once."""
    with pytest.raises(OSError, match="assign"):
        server.bound("192.0.2.1", 8000)


# --- A real run -------------------------------------------------------------------------------


@dataclass
class Run:
    """A `run` process, and what it logged."""

    data: Path
    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry["event"] == name]

    def until(self, true: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 60
        while not (found := true()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return found

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start `run` with these settings."""
    started = []

    def start(*words: str, stage: str = "run", **settings: Any) -> Run:
        environ = {**os.environ, **{f"MULTIMARKET_{name.upper()}": str(value) for name, value in settings.items()}}
        log = tmp_path / f"{stage}.log"
        with log.open("wb") as out:
            command = [*COMMAND, stage, *words, "--data-dir", str(tmp_path / "data")]
            started.append(subprocess.Popen(command, stdout=out, stderr=out, env=environ))
        return Run(tmp_path / "data", started[-1], log)

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_address_of_the_page_is_on_a_line_of_its_own_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, where log lines scroll away; elsewhere the log is enough."""
    shown = {}
    for terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal, raising=False)
        monkeypatch.setattr(sys, "stderr", stream)
        with announced(Settings(data_dir=tmp_path), "http://127.0.0.1:8000/"):
            shown[terminal] = stream.getvalue()
    lines = [line for line in shown[True].splitlines() if not line.lstrip().startswith("{")]
    assert [line for line in lines if line] == ["The page is at http://127.0.0.1:8000/"]
    assert "The page is at" not in shown[False]


@pytest.mark.slow
def test_a_run_serves_and_ends_with_its_listeners(run: Callable[..., Run], shop_port: int) -> None:
    """On the next free port, which it tells and leaves in a file; numbers move as orders come; SIGTERM ends all."""
    one = run(http_port=shop_port, pause_min_s=0.1, pause_max_s=0.2, snapshot_every_s=0.5)
    url = one.until(lambda: one.events("http.listening"))[0]["url"]
    assert not url.endswith(f":{shop_port}/")
    assert json.loads((one.data / "logs/http.json").read_text())["url"] == url
    with httpx.Client(base_url=url) as client, client.stream("GET", "api/events") as events:
        one.until(lambda: client.get("api/kpis").json()["generation"])
        stored = [feed["stored"] for feed in client.get("api/status").json()["feeds"]]
        one.until(lambda: [feed["stored"] for feed in client.get("api/status").json()["feeds"]] > stored)
        assert client.get("readyz").status_code == 200
        assert one.end() == 0
        assert any("event: batch.collected" in line for line in events.iter_lines())
    assert one.events("run.ended")
    assert not one.events("shutdown.timed_out")
    assert not (one.data / "logs/http.json").exists()


@pytest.mark.slow
def test_each_stage_alone(run: Callable[..., Run]) -> None:
    """`collect`, `measure` and `serve` side by side: the page's numbers come from the database and the folders."""
    stages = [run(stage="collect"), run(stage="measure", snapshot_every_s=0.2)]
    stages[0].until(lambda: stages[0].events("mongod.started"))
    serving = run(stage="serve", http_port=0)
    url = serving.until(lambda: serving.events("http.listening"))[0]["url"]
    subprocess.run(
        [*COMMAND, "produce", "--orders-per-channel", "5", "--data-dir", str(serving.data)], check=True, timeout=60
    )
    with httpx.Client(base_url=url) as client:
        serving.until(lambda: client.get("api/status").json()["conservation"]["sum"]["stored"] == 15)
        serving.until(lambda: sum(row["orders"] for row in _months(client)) == 15)
    assert [stage.end() for stage in (*stages, serving)] == [0, 0, 0]


def _months(client: httpx.Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get("api/kpis/revenue_by_month_and_channel").json().get("rows", [])
    return rows


@pytest.mark.slow
def test_serve_alone_fails_where_it_cannot_listen(run: Callable[..., Run]) -> None:
    """With exit code 3, in a sentence."""
    collecting = run(stage="collect")
    collecting.until(lambda: collecting.events("mongod.started"))
    serving = run(stage="serve", http_host="192.0.2.1", http_token="x" * 16)
    assert serving.process.wait(60) == 3
    assert "Cannot assign requested address" in serving.log.read_text()
    assert "Traceback" not in serving.log.read_text()


def test_the_address_is_that_of_a_living_server(tmp_path: Path) -> None:
    """A killed `run` leaves its file behind: then it is the address that the next one would have."""
    settings = Settings(data_dir=tmp_path, http_port=8123)
    assert http_address(settings) == "http://127.0.0.1:8123"
    with announced(settings, "http://127.0.0.1:9000/"):
        assert http_address(settings) == "http://127.0.0.1:9000"
        file = tmp_path / "logs" / "http.json"
        dead = subprocess.Popen(["true"])
        dead.wait()
        for content in ({"url": "http://127.0.0.1:9001/", "pid": dead.pid}, {"url": "http://127.0.0.1:9001/"}, []):
            file.write_text(json.dumps(content))
            assert http_address(settings) == "http://127.0.0.1:8123"
    assert json.loads(file.read_text()) == []  # another process wrote it meanwhile: it is not ours to remove


@pytest.mark.slow
def test_a_server_that_cannot_be_stops_nobody(run: Callable[..., Run]) -> None:
    """An address that is not this machine's: said once, and orders are collected."""
    one = run(http_host="192.0.2.1", http_token="x" * 16, pause_min_s=0.1, pause_max_s=0.2)
    [failed] = one.until(lambda: [event for event in one.events("task.failed") if event["task"] == "http"])
    assert "Cannot assign" in failed["why"]
    assert "exception" not in failed
    one.until(lambda: len(one.events("batch.collected")) > 2)
    assert one.end() == 0


@pytest.mark.slow
def test_a_run_without_http(run: Callable[..., Run]) -> None:
    """Loads none of it."""
    one = run("--no-http", pause_min_s=0.1, pause_max_s=0.2)
    one.until(lambda: one.events("batch.collected"))
    assert not one.events("http.listening")
    assert one.end() == 0


def test_other_commands_do_not_load_the_server() -> None:
    """It takes as long to load as all the rest."""
    code = "import sys, multimarket_async.cli; print([m for m in sys.modules if m in ('fastapi', 'uvicorn', 'duckdb')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_server_does_not_load_what_writes_parquet() -> None:
    """13 MB, and few ask for such a file."""
    code = "import sys, multimarket_async.readers.http.server; print('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
async def test_the_api_is_as_its_openapi_document_says(shop: Any, tmp_path: Path) -> None:
    """Schemathesis, with some examples an operation: good ones are accepted, bad ones refused, all as declared."""
    kept = "^/(api/(kpis|kpis/cancellation_rate_by_channel.*|orders|status|quarantine)|livez|readyz|metrics)$"
    async with served(shop) as url:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json", "--no-color"),
            *("--include-path-regex", kept, "--phases", "fuzzing", "--max-examples", "10", "--seed", "1"),
        ]
        child = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
