"""The load and the faults of a round: the same again from a seed, and everything sooner or later."""

from collections import Counter
from random import Random

from multimarket_async.discovery import declared, settings_models
from multimarket_async.producer.faults import CONFLICT
from multimarket_async.proving.torture import failpoints, generator, nemesis
from multimarket_async.proving.torture.generator import Planned, Writing
from multimarket_async.proving.torture.nemesis import Plan
from multimarket_async.settings import load

LOADED = load(settings_models(), {}, {})
FEEDS = [feed for domain in declared(LOADED) for feed in domain.feeds if feed.simulate]


def drawn(seed: int, number: int) -> tuple[list[Planned], Plan]:
    rng = Random(f"{seed}:{number}")
    return generator.draw(rng, FEEDS, seed, number), nemesis.draw(rng)


def bytes_of(load: list[Planned]) -> list[tuple[str, str, bytes, float]]:
    return [(item.feed.name, item.delivery.name, item.delivery.content, item.at_s) for item in load]


def test_a_round_is_the_same_again() -> None:
    """Load and faults; so a failing seed can be replayed."""
    (load, faults), (again, same_faults) = drawn(3, 14), drawn(3, 14)
    assert (bytes_of(load), faults) == (bytes_of(again), same_faults)
    assert bytes_of(load) != bytes_of(drawn(3, 15)[0])
    assert bytes_of(load) != bytes_of(drawn(4, 14)[0])


def test_every_fault_is_drawn_sooner_or_later() -> None:
    """200 rounds have all of them: none is listed and never used."""
    plans = [drawn(1, number)[1] for number in range(200)]
    inside = {failpoint.name for plan in plans for worker in plan.workers for failpoint in worker}
    assert inside == {failpoint.name for failpoint in (*failpoints.KILLS, *failpoints.ERRORS)}
    outside = {fault.name for plan in plans for fault in plan.external}
    once = {nemesis.MONGOD_KILLED, nemesis.MONGOD_PAUSED, nemesis.DIRECTORY_REMOVED}
    once |= {nemesis.HOSTILE_CLIENT}
    assert outside == {*once, nemesis.FOREIGN_DOCUMENTS, nemesis.FOREIGN_INDEX, *nemesis.COMMAND_FAULTS}
    assert {plan.together for plan in plans} == {plan.elsewhere for plan in plans} == {True, False}
    assert any(back_s for plan in plans for back_s in plan.clocks_back_s)


def test_every_fault_of_a_sink_is_drawn_sooner_or_later() -> None:
    """The other faults of a round are the same as without sinks."""
    plans = [nemesis.draw(Random(number), ("warehouse", "lake", "cassandra")) for number in range(200)]
    inside = {failpoint.name for plan in plans for worker in plan.workers for failpoint in worker}
    assert inside >= {failpoint.name for kills in failpoints.SINK_KILLS.values() for failpoint in kills}
    assert {fault.name for plan in plans for fault in plan.external} >= {"postgres killed", "postgres paused"}
    first = nemesis.draw(Random(0))
    assert plans[0].external[: len(first.external)] == first.external
    assert (plans[0].together, plans[0].last_signal) == (first.together, first.last_signal)


def test_every_kind_of_file_is_drawn_sooner_or_later() -> None:
    """Every way of writing and every corruption, copies, contradictions, follow-ups with and without a document."""
    load = [planned for number in range(100) for planned in drawn(1, number)[0]]
    assert {planned.writing for planned in load} == set(Writing)
    assert any(planned.pause_s > 0.3 for planned in load)
    faults = {planned.delivery.fault for planned in load}
    assert faults >= {way for feed in FEEDS if feed.corruptions for way in feed.corruptions.invalid}
    expected = Counter(planned.delivery.expected for planned in load)
    assert expected["duplicate"] > 0
    assert expected[CONFLICT] * 2 == sum(planned.contested for planned in load)
    documents = {planned.delivery.name for planned in load}
    follow_ups = [planned.delivery for planned in load if planned.delivery.follows]
    assert {delivery.follows in documents for delivery in follow_ups} == {True, False}


def test_a_reused_name_says_the_form_of_its_content() -> None:
    """A CSV file is never named .json: it would be refused, and rightly."""
    small = {"SIMULATED_SHARE": "0.01", "SIMULATED_STORES": "5", "SIMULATED_CLIENTS": "9"}
    environ = {f"MULTIMARKET_RETAIL_{name}": value for name, value in small.items()}
    retail = declared(load(settings_models(), {"domains": ("retail",)}, environ))
    feeds = [feed for domain in retail for feed in domain.feeds if feed.simulate]
    reused = [
        planned.delivery
        for number in range(40)
        for planned in generator.draw(Random(number), feeds, 1, number)
        if planned.writing is Writing.REUSED
    ]
    assert {delivery.name.removeprefix(generator.REUSED_NAME) for delivery in reused} >= {".json", ".csv"}
    assert all(delivery.content.startswith((b"[", b"{")) != (delivery.name.endswith(".csv")) for delivery in reused)
