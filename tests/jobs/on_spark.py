"""Processes of several jobs, in one: `python on_spark.py FOLDER...`. Java is started once; prints exit codes."""

import json
import sys
from pathlib import Path

from multimarket_async.jobs.child import main

sys.stdout.write(json.dumps([main(Path(folder)) for folder in sys.argv[1:]]))
