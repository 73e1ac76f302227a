"""Alerts that go on, from the states that the watching processes keep in MongoDB."""

from pydantic import AwareDatetime, BaseModel, Field

from multimarket_async.store import AlertStates, Store


class AlertStatus(BaseModel):
    """An alert that has begun, and not ended."""

    rule: str
    since: AwareDatetime
    sentence: str = Field(description="what was wrong when it was looked at last")

    def said(self) -> str:
        """The same in words."""
        return f"Alert {self.rule} since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.sentence}."


async def alert_statuses(store: Store) -> list[AlertStatus]:
    """Each of them. Raises Unavailable."""
    states = (await AlertStates(store).all()).values()
    begun = [state for state in states if state.get("begun_at")]
    return [AlertStatus(rule=state["_id"], since=state["begun_at"], sentence=state["sentence"]) for state in begun]
