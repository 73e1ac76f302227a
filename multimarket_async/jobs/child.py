"""The process of a job: `python -m multimarket_async.jobs.child FOLDER`.

It imports the module of the job, hands it the inputs of the folder, and writes a file there for each table of results.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from multimarket_async.results import NotEnough, Result

TASK, SUFFIX = "job.json", ".csv"
NICE = 10  # collecting and measuring go first
NOT_ENOUGH = 3  # exit code; standard error has the sentence


def main(folder: Path) -> int:
    """Run the job of a folder; the exit code."""
    os.nice(NICE)
    task = json.loads((folder / TASK).read_bytes())
    try:
        result = _result(folder, task)
    except NotEnough as why:
        sys.stderr.write(f"{why}\n")
        return NOT_ENOUGH
    for table in _landing(task, result):
        named = "" if table == task["name"] else table
        (folder / f"{table}{SUFFIX}").write_bytes(result.content(named, **task["origin"]))
    return 0


def _landing(task: dict[str, Any], result: Result) -> list[str]:
    """The tables that land, the job's own last: all, or the grades of a result that is no better than its baseline."""
    if task["grades"] and not result.beats_baseline:
        return [task["grades"]]
    return [*(name for name in task["tables"] if result.tables[name]), task["name"]]


def _result(folder: Path, task: dict[str, Any]) -> Result:
    import duckdb  # noqa: PLC0415 - the parent imports this module for its names

    with duckdb.connect(config={"threads": 1}) as database:
        inputs = {name: database.read_parquet(str(folder / f"{name}.parquet")) for name in task["inputs"]}
        result: Result = importlib.import_module(task["module"]).run(inputs, task["origin"]["seed"])
        if not result.rows:
            raise NotEnough("it has no rows")
        return result


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
