"""Keys of APIs: sent to their API, and to be found nowhere else."""

import logging
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
import stamina
import structlog
from pydantic import SecretStr

from multimarket_async import logs
from multimarket_async.domains import Answer, Http
from multimarket_async.poller.secrets import Secrets
from tests.poller.conftest import Bench
from tests.poller.source import Asked, Reply, certificate, serving

KEY = "k3y/with+odd&signs"
SECRET = SecretStr(KEY)
ASKED = {"params": {"city": "Rabat", "apikey": SECRET}, "headers": {"Authorization": SecretStr(f"Bearer {KEY}")}}


def echo(status: int = 200) -> Any:
    """The request, as servers repeat it: in a link, decoded, and its header."""

    def reply(asked: Asked) -> Reply:
        text = (
            f'{{"next": "{asked.path}&page=2", "was": "{unquote(asked.path)}", "{asked.headers["Authorization"]}": 1}}'
        )
        return Reply(text.encode(), status, {"ETag": f'"{KEY}"'})

    return reply


def everything(folder: Path, log: Path) -> bytes:
    """Names and contents of all files that a poll has left, and the log."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(
        [*(str(path).encode() for path in files), *(path.read_bytes() for path in files), log.read_bytes()]
    )


@pytest.fixture
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Log lines of any level."""
    configured, file = structlog.get_config(), tmp_path_factory.mktemp("log") / "log"
    root = logging.getLogger()
    before = root.handlers[:], root.level
    with file.open("w") as stream:
        logs.configure("json", stream, None, logging.DEBUG)
        root.setLevel(logging.DEBUG)
        yield file
    root.handlers[:], root.level = before[0], before[1]
    logging.captureWarnings(capture=False)
    structlog.configure(**configured)


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_a_key_is_sent_and_is_nowhere_else(bench: Bench, log: Path, status: int) -> None:
    """Though the source repeats it, in its answers and in its errors."""
    bench.source.answers(echo(status))
    outcome = await bench.once(bench.whole(name=f"of {KEY}", **ASKED))
    asked = bench.source.asked[0]
    assert unquote(asked.path) == f"/?city=Rabat&apikey={KEY}"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert outcome.how == ("answered" if status == 200 else "failed")
    left = everything(bench.folder, log)
    assert left.count(b"***") >= (3 if status == 200 else 0)
    for form in (KEY, quote(KEY, safe=""), quote(KEY)):
        assert form.encode() not in left
        assert form not in outcome.why


async def test_a_key_in_an_error_of_a_domain(bench: Bench, log: Path) -> None:
    """Though the domain did not give it to the client: the settings know it."""

    async def fetch(_http: Http, _at: datetime, _saved: dict[str, Any]) -> AsyncIterator[Answer]:
        yield Answer("answer", b"1")
        try:
            int(KEY)
        except ValueError as error:
            raise LookupError(f"no answer from https://api/?key={KEY}") from error

    outcome = await bench.once(fetch, secrets=(SECRET,))
    assert outcome.why == "LookupError: no answer from https://api/?key=***"
    left = everything(bench.folder, log)
    assert KEY.encode() not in left
    assert b"invalid literal for int() with base 10: '***'" in left


async def test_a_key_that_ends_with_a_line_end(bench: Bench, log: Path) -> None:
    """As files of secrets do: the HTTP library refuses it in a header, and quotes it."""
    asked = {"headers": {"X-Key": SecretStr(f"{KEY}\n")}}
    bench.source.answers(Reply())
    outcome = await bench.once(bench.whole(**asked))
    assert outcome.how == "failed"
    assert KEY not in outcome.why
    assert KEY.encode() not in everything(bench.folder, log)


async def test_a_validator_with_a_key_works(bench: Bench) -> None:
    """It is asked with what is kept of it: the source does not know it, and answers."""
    bench.source.answers(echo())
    assert [(await bench.once(bench.whole(**ASKED))).how for _ in range(2)] == ["answered", "unchanged"]


async def test_a_key_goes_to_no_other_host(bench: Bench) -> None:
    with serving() as other:
        other.answers(Reply())
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        bench.source.answers(Reply(status=307, headers={"Location": elsewhere}))
        assert (await bench.once(bench.whole(**ASKED))).how == "failed"
        bench.source.answers(Reply(status=307, headers={"Location": other.url}))  # another port is another server
        assert (await bench.once(bench.whole(**ASKED))).how == "failed"
        assert other.asked == []


async def test_a_key_too_short_to_be_told_from_text_is_refused(bench: Bench) -> None:
    outcome = await bench.once(bench.whole(params={"key": SecretStr("short")}))
    assert outcome.why == "ValueError: a secret of fewer than 8 characters cannot be kept out of files and logs"
    assert bench.source.asked == []


def test_contents_without_a_secret_stay_as_they_are() -> None:
    """Whatever their bytes are; short settings hide nothing."""
    content = bytes(range(256))
    assert Secrets().hide(content) == Secrets(["", "abc", "unused-secret"]).hide(content) == content


async def test_an_unknown_certificate_is_refused(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a retry and before anything is sent; trusted by this machine, the same server is asked."""
    retries: list[object] = []
    with serving(certificate(tmp_path)) as secure:
        secure.answers(Reply())
        bench.source.url = secure.url
        stamina.instrumentation.set_on_retry_hooks((retries.append,))
        outcome = await bench.once(bench.whole(**ASKED))
        stamina.instrumentation.set_on_retry_hooks(())
        assert (outcome.how, retries) == ("failed", [])
        assert "certificate verify failed: self-signed certificate" in outcome.why
        assert secure.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert (await bench.once(bench.whole(**ASKED))).how == "answered"
