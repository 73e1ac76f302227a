"""One bench on its own: `python tests/bench/NAME.py [--quick]`."""

import sys
from collections.abc import Callable

from ground import ground
from results import Row, table
from rich.console import Console


def alone(measure: Callable[..., list[Row]]) -> None:
    with ground() as found:
        Console().print(table(measure(found, quick="--quick" in sys.argv[1:])))
