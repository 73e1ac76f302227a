"""A domain as another package would have it: visitors counted at doors. Tests install it, see tests/packages.py.

The front door has a simulator, the back door is a real one: nothing can be made up for it.
"""

import json
from datetime import datetime, timedelta
from random import Random

from pydantic import Field

from multimarket_async.domains import (
    Attribute,
    Column,
    Domain,
    Facts,
    Feed,
    Kpi,
    Listing,
    LoadedDomain,
    Received,
    Rollup,
    Table,
    Value,
)
from multimarket_async.errors import Rejected
from multimarket_async.settings import Business
from multimarket_async.simulation import Corruptions, Delivery


class DoorSettings(Business):
    """Settings of doors."""

    most_visitors: int = Field(50, ge=1, description="visitors of a simulated count at most")


class Visits:
    """Counts of a simulated door."""

    share = peak = 1.0

    def __init__(self, settings: DoorSettings) -> None:
        self._most = settings.most_visitors

    def __call__(self, seed, number, earliest, latest):
        rng = Random(f"{seed}:{number}")
        at = earliest + timedelta(seconds=int(rng.random() * (latest - earliest).total_seconds()))
        visit = {"id": f"{seed}-{number}", "at": at.isoformat(), "visitors": rng.randint(1, self._most)}
        return Delivery(f"{seed}-{number}.json", json.dumps(visit).encode())

    def busyness(self, at):
        return 1.0

    def made_of(self, seed):
        return {"seed": seed}


def read(file):
    try:
        visit = json.loads(file.content)
        return [{"_id": visit["id"], "at": datetime.fromisoformat(visit["at"]), "visitors": visit["visitors"]}]
    except ValueError:
        raise Rejected("no_visit", "It is no JSON.", unfinished=True) from None


def contradict(content: bytes) -> bytes:
    visit = json.loads(content)
    return json.dumps({**visit, "visitors": visit["visitors"] + 1}).encode()


FACTS = Facts(
    "entered",
    "door_visits",
    {"at": Value("at", "TIMESTAMP"), "visitors": Value("visitors", "BIGINT")},
    event="at",
    period="strftime(local, '%Y-%m')",
)
MONTHS = Rollup("months", FACTS, "SELECT period, sum(visitors)::BIGINT AS visitors FROM entered GROUP BY ALL")
COUNTED = Column("visitors", "integer", "Visitors", "visitors")
BY_MONTH = Kpi(
    name="visitors_by_month",
    title="Visitors by month",
    unit="visitors",
    definition="Visitors counted in each month, UTC.",
    reads=(MONTHS,),
    columns=(Column("month", "string", "Month"), COUNTED),
    query="SELECT * FROM months",
    pipeline=(
        {"$project": {"_id": 0, "month": "$period", "visitors": {"$toLong": "$visitors"}}},
        {"$sort": {"month": 1}},
    ),
    check="SELECT month, sum(visitors) AS visitors FROM visits GROUP BY month ORDER BY month",
    headline=True,
)
BY_DAY = Kpi(
    name="visitors_by_day",
    title="Visitors by day of the week",
    unit="visitors",
    definition="Visitors counted on each day of the week, 1 is Sunday.",
    reads=(FACTS,),
    columns=(Column("day", "string", "Day"), COUNTED),
    query="""SELECT (dayofweek(local) + 1)::VARCHAR AS day, sum(visitors) AS visitors
      FROM entered GROUP BY ALL ORDER BY day""",
    check="""SELECT (dayofweek("at") + 1)::VARCHAR AS day, sum(visitors) AS visitors
      FROM visits GROUP BY 1 ORDER BY 1""",
)
RECEIVED = Received(
    """
    CREATE TABLE visits AS SELECT DISTINCT content->>'id' AS _id, wall(content->>'at') AS "at",
      (content->>'visitors')::INT AS visitors, left(content->>'at', 7) AS month FROM received;
    CREATE VIEW records AS SELECT feed, content->>'id' AS record FROM received
    """,
    """SELECT json_object('visitors', visitors) AS file, "at", _id FROM visits ORDER BY _id""",
)
AT = Attribute(Column("at", "date", "At"), "at")
LISTING = Listing("visits", "Visits", "door_visits", AT, (Attribute(COUNTED, "visitors"),))


def declare(settings):
    table = Table("door_visits")
    corruptions = Corruptions({"cut": lambda content: (content[:-1], "no_visit")}, contradict)
    front = Feed("front_door", table, read, simulate=Visits(settings), corruptions=corruptions)
    return LoadedDomain("visits", (front, Feed("back_door", table, read)), (BY_DAY, BY_MONTH), RECEIVED, (LISTING,))


DOMAIN = Domain("visits", DoorSettings, declare)
WINDOWS = Domain("windows", Business, lambda _: LoadedDomain("windows", (Feed("panes", Table("panes"), read),), ()))
