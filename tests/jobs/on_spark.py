"""Processes of several jobs, in one: `python on_spark.py FOLDER...`. One session serves all; prints exit codes."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

from multimarket_async.jobs import spark
from multimarket_async.jobs.child import TASK, main

folders = [Path(name) for name in sys.argv[1:]]
with spark.session(json.loads((folders[0] / TASK).read_bytes())["master"]) as session:
    spark.session = lambda _: nullcontext(session)
    codes = [main(folder) for folder in folders]
sys.stdout.write(json.dumps(codes))
