"""The command line: exit codes 0 done, 2 wrong use or settings, 3 could not finish, 4 found wrong."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from os import PathLike
from typing import Annotated, Any, TypeAlias

import typer

from multimarket_async.cli import (
    alerts,
    archive,
    bi,
    changes,
    check,
    erase,
    flow,
    formats,
    health,
    job,
    kpi,
    lake,
    logs,
    poll,
    produce,
    quarantine,
    sink,
    top,
    torture,
)
from multimarket_async.cli.found import Kind
from multimarket_async.cli.language import say
from multimarket_async.cli.options import FAULTS, FOLLOW_UPS, HTTP_PORT, PACE, SEED, TIME_SCALE, command
from multimarket_async.cli.output import open_streams
from multimarket_async.descriptors import raise_limit
from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable
from multimarket_async.files_io import keep_from_others
from multimarket_async.memory import collect_cycles_less_often, keep_one_small_heap, switch_threads_sooner

Needs: TypeAlias = dict[Callable[..., None], Sequence[Kind]]

UsageError: Any = typer.BadParameter.__base__  # typer has its own copy of click

app = typer.Typer(
    name="multimarket-async",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    rich_markup_mode=None,  # boxes cut the names of options at 80 columns
    pretty_exceptions_enable=False,
)
command(app, flow.run, SEED, PACE, TIME_SCALE, FAULTS, FOLLOW_UPS, HTTP_PORT, log_to="stdout")
command(app, flow.demo, SEED, FAULTS, FOLLOW_UPS)
command(app, produce.produce, SEED, PACE, TIME_SCALE, FAULTS, FOLLOW_UPS, log_to="stdout")
for stage in (poll.poll, flow.collect, flow.measure):
    command(app, stage, log_to="stdout")
command(app, sink.sink, log_to="stdout", reads=["database"])
command(app, flow.serve, HTTP_PORT, log_to="stdout", reads=["database"])
command(app, torture.torture, SEED)
READING: Needs = {
    **dict.fromkeys((health.verify, health.status, top.top), ("files", "database")),
    erase.erase: ("files", "database"),
    kpi.report: ("database",),
    **dict.fromkeys((check.check_files, health.doctor, bi.bi, logs.logs_of, alerts.alerts), ()),
}
for reading, needs in READING.items():
    command(app, reading, reads=needs)
GROUPS: dict[str, tuple[str, Needs]] = {
    "kpi": (
        "Show, refresh and compare KPIs.",
        {
            kpi.list_all: (),
            **dict.fromkeys((kpi.refresh, kpi.rebuild, kpi.show, changes.history, changes.diff), ("database",)),
        },
    ),
    "quarantine": (
        "Rejected files.",
        dict.fromkeys((quarantine.list_all, quarantine.show, quarantine.replay), ("files",)),
    ),
    "formats": (
        "Formats of files of other systems.",
        dict.fromkeys((formats.list_all, formats.show_declaration, formats.suggest), ()),
    ),
    "archive": ("Archived files.", {archive.pack_days: ("files",)}),
    "lake": ("The Delta tables of the sink lake.", dict.fromkeys((lake.verify, lake.rebuild), ("database",))),
    "job": ("What is computed from stored documents, such as models.", {job.list_all: (), job.run: ("database",)}),
    "config": ("Settings.", {health.show_settings: ()}),
}
for name, (summary, commands) in GROUPS.items():
    group = typer.Typer(help=summary, no_args_is_help=True)
    for reading, needs in commands.items():
        command(group, reading, reads=needs)
    app.add_typer(group, name=name)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"multimarket-async {metadata.version('multimarket-async')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and exit.")
]


@app.callback()
def program(version: Version = False) -> None:
    """Collect files into MongoDB, and measure KPIs."""


def _set_up_process() -> None:
    open_streams()
    keep_one_small_heap()
    collect_cycles_less_often()
    switch_threads_sooner()
    raise_limit()
    keep_from_others()


def main() -> None:
    """Run the command line; an error that a user can correct is a sentence, without a traceback."""
    _set_up_process()
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(128 + signal.SIGINT)
    except UsageError as wrong:
        wrong.message = wrong.message.replace("Value error, ", "")
        wrong.show()
        sys.exit(wrong.exit_code)
    except Exception as error:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):  # of tasks: the others were cancelled because of the first error
            cause = cause.exceptions[0]
        if isinstance(cause, BrokenPipeError):  # the reader of our output has closed it
            os._exit(CannotContinue.exit_code)
        sentence = _sentence(cause)
        if sentence is None:
            raise
        typer.echo(f"{say('error:')} {say(sentence)}", err=True)
        sys.exit(getattr(cause, "exit_code", CannotContinue.exit_code))


def _sentence(error: BaseException) -> str | None:
    """The error and its remedy; None for an error in the program."""
    match error:
        case CannotContinue() | Unavailable() | OperationFailed():
            return str(error)
        case OSError(filename=str() | bytes() | PathLike()):
            return f"{error.filename}: {error.strerror}. Correct that, or choose another folder with --data-dir."
    return None
