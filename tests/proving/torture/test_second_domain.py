"""Torture knows domains by what they declare: a second one, found by discovery, breaks nothing and is checked too."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# Two feeds: one with a simulator and no corruptions, one that only real systems deliver to.
DOORS = '''
"""Visits, counted at doors."""
import json
from datetime import datetime

from multimarket_async.domains import Column, Domain, Facts, Feed, Kpi, LoadedDomain, Received, Rollup, Table
from multimarket_async.simulation import Delivery
from multimarket_async.settings import Business


class DoorSettings(Business):
    """Nothing to set."""


class Visits:
    share = peak = 1.0

    def __call__(self, seed, number, earliest, latest):
        visit = {"_id": f"{seed}-{number}", "at": "2024-01-15T12:00:00+00:00"}
        return Delivery(f"{number}.json", json.dumps(visit).encode())

    def busyness(self, at):
        return 1.0

    def made_of(self, seed):
        return {"seed": seed}


def parse(file):
    content = file.content
    from multimarket_async.errors import Rejected
    try:
        visit = json.loads(content)
    except ValueError:
        raise Rejected("not_json", "no visit", unfinished=True) from None
    return [{"_id": visit["_id"], "at": datetime.fromisoformat(visit["at"])}]


MONTH = {"$dateToString": {"date": "$at", "format": "%Y-%m"}}
VISITS = Rollup("visits", Facts("visits", "at", MONTH, {"door": "all"}), by={}, sums={"visits": 1})
KPI = Kpi(
    name="visits_by_month", title="Visits by month", unit="", definition="Visits.", rollup=VISITS,
    columns=(Column("month", "string", "Month"), Column("visits", "integer", "Visits")),
    pipeline=[{"$project": {"_id": 0, "month": "$period", "visits": {"$toLong": "$visits"}}}, {"$sort": {"month": 1}}],
    check="SELECT '2024-01' AS month, count(*) + TOO_MANY AS visits FROM visits HAVING visits > TOO_MANY",
)
RECEIVED = Received(
    """CREATE TABLE visits AS SELECT DISTINCT content AS file, content::JSON->>'_id' AS _id FROM received;
    CREATE VIEW records AS SELECT feed, content::JSON->>'_id' AS record FROM received""",
    "SELECT file, TIMESTAMP '2024-01-15 12:00:00' AS at, _id FROM visits ORDER BY _id",
)
TABLE = Table("visits")
FEEDS = (Feed("front_door", TABLE, parse, simulate=Visits()), Feed("back_door", TABLE, parse))
DOORS = Domain("doors", DoorSettings, lambda settings: LoadedDomain("doors", FEEDS, (KPI,), RECEIVED))
'''
# Every process of torture starts with this: a folder more is searched for domains.
SITE = "import multimarket_async.domains as domains; domains.__path__.append({folder!r})\n"


def torture(tmp_path: Path, too_many: int) -> dict[str, Any]:
    """One round with the second domain, whose check counts so many visits too many."""
    package = tmp_path / "domains" / "doors"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(DOORS.replace("TOO_MANY", str(too_many)))
    (tmp_path / "sitecustomize.py").write_text(SITE.format(folder=str(tmp_path / "domains")))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = ["torture", "--rounds", "1", "--seed", "8", "--format", "json", "--data-dir"]
    command = [sys.executable, "-m", "multimarket_async", *words, tmp_path / "data"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == (4 if too_many else 0), done.stdout + done.stderr
    [only] = json.loads(done.stdout)["rounds"]
    return dict(only)


@pytest.mark.slow
def test_a_second_domain_breaks_no_round(tmp_path: Path) -> None:
    """One of its feeds has a simulator and no corruptions, the other one has none and so gets no load."""
    assert torture(tmp_path, too_many=0)["violations"] == []


def test_a_second_domain_is_checked_as_the_first(tmp_path: Path) -> None:
    """Its KPI is compared with its own check, which is wrong here."""
    violations = torture(tmp_path, too_many=1)["violations"]
    assert violations
    assert all("visits_by_month row 1" in violation for violation in violations)
