"""A Cassandra for tests: one node on loopback, in a small heap, of the jars that Maven has."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from multimarket_async.supervised.ports import free_port
from tests.tracing import missing

POM = Path(__file__).with_name("pom.xml")
COPIED_WITHIN_S, STARTS_WITHIN_S = 400, 300
HOST, USER, PASSWORD = "127.0.0.1", "cassandra", "cassandra"  # those of a new server
OPENED = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.math",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.time",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.rmi/sun.rmi.transport.tcp",
    "java.sql/java.sql",
    "jdk.management/com.sun.management.internal",
)
LOG = """<configuration>
 <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
  <encoder><pattern>%level %msg%n</pattern></encoder>
 </appender>
 <root level="INFO"><appender-ref ref="out"/></root>
</configuration>"""


def jars() -> Path:
    """The folder of its jars, which are copied once for each environment of Python."""
    for program, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if not shutil.which(program):
            missing(f"needs {program} (Debian package {package})")
    folder = Path(sys.prefix) / "cassandra"
    complete = folder / "complete"
    if not complete.exists() or complete.read_text("utf-8") != POM.read_text("utf-8"):
        words = "mvn", "--quiet", "--batch-mode", "--file", POM, "dependency:copy-dependencies"
        try:
            subprocess.run([*words, f"-DoutputDirectory={folder}"], check=True, timeout=COPIED_WITHIN_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            missing(f"Cassandra's jars cannot be had: {error}")
        complete.write_text(POM.read_text("utf-8"), "utf-8")
    return folder


class Server:
    """A node that asks for a password. host: as in the setting `cassandra_hosts`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._storage, self._jmx = (free_port(None) for _ in range(3))
        self.host = f"{HOST}:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes clients."""
        log = self._folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(self._command(), stdout=out, stderr=out, cwd=self._folder)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not re.search(rb"Startup complete", log.read_bytes()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(log.read_text()[-3000:])
            time.sleep(0.1)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _command(self) -> list[str]:
        (self._folder / "logback.xml").write_text(LOG)
        (self._folder / "cassandra.yaml").write_text(json.dumps(self._settings()))  # JSON is YAML
        properties = {
            "cassandra.config": (self._folder / "cassandra.yaml").as_uri(),
            "cassandra-foreground": "yes",  # or its output is closed
            "cassandra.storagedir": self._folder,
            "cassandra.jmx.local.port": self._jmx,
            "cassandra.ring_delay_ms": 0,
            "cassandra.skip_wait_for_gossip_to_settle": 0,
            "cassandra.superuser_setup_delay_ms": 0,
            "logback.configurationFile": self._folder / "logback.xml",
            "jdk.attach.allowAttachSelf": "true",
        }
        java = ["java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        words = [f"-D{name}={value}" for name, value in properties.items()]
        for package in OPENED:
            words += ["--add-exports", f"{package}=ALL-UNNAMED", "--add-opens", f"{package}=ALL-UNNAMED"]
        return [*java, *words, "-cp", f"{jars()}/*", "org.apache.cassandra.service.CassandraDaemon"]

    def _settings(self) -> dict[str, object]:
        seeds = {"parameters": [{"seeds": f"{HOST}:{self._storage}"}]}
        return {
            "cluster_name": "tests",
            "num_tokens": 1,
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "endpoint_snitch": "SimpleSnitch",
            "listen_address": HOST,
            "rpc_address": HOST,
            "storage_port": self._storage,
            "native_transport_port": self._port,
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "seed_provider": [{"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", **seeds}],
            "commitlog_sync": "batch",
            "auto_snapshot": False,
        }


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder)
    try:
        made.start()
        yield made
    finally:
        made.kill()
