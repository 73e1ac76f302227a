"""The health of polled sources, from what their last polls have left in data/polls."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.domains import Feed
from multimarket_async.polling import PollState, poll_file
from multimarket_async.settings import Settings


class PolledSource(BaseModel):
    """An API that fills a feed."""

    feed: str
    state: Literal["ok", "failing", "overdue", "never asked"] = Field(
        description="overdue: no process has asked when it was time to"
    )
    answered_at: AwareDatetime | None = Field(description="the last time that it answered everything")
    changed_at: AwareDatetime | None = Field(description="the last time that an answer differed, and landed")
    next_at: AwareDatetime | None = Field(description="the next poll")
    failing_since: AwareDatetime | None
    why: str = Field(description="the last failure; empty if it does not fail")


def polled_sources(feeds: Iterable[Feed], settings: Settings, now: datetime) -> list[PolledSource]:
    """Each polled feed."""
    grace = timedelta(seconds=settings.poll_timeout_s)
    return [
        _source(feed.name, PollState.read(poll_file(settings.data_dir, feed.name)), now - grace)
        for feed in feeds
        if feed.poll
    ]


def _source(feed: str, state: PollState, overdue_before: datetime) -> PolledSource:
    facts = state.model_dump(include={"answered_at", "changed_at", "next_at", "failing_since", "why"})
    return PolledSource(feed=feed, state=_state(state, overdue_before), **facts)


def _state(state: PollState, overdue_before: datetime) -> Literal["ok", "failing", "overdue", "never asked"]:
    if state.next_at is None:
        return "never asked"
    if state.next_at < overdue_before:
        return "overdue"
    return "failing" if state.failures else "ok"
