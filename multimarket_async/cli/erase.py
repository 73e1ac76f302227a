"""erase: everything of a person, with a receipt without it."""

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from multimarket_async.app import Application
from multimarket_async.cli.language import say, tell
from multimarket_async.cli.options import connected
from multimarket_async.erasure import Erasing, Everything
from multimarket_async.errors import CannotContinue, WrongSettings
from multimarket_async.logs import escape_control_chars
from multimarket_async.proving import manifest
from multimarket_async.readers.terminal import progress
from multimarket_async.settings import Loaded

MOST_LOOKS = 5
PLACES = {
    "waiting": "waiting files of {}",
    "archived": "archived files of {}",
    "packed": "archived files of {} in packs",
    "quarantined": "quarantined files of {}",
    "lists": "lists of rejected records of {}",
    "histories": "reasons of replayed files of {}",
    "documents": "documents of {}",
    "log_lines": "lines of logs",
}


def erase(
    loaded: Loaded,
    client: Annotated[str, typer.Option("--client", help="ID of the person, as in the field that names one.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be erased, and erase nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without a question.")] = False,
) -> None:
    """Erase a person: documents, files, records in files, and lines of logs, for good.

    A receipt stays: when, how much, and a keyed hash of the ID. Killed at any point, run again it completes.
    """
    if not client.strip():
        raise WrongSettings("--client is empty: name a person.")

    async def work(application: Application) -> None:
        await erase_person(application, client, dry_run=dry_run, yes=yes)

    connected(loaded, work)


async def erase_person(application: Application, client: str, *, dry_run: bool, yes: bool) -> None:
    """Erase a person, or only show what would be. Raises CannotContinue."""
    erasing = application.erasing()
    earlier = await erasing.earlier(client)
    for receipt in earlier:
        tell(_earlier(receipt))
    everything = await _find(erasing, client)
    unfinished = any(receipt["ended_at"] is None for receipt in earlier)
    for line in _listed(everything):
        tell(line)
    if dry_run or not (everything.counts() or unfinished):
        tell("Nothing was erased.")
        return
    if not (yes or _agreed()):
        raise CannotContinue("Nothing was erased. --yes erases without a question.")
    receipt = await _removed(application, erasing, everything)
    tell(f"Erased: {'; '.join(_counted(receipt.get('counts', {})))}. The receipt is {receipt['_id']} in `erasures`.")


async def _find(erasing: Erasing, client: str) -> Everything:
    with progress("archived files", total=erasing.files) as update:
        return await erasing.find(client, lambda done: update("archived files", advance=done))


async def _removed(application: Application, erasing: Erasing, everything: Everything) -> dict[str, Any]:
    """Remove everything, and what a collector stored meanwhile; the receipt."""
    for _ in range(MOST_LOOKS):
        receipt = await erasing.begin(everything)
        manifest.erase(application, everything.contents())
        await erasing.remove(everything)
        everything = await _find(erasing, everything.person.id)
        if not everything.is_left():
            await erasing.overwrite_logs(everything)  # MongoDB may have logged a slow search
            await application.forget(receipt.get("counts", {}).get("documents", {}))
            return await erasing.end(receipt)
    raise CannotContinue("More of that person arrives all the time: stop what delivers it, then run this again.")


def _listed(everything: Everything) -> Iterator[str]:
    """Numbers of what was found, by place, and the quarantined files by name."""
    yield from (f"{line}" for line in _counted(_nested(everything.counts())))
    for found in everything.files:
        yield from (f"  quarantined: {escape_control_chars(path.name)}" for path in found.quarantined)


def _nested(counts: Mapping[str, int]) -> dict[str, Any]:
    """Counts by place, then by feed or table, as a receipt has them."""
    nested: dict[str, Any] = {}
    for name, number in counts.items():
        place, _, of = name.partition(".")
        if of:
            nested.setdefault(place, {})[of] = number
        else:
            nested[place] = number
    return nested


def _counted(counts: Mapping[str, Any]) -> Iterator[str]:
    for place, words in PLACES.items():
        numbers = counts.get(place, {})
        for of, number in numbers.items() if isinstance(numbers, Mapping) else [("", numbers)]:
            yield say(f"{number} {words.format(of)}")


def _earlier(receipt: Mapping[str, Any]) -> str:
    counted = "; ".join(_counted(receipt.get("counts", {})))
    if receipt["ended_at"] is None:
        return f"An erasure begun at {receipt['at']:%Y-%m-%d %H:%M} UTC was not finished: {counted}."
    return f"Erased at {receipt['ended_at']:%Y-%m-%d %H:%M} UTC: {counted}."


def _agreed() -> bool:
    """The answer to the question; no where nobody answers."""
    tell("Erase this for good? It cannot be brought back. [y/N] ", err=True, nl=False)
    answer = sys.stdin.readline() if sys.stdin else ""
    return answer.strip().lower() in ("y", "yes", "o", "oui")
