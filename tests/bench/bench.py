"""All measures, or those named: a table, and build/bench.json. Usage: python bench.py [--quick] [NAME,...]"""

import subprocess
import sys

import burst
import drivers
import flood
import formats
import idle
import kpis
import large
import latency
import pages
import recommendations
import records
import scale
import simulator
import sinks
import start
from ground import console, ground
from results import FILE, Row, table, write
from rich.console import Console

MEASURES = {
    module.MEASURE: module.measure
    for module in (
        simulator,
        burst,
        formats,
        records,
        large,
        kpis,
        sinks,
        drivers,
        latency,
        flood,
        pages,
        recommendations,
        scale,
        idle,
        start,
    )
}


def main(words: list[str]) -> None:
    quick = "--quick" in words
    names = [name for word in words if word != "--quick" for name in word.split(",") if name] or list(MEASURES)
    if unknown := set(names) - set(MEASURES):
        sys.exit(f"There is no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}.")
    rows: list[Row] = []
    failed = []
    with ground() as found:
        for name in names:
            console.print(f"{name} ...")
            try:
                rows += MEASURES[name](found, quick=quick)
            except (OSError, EOFError, AssertionError, ArithmeticError, subprocess.SubprocessError) as error:
                console.print_exception()
                failed.append(f"{name}: {error!r}")
            write(rows, quick=quick)
    Console().print(table(rows))
    console.print(f"every run: {FILE}", *failed, sep="\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
