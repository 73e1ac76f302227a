"""Composition root: settings -> parts -> one TaskGroup. Real time and places enter here only."""

from multimarket_async.app.alerts import alert, alert_once, try_receivers
from multimarket_async.app.checks import examined
from multimarket_async.app.parts import COPY, Application, Workspace, embedded, opened, places, side_task, workspace
from multimarket_async.app.running import run
from multimarket_async.app.signals import stop_on_signals
from multimarket_async.app.sinks import compare_sinks, sink, sink_once
from multimarket_async.app.stages import (
    collect,
    load_http_ahead,
    measure,
    poll,
    poll_once,
    produce,
    serve,
    serve_simulated,
)
