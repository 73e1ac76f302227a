"""All measures, or those named: a table, and build/bench.json. Usage: python bench.py [--quick] [NAME,...]"""

import sys

import burst
import idle
import latency
import scale
import simulator
import start
from ground import console, ground
from results import FILE, table, write
from rich.console import Console

MEASURES = {module.MEASURE: module.measure for module in (burst, latency, scale, idle, simulator, start)}


def main(words: list[str]) -> None:
    quick = "--quick" in words
    names = [name for word in words if word != "--quick" for name in word.split(",") if name] or list(MEASURES)
    if unknown := set(names) - set(MEASURES):
        sys.exit(f"There is no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}.")
    rows = []
    with ground() as found:
        for name in names:
            console.print(f"{name} ...")
            rows += MEASURES[name](found, quick=quick)
    Console().print(table(rows))
    write(rows, quick=quick)
    console.print(f"every run: {FILE}")


if __name__ == "__main__":
    main(sys.argv[1:])
