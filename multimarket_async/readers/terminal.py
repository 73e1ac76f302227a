"""Drawings for the terminal that more than one command uses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

# update(step, completed=, advance=, total=), as in rich.progress.Progress.update.
Update: TypeAlias = Callable[..., None]


@contextmanager
def progress(*steps: str, total: float | None = None) -> Iterator[Update]:
    """A progress bar for each step on standard error, removed at the end; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {step: bars.add_task(step, total=total) for step in steps}
        yield lambda step, **change: bars.update(tasks[step], **change)


class _Rate(ProgressColumn):
    """Completed per second."""

    def render(self, task: Task) -> Text:
        """Average over the last seconds."""
        return Text(f"{task.speed or 0:,.0f}/s")
