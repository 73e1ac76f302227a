"""Polls against a real server: what lands, what does not, and what is remembered."""

import asyncio
import errno
import gzip
import json
import os
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina
from structlog.testing import capture_logs

from multimarket_async.domains import Answer, Http
from multimarket_async.polling import Refused
from tests.poller.conftest import EVERY_S, START, Bench
from tests.poller.source import Reply, Source

ONE, TWO = Reply(b'{"t": 1}'), Reply(b'{"t": 2}')


async def test_an_answer_lands_under_the_time_of_its_poll(bench: Bench) -> None:
    bench.source.answers(ONE)
    outcome = await bench.once(bench.whole())
    assert (outcome.how, outcome.files) == ("answered", 1)
    assert bench.landed() == {"20260302T120000.000Z_answer.json": ONE.body}
    assert (bench.state.answered_at, bench.state.changed_at) == (START, START)
    assert bench.hidden() == []


async def test_the_same_bytes_land_once_and_again_when_they_differ(bench: Bench) -> None:
    bench.source.answers(ONE, ONE, TWO, ONE)
    hows = []
    for _ in range(4):
        bench.time.seconds += 1
        hows.append((await bench.once(bench.whole())).how)
    assert hows == ["answered", "unchanged", "answered", "answered"]
    assert bench.contents() == [ONE.body, TWO.body, ONE.body]
    assert bench.state.changed_at == START + timedelta(seconds=4)


async def test_a_changed_page_lands_without_the_others(bench: Bench) -> None:
    bench.source.answers(ONE, ONE, ONE, TWO)
    await bench.once(bench.pages(2))
    bench.time.seconds += 1
    assert (await bench.once(bench.pages(2))).files == 1
    assert sorted(bench.landed()) == [
        "20260302T120000.000Z_page0.json",
        "20260302T120000.000Z_page1.json",
        "20260302T120001.000Z_page1.json",
    ]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"ETag": '"7"'}, {"If-None-Match": '"7"'}),
        ({"Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT"}, {"If-Modified-Since": "Mon, 02 Mar 2026 10:00:00 GMT"}),
    ],
)
async def test_a_source_says_that_nothing_has_changed(bench: Bench, given: dict[str, str], asked: Any) -> None:
    """Across restarts, and as often as it says so."""
    bench.source.answers(Reply(headers=given), Reply(b"", 304))
    hows = [(await bench.once(bench.whole())).how for _ in range(3)]
    assert hows == ["answered", "unchanged", "unchanged"]
    assert not asked.items() <= bench.source.asked[0].headers.items()
    assert all(asked.items() <= request.headers.items() for request in bench.source.asked[1:])


async def test_validators_are_those_of_what_has_landed(bench: Bench) -> None:
    """A poll that fails in its second page asks for the first one again, without condition."""
    bench.source.answers(Reply(headers={"ETag": '"1"'}), Reply(status=404), Reply(headers={"ETag": '"1"'}), ONE)

    async def fetch(http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        for page in "ab":
            yield Answer(page, await http.get_if_changed(f"{bench.source.url}/{page}") or b"")

    assert (await bench.once(fetch)).how == "failed"
    assert bench.landed() == {}
    assert (await bench.once(fetch)).files == 2
    assert "If-None-Match" not in bench.source.asked[2].headers


async def test_a_lost_state_lands_everything_again(bench: Bench) -> None:
    bench.source.answers(ONE)
    await bench.once(bench.whole())
    (bench.folder / "polls" / "weather.json").write_text("{half")
    bench.time.seconds += 1
    assert (await bench.once(bench.whole())).files == 1
    assert bench.contents() == [ONE.body, ONE.body]


async def test_a_feed_keeps_what_it_saves_when_its_answers_have_landed(bench: Bench) -> None:
    async def fetch(http: Http, at: datetime, saved: dict[str, Any]) -> AsyncIterator[Answer]:
        since = saved.get("until", 0)
        saved["until"] = since + 1
        yield Answer("answer", await http.get(bench.source.url, params={"since": since, "at": f"{at:%Y}"}))

    bench.source.answers(ONE, Reply(status=400), TWO)
    for _ in range(3):
        await bench.once(fetch)
    assert bench.source.paths == ["/?since=0&at=2026", "/?since=1&at=2026", "/?since=1&at=2026"]
    assert bench.state.saved == {"until": 2}


# --- Faults -----------------------------------------------------------------------------------


async def test_what_may_pass_is_asked_again(bench: Bench) -> None:
    """Twice an error of the server, half a body, then the answer."""
    bench.source.answers(Reply(status=500), Reply(status=503), Reply(b'{"t"', claimed=8), ONE)
    assert (await bench.once(bench.whole())).how == "answered"
    assert (len(bench.source.asked), bench.contents()) == (4, [ONE.body])


@pytest.mark.parametrize(
    ("reply", "tries", "why"),
    [
        (Reply(status=404), 1, "127.0.0.1 answers 404 Not Found"),
        (Reply(status=503), 5, "127.0.0.1 answers 503 Service Unavailable"),
        (Reply(status=204), 1, "127.0.0.1 answers 204 No Content"),
        (Reply(status=304), 1, "127.0.0.1 answers 304 Not Modified"),
        (Reply(b'{"t": '), 1, "127.0.0.1 answers with what is no JSON: EOF while parsing a value at line 1 column 6"),
        (
            Reply(b"<html>Back soon</html>", headers={"Content-Type": "text/html; charset=utf-8"}),
            1,
            "127.0.0.1 answers with an HTML page instead of application/json",
        ),
        (Reply(b"1" * 1001), 1, "127.0.0.1: the answer has more than 1000 bytes (max_file_bytes)"),
        (
            Reply(gzip.compress(b"1" * 10**6), headers={"Content-Encoding": "gzip"}),
            1,
            "127.0.0.1: the answer has more than 1000 bytes (max_file_bytes)",
        ),
        (
            Reply(status=302, headers={"Location": "http://localhost:1/"}),
            1,
            "127.0.0.1 redirects to http://localhost, which is not followed",
        ),
        (Reply(status=302, headers={"Location": "/"}), 6, "127.0.0.1 redirects more than 5 times"),
        (
            Reply(b'{"t"', claimed=8),
            5,
            (
                "127.0.0.1: peer closed connection without sending complete message body"
                " (received 4 bytes, expected 8) (RemoteProtocolError)"
            ),
        ),
    ],
)
async def test_a_fault_is_a_reason(bench: Bench, reply: Reply, tries: int, why: str) -> None:
    bench.source.answers(reply)
    outcome = await bench.once(bench.whole())
    assert (outcome.how, outcome.why) == ("failed", why)
    assert len(bench.source.asked) == tries
    assert (bench.landed(), bench.hidden(), bench.state.why) == ({}, [], why)


async def test_a_redirect_within_the_host_is_followed(bench: Bench) -> None:
    bench.source.answers(Reply(status=301, headers={"Location": "/there?page=1"}), ONE)
    assert (await bench.once(bench.whole("/here"))).how == "answered"
    assert bench.source.paths == ["/here", "/there?page=1"]


async def test_nothing_lands_of_a_poll_that_fails_in_the_middle(bench: Bench) -> None:
    bench.source.answers(ONE, ONE, Reply(status=404))
    assert (await bench.once(bench.pages(3))).how == "failed"
    assert (bench.landed(), bench.hidden(), bench.state.digests) == ({}, [], {})


async def test_a_source_that_hangs_ends_its_poll(bench: Bench) -> None:
    bench.source.answers(Reply(hangs=True))
    outcome = await bench.once(bench.whole(), poll_timeout_s=0.3)
    assert outcome.why == "it took longer than poll_timeout_s = 0.3 s"
    assert bench.hidden() == []


async def test_a_source_that_is_not_there(bench: Bench) -> None:
    bench.source.url = "http://127.0.0.1:1"
    outcome = await bench.once(bench.whole())
    assert outcome.why == "127.0.0.1: All connection attempts failed (ConnectError)"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "weather"])
async def test_only_http_is_polled(bench: Bench, url: str) -> None:
    bench.source.url = url
    assert (await bench.once(bench.whole())).why == "ValueError: only http:// and https:// can be polled"


async def test_a_server_says_when_to_ask_again(bench: Bench) -> None:
    """Longer than the first back-off would be, and within the poll."""
    bench.source.answers(Reply(status=429, headers={"Retry-After": "2"}), ONE)
    with stamina.set_testing(False):
        assert (await bench.once(bench.whole())).how == "answered"
    first, second = bench.source.asked
    assert second.at - first.at >= 2


@pytest.mark.parametrize(
    ("status", "headers", "next_s"),
    [
        (429, {"Retry-After": "200"}, 200),
        (503, {"Retry-After": "Mon, 02 Mar 2026 13:00:00 GMT"}, 3600),
        (429, {"X-RateLimit-Reset": "2026-03-02 18:00:00+00:00"}, 6 * 3600),
        (429, {"RateLimit-Reset": str(int(START.timestamp()) + 7200)}, 7200),
        (429, {"Retry-After": "9" * 400}, 86_400),
        (429, {"Retry-After": "Mon, 02 Mar 3026 13:00:00 GMT"}, 86_400),
    ],
)
async def test_a_server_that_wants_to_rest_is_asked_when_it_says(
    bench: Bench, status: int, headers: dict[str, str], next_s: float
) -> None:
    """A time beyond the poll's ends the poll and sets the next one."""
    bench.source.answers(Reply(status=status, headers=headers))
    outcome = await bench.once(bench.whole(), every_s=60)
    assert len(bench.source.asked) == 1
    assert outcome.next_at == bench.state.next_at == START + timedelta(seconds=next_s)


async def test_a_domain_describes_errors_of_its_api(bench: Bench) -> None:
    """In the body of an answer; it decides about those of HTTP too."""
    bench.source.answers(Reply(b'{"reset": 900}', status=403))

    async def fetch(http: Http, at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        try:
            yield Answer("answer", await http.get(bench.source.url))
        except Refused as refused:
            reset_s = json.loads(refused.content)["reset"] if refused.status == 403 else 0
            raise Refused("the quota is used up", until=at + timedelta(seconds=reset_s)) from None

    outcome = await bench.once(fetch)
    assert (outcome.why, outcome.next_at) == ("the quota is used up", START + timedelta(seconds=900))


async def test_two_answers_of_one_name_are_an_error(bench: Bench) -> None:
    async def fetch(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        for content in (b"1", b"2"):
            yield Answer("same", content)

    assert (await bench.once(fetch)).why == "ValueError: two answers of one poll are named 'same'"
    assert bench.landed() == {}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("paris.json", "paris.json"),
        ("../../etc/passwd", ".._.._etc_passwd-[0-9a-f]{8}.json"),
        (".hidden", ".hidden.json"),
        ("a/b", "a_b-[0-9a-f]{8}.json"),
        ("été\n", "_t_-[0-9a-f]{8}.json"),
        ("x" * 300, "x{120}-[0-9a-f]{8}.json"),
        ("", ".json"),
    ],
)
async def test_a_name_is_made_safe(bench: Bench, name: str, file: str) -> None:
    bench.source.answers(ONE)
    await bench.once(bench.whole(name=name))
    [landed] = bench.landed()
    assert re.fullmatch(re.escape("20260302T120000.000Z_") + file, landed)


# --- Outages ----------------------------------------------------------------------------------


async def test_an_outage_is_logged_once_and_its_end(bench: Bench) -> None:
    bench.source.answers(Reply(status=404), Reply(status=400), ONE)
    with capture_logs() as logs:
        for _ in range(3):
            bench.time.seconds += 60
            await bench.once(bench.whole())
    why = "127.0.0.1 answers 404 Not Found"
    assert logs == [
        {"event": "poll.failed", "log_level": "warning", "feed": "weather", "why": why},
        {"event": "poll.landed", "log_level": "info", "feed": "weather", "files": 1, "bytes": 8},
        {
            "event": "poll.resumed",
            "log_level": "info",
            "feed": "weather",
            "failures": 2,
            "failing_since": "2026-03-02 12:01:00+00:00",
        },
    ]
    assert (bench.state.failures, bench.state.why, bench.state.failing_since) == (0, "", None)


async def test_an_error_in_a_domain_is_logged_with_its_place(bench: Bench) -> None:
    async def fetch(_http: Http, _at: datetime, saved: dict[str, Any]) -> AsyncIterator[Answer]:
        yield Answer("answer", saved["missing"])

    with capture_logs() as logs:
        assert (await bench.once(fetch)).why == "KeyError: 'missing'"
    assert 'saved["missing"]' in logs[0]["exception"]


async def test_what_cannot_be_saved_lands_nothing(bench: Bench) -> None:
    async def fetch(_http: Http, _at: datetime, saved: dict[str, Any]) -> AsyncIterator[Answer]:
        saved["set"] = object()
        yield Answer("answer", b"1")

    assert (await bench.once(fetch)).how == "failed"
    assert (bench.landed(), bench.hidden()) == ({}, [])


async def test_a_feed_is_polled_by_one_process_at_a_time(bench: Bench, source: Source) -> None:
    source.answers(Reply(hangs=True))
    first = asyncio.create_task(bench.once(bench.whole(), poll_timeout_s=30))
    await asyncio.to_thread(source.hanging.wait)
    second = await bench.once(bench.whole())
    assert (second.how, second.why) == ("failed", "another process polls this feed now")
    assert bench.state.failures == 0
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert bench.hidden() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
async def test_a_folder_that_cannot_be_written_to(bench: Bench) -> None:
    bench.source.answers(ONE)
    poller = bench.poller(bench.whole())
    bench.landing.sources.chmod(0o500)
    outcome = await poller.once()
    bench.landing.sources.chmod(0o700)
    assert outcome.how == "failed"
    assert os.strerror(errno.EACCES) in outcome.why


async def test_a_removed_folder_comes_back(bench: Bench, tmp_path: Path) -> None:
    bench.source.answers(ONE)
    poller = bench.poller(bench.whole())
    bench.landing.sources.rmdir()
    assert (await poller.once()).how == "answered"


# --- Time -------------------------------------------------------------------------------------


async def test_polls_are_on_a_grid_from_start_to_start(bench: Bench) -> None:
    bench.source.answers(ONE)
    poller = bench.poller(bench.whole())
    bench.time.seconds = 7  # late
    assert (await poller.once(START)).next_at == START + timedelta(seconds=EVERY_S)
    bench.time.seconds = 3 * EVERY_S + 1  # a poll that took longer than its interval: none is made up for
    assert (await poller.once(START)).next_at == START + timedelta(seconds=4 * EVERY_S)
