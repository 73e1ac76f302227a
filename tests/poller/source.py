"""An API on a real socket of this machine: its answers are planned, its requests are kept."""

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


@dataclass(frozen=True)
class Reply:
    """One answer. claimed: the length that it says it has. hangs: after its head, until the server is closed."""

    body: bytes = b"[]"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    claimed: int | None = None
    hangs: bool = False


@dataclass(frozen=True)
class Asked:
    """A request as it came, and when (monotonic)."""

    path: str
    headers: dict[str, str]
    at: float
    body: bytes = b""


Planned = Reply | Callable[[Asked], Reply]


@dataclass
class Source:
    """plan: the answers in their order; the last one is repeated."""

    url: str
    plan: list[Planned] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    hanging: Event = field(default_factory=Event)
    closed: Event = field(default_factory=Event)

    def answers(self, *plan: Planned) -> None:
        self.plan = list(plan)

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        planned = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        return planned if isinstance(planned, Reply) else planned(asked)

    @property
    def paths(self) -> Sequence[str]:
        return [asked.path for asked in self.asked]


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.do_GET(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self, body: bytes = b"") -> None:
            reply = source.reply(Asked(self.path, dict(self.headers), time.monotonic(), body))
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("Content-Length", str(reply.claimed or len(reply.body)))
            self.end_headers()
            if reply.hangs:
                source.hanging.set()
                source.closed.wait()
            self.wfile.write(reply.body)
            self.close_connection = reply.claimed is not None or reply.hangs

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def certificate(folder: Path) -> Path:
    """Self-signed, for this machine."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(key), "-out", str(cert), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*words, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Source]:
    """An API without a plan. certificate: its key and certificate in one file, for TLS."""
    source = Source("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(source))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that has gone
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    source.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield source
    finally:
        source.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()
