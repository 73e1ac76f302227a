"""The process of a job: `python -m multimarket_async.jobs.child FOLDER`.

It imports the module of the job, hands it the inputs of the folder or of the lake, and writes a file into the folder
for each table of results.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from multimarket_async.results import NotEnough, Result

TASK, ORIGIN, SUFFIX = "job.json", "origin.json", ".csv"
NICE = 10  # collecting and measuring go first
NOT_ENOUGH, UNCHANGED = 3, 4  # exit codes; of the first one, standard error has the sentence


def main(folder: Path) -> int:
    """Run the job of a folder; the exit code."""
    task = json.loads((folder / TASK).read_bytes())
    try:
        with _inputs(folder, task) as (inputs, origin):
            if origin == task["known"]:
                return UNCHANGED
            result = _result(task, inputs)
    except NotEnough as why:
        sys.stderr.write(f"{why}\n")
        return NOT_ENOUGH
    for table in _landing(task, result):
        named = "" if table == task["name"] else table
        (folder / f"{table}{SUFFIX}").write_bytes(result.content(named, **origin))
    (folder / ORIGIN).write_text(json.dumps(origin), "utf-8")
    return 0


def _landing(task: dict[str, Any], result: Result) -> list[str]:
    """The tables that land, the job's own last: all, or the grades of a result that is no better than its baseline."""
    if task["grades"] and not result.beats_baseline:
        return [task["grades"]]
    return [*(name for name in task["tables"] if result.tables[name]), task["name"]]


@contextmanager
def _inputs(folder: Path, task: dict[str, Any]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """The inputs by name, and the origin of what follows from them. Raises NotEnough."""
    if task["engine"] == "spark":
        from multimarket_async.jobs import spark  # noqa: PLC0415 - of an extra

        with spark.session(task["master"]) as session:
            inputs, digest = spark.inputs(session, task)
            yield inputs, {"data_digest": digest, **task["origin"]}
        return
    import duckdb  # noqa: PLC0415 - the parent imports this module for its names

    with duckdb.connect(config={"threads": 1}) as database:
        yield {name: database.read_parquet(str(folder / f"{name}.parquet")) for name in task["queries"]}, task["origin"]


def _result(task: dict[str, Any], inputs: Mapping[str, Any]) -> Result:
    result: Result = importlib.import_module(task["module"]).run(inputs, task["origin"]["seed"])
    if not result.rows:
        raise NotEnough("it has no rows")
    return result


if __name__ == "__main__":
    os.nice(NICE)
    sys.exit(main(Path(sys.argv[1])))
