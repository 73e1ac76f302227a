"""An S3 server for tests: SeaweedFS on loopback, whose keys are those in the environment that is given."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import S3Store

from multimarket_async.supervised.ports import free_port

KEY, SECRET = "multimarket", "secret-of-a-test"
STARTS_WITHIN_S = 120.0
SERVERS = ("admin", "filer", "master", "s3", "volume")
PORTS = ("admin.port", "filer.port", "master.port", "volume.port", "metricsPort", "s3.port.iceberg", "s3.port.lance")


class Bucket:
    """A server with a bucket. environment: what its clients need."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self.name, self.port = folder, name, free_port(None)
        self.url = f"s3://{name}/lake"
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps({"identities": [{"name": "test", "credentials": keys, "actions": rights}]}))
        words = [str(Path(sys.executable).with_name("weed")), "mini", f"-dir={self._folder}", "-ip=127.0.0.1"]
        words += ["-ip.bind=127.0.0.1", f"-s3.port={self.port}", f"-s3.config={identities}", f"-bucket={self.name}"]
        words += ["-master.telemetry=false", "-webdav=false", *(f"-{name}={free_port(None)}" for name in PORTS)]
        words += [f"-{server}.port.grpc={free_port(None)}" for server in SERVERS]
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self._folder)
        self._until_it_answers()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _until_it_answers(self) -> None:
        config: Any = {name.lower(): value for name, value in self.environment.items()}
        store = S3Store(self.name, config=config, client_options={"allow_http": True})
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            with suppress(BaseError):
                store.put("ready", b"")
                return
            time.sleep(0.2)
        raise TimeoutError((self._folder / "weed.log").read_text()[-2000:])


class Careless(BaseHTTPRequestHandler):
    """A store that lets anybody write anything, whatever the conditions."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def careless_store() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def bucket(folder: Path, name: str = "multimarket") -> Iterator[Bucket]:
    folder.mkdir(parents=True, exist_ok=True)
    made = Bucket(folder, name)
    try:
        made.start()
        yield made
    finally:
        made.kill()
