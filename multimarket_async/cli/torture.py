"""torture: fault injection against the real application, on a MongoDB and files of its own."""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multimarket_async.cli.options import DomainName, Format, OutputFormat, finish, show, turned_on
from multimarket_async.discovery import declared
from multimarket_async.errors import WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.settings import Loaded, Settings
from multimarket_async.sinks import chosen

if TYPE_CHECKING:
    from multimarket_async.proving.torture import Round

SHOWN = 10  # violations of a round
Rounds = Annotated[int, typer.Option(min=1, help="Number of rounds.")]
FirstRound = Annotated[int, typer.Option(min=0, help="Number of the first round: replay one with --rounds 1.")]
Bug = Annotated[str | None, typer.Option(hidden=True, help="Plant this bug: it has to be found.")]


def torture(
    loaded: Loaded,
    *,
    rounds: Rounds = 20,
    first_round: FirstRound = 0,
    domain: DomainName = None,
    bug: Bug = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Inject faults, round after round, and check after each that nothing was lost or counted twice.

    It has a MongoDB and files of its own and touches no others; and a PostgreSQL, if the warehouse is on. In your
    Cassandra, if that is on, it makes keyspaces torture_<seed>_<round>, and drops them. The same seed gives the same
    load and faults.
    """
    from multimarket_async.proving.torture import MUTANTS  # noqa: PLC0415 - 0.1 s, for this command only
    from multimarket_async.proving.torture import torture as run_rounds  # noqa: PLC0415

    if bug and bug not in MUTANTS:
        raise WrongSettings(f"There is no bug {bug}; there are {', '.join(MUTANTS)}.")
    domains = (domain,) if domain else loaded.of(Settings).domains
    _check_simulated(turned_on(loaded, domain), domains)
    folder, seed, driver = _folder(loaded), loaded.of(Settings).seed, loaded.of(Settings).mongo_driver
    report = _print_round if output is OutputFormat.TABLE else _print_progress
    numbers = range(first_round, first_round + rounds)
    given = _of_sinks(loaded.of(Settings))
    done = finish(run_rounds(folder, seed, numbers, report, bug=bug, driver=driver, domains=domains, **given))
    right = not any(completed.violations for completed in done)
    with suppress(OSError):  # there is evidence in it
        folder.rmdir()
    data = {"right": right, "seed": seed, "total": _total(done), "rounds": list(map(_as_data, done))}
    show(output, data, *_summary(done, seed), right=right)


def _check_simulated(loaded: Loaded, domains: Sequence[str]) -> None:
    """Raises WrongSettings where no load can be made up."""
    names = [domain for domain in declared(loaded) if domain.name in domains]
    if not any(feed.simulate for domain in names for feed in domain.feeds):
        raise WrongSettings(
            f"No feed of {', '.join(domains)} has a simulator, so there is no load to inject faults into."
        )


def _of_sinks(settings: Settings) -> dict[str, Any]:
    """The sinks that are on, and how your Cassandra is reached."""
    names = ("cassandra_hosts", "cassandra_user", "cassandra_password")
    sinks = tuple(kind.name for kind in chosen(settings))
    return {"sinks": sinks, "cassandra": {name: getattr(settings, name) for name in names}}


def _folder(loaded: Loaded) -> Path:
    """Below the data folder if one was named, else in the system's temporary folder."""
    if loaded.sources["data_dir"] != "default":
        return loaded.of(Settings).data_dir / "torture"
    return Path(tempfile.mkdtemp(prefix="multimarket-torture-"))


def _print_round(done: "Round") -> None:
    counts, injected = _sums(_total([done])), ", ".join(done.injected) or "no faults"
    typer.echo(f"round {done.number}: {counts}, {done.seconds:.1f} s: {injected}")
    for line in _evidence(done.violations, done.folder):
        typer.echo(line)


def _print_progress(done: "Round") -> None:
    if sys.stderr.isatty():
        typer.echo(f"\rround {done.number}: {len(done.violations)} violations ", err=True, nl=False)


def _evidence(violations: Sequence[str], folder: Path) -> Iterator[str]:
    yield from (f"  VIOLATION {escape_control_chars(violation)}" for violation in violations[:SHOWN])
    if violations:
        yield f"  {len(violations)} in all; the evidence is kept in {folder}"


def _summary(rounds: "Sequence[Round]", seed: int) -> list[str]:
    total = _total(rounds)
    injected = ", ".join(f"{times} {name}" for name, times in total["injected"].items())
    broken = [str(done.number) for done in rounds if done.violations]
    replay = f"torture --seed {seed} --rounds 1 --first-round"
    return [
        f"{len(rounds)} rounds of seed {seed} in {total['seconds']:.0f} s; injected: {injected}",
        f"{_sums(total)}; {total['generations']:,} KPI generations",
        f"WRONG in round {', '.join(broken)}; to replay: {replay} {broken[0]}"
        if broken
        else "Right: no promise was broken.",
    ]


def _sums(total: Mapping[str, Any]) -> str:
    superseded = f" + {total['superseded']:,} superseded" if total["superseded"] else ""
    counts = f"{total['received']:,} received = {total['stored']:,} stored + {total['duplicates']:,} duplicate"
    return f"{counts}{superseded} + {total['quarantined']:,} in quarantine"


def _total(rounds: "Sequence[Round]") -> dict[str, Any]:
    names = ("received", "stored", "duplicates", "superseded", "generations", "seconds")
    return {
        **{name: sum(getattr(done, name) for done in rounds) for name in names},
        "quarantined": sum(done.quarantined.total() for done in rounds),
        "injected": dict(Counter(name for done in rounds for name in done.injected).most_common()),
    }


def _as_data(done: "Round") -> dict[str, Any]:
    return {**vars(done), "folder": str(done.folder) if done.violations else None}
