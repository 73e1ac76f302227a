"""torture: the promises under attack, on a MongoDB and files of its own."""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from multimarket_async.cli.flow import FOUND_WRONG
from multimarket_async.cli.options import OutputFormat, finish
from multimarket_async.errors import WrongSettings
from multimarket_async.readers.tables import escape_control_chars
from multimarket_async.settings import Loaded, Settings
from multimarket_async.torture import BUGS, FailOver, Round, fail_over
from multimarket_async.torture import torture as fight
from multimarket_async.torture.history import Violation

MOST_TOLD = 10
Rounds = Annotated[int, typer.Option(min=1, help="How many rounds.")]
FirstRound = Annotated[int, typer.Option(min=0, help="Number of the first round: replay one with --rounds 1.")]
Bug = Annotated[str | None, typer.Option(hidden=True, help="Plant this bug: it has to be found.")]
Format = Annotated[OutputFormat, typer.Option("--format", help="table or json.")]


def torture(  # noqa: PLR0917 - options, which `command` makes keyword-only
    loaded: Loaded,
    rounds: Rounds = 20,
    first_round: FirstRound = 0,
    replica_set: Annotated[
        bool, typer.Option("--replica-set", help="Instead: three MongoDB servers, the first killed in a burst.")
    ] = False,
    bug: Bug = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Break things on purpose, round after round, and prove after each that nothing was lost or counted twice.

    It has a MongoDB and files of its own and touches no others. A seed brings the same load and faults again.
    """
    if bug and bug not in BUGS:
        raise WrongSettings(f"There is no bug {bug}; there are {', '.join(BUGS)}.")
    folder, seed, driver = _folder(loaded), loaded.of(Settings).seed, loaded.of(Settings).mongo_driver
    if replica_set:
        failed_over = finish(fail_over(folder / "replica-set", seed, driver=driver))
        _leave_nothing(folder)
        _say_fail_over(failed_over, output)
        return
    tell = _tell if output is OutputFormat.TABLE else _tell_progress
    done = finish(fight(folder, seed, range(first_round, first_round + rounds), tell, bug=bug, driver=driver))
    _leave_nothing(folder)
    _say(done, seed, output)


def _folder(loaded: Loaded) -> Path:
    """Below the data folder if one was named, and else far away from the real one."""
    if loaded.sources["data_dir"] != "default":
        return loaded.of(Settings).data_dir / "torture"
    return Path(tempfile.mkdtemp(prefix="multimarket-torture-"))


def _leave_nothing(folder: Path) -> None:
    """Remove the folder, unless there is evidence in it."""
    with suppress(OSError):
        folder.rmdir()


def _tell(one: Round) -> None:
    """The line of a round."""
    counts = f"{one.received} received = {one.stored} stored + {one.duplicates} duplicate"
    struck = ", ".join(one.struck) or "nothing struck"
    aside = one.quarantined.total()
    typer.echo(f"round {one.number}: {counts} + {aside} in quarantine, {one.seconds:.1f} s: {struck}")
    _evidence(one.violations, one.folder)


def _tell_progress(one: Round) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\rround {one.number}: {len(one.violations)} violations ", err=True, nl=False)


def _evidence(violations: Sequence[Violation], folder: Path) -> None:
    for violation in violations[:MOST_TOLD]:
        typer.echo(f"  VIOLATION {escape_control_chars(str(violation))}")
    if violations:
        typer.echo(f"  {len(violations)} in all; everything as it was found: {folder}")


def _say(rounds: Sequence[Round], seed: int, output: OutputFormat) -> None:
    """The verdict."""
    broken = sum(bool(one.violations) for one in rounds)
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_as_data(rounds, seed), ensure_ascii=False, indent=2))
    else:
        for line in _summary(rounds, seed):
            typer.echo(line)
    if broken:
        sys.exit(FOUND_WRONG)


def _summary(rounds: Sequence[Round], seed: int) -> list[str]:
    total = _total(rounds)
    struck = ", ".join(f"{times} {name}" for name, times in total["struck"].items())
    sums = "{received:,} received = {stored:,} stored + {duplicates:,} duplicate + {quarantined:,} in quarantine"
    broken = [str(one.number) for one in rounds if one.violations]
    replay = f"torture --seed {seed} --rounds 1 --first-round"
    return [
        f"{len(rounds)} rounds of seed {seed} in {total['seconds']:.0f} s; struck: {struck}",
        f"{sums.format(**total)}; {total['generations']:,} KPI generations",
        f"WRONG in round {', '.join(broken)}; again: {replay} {broken[0]}"
        if broken
        else "Right: no promise was broken.",
    ]


def _total(rounds: Sequence[Round]) -> dict[str, Any]:
    names = ("received", "stored", "duplicates", "generations", "seconds")
    struck = Counter(name for one in rounds for name in one.struck)
    return {
        **{name: sum(getattr(one, name) for one in rounds) for name in names},
        "quarantined": sum(one.quarantined.total() for one in rounds),
        "struck": dict(struck.most_common()),
    }


def _as_data(rounds: Sequence[Round], seed: int) -> dict[str, Any]:
    right = not any(one.violations for one in rounds)
    return {"right": right, "seed": seed, "total": _total(rounds), "rounds": [_round_as_data(one) for one in rounds]}


def _round_as_data(one: Round) -> dict[str, Any]:
    kept = {"folder": str(one.folder) if one.violations else None, "quarantined": dict(one.quarantined)}
    return {**vars(one), **kept, "violations": [asdict(violation) for violation in one.violations]}


def _say_fail_over(done: FailOver, output: OutputFormat) -> None:
    right = not done.violations
    if output is OutputFormat.JSON:
        told = {"right": right, **asdict(done), "folder": None if right else str(done.folder)}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        stood = f"{done.seconds_without_progress:.1f} s without progress"
        typer.echo(f"{done.received} received, {done.stored} stored, {stood} after the primary was killed")
        _evidence(done.violations, done.folder)
    if not right:
        sys.exit(FOUND_WRONG)
