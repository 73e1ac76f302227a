"""The stage from polled APIs to landing directories: each changed answer lands as a file."""

from multimarket_async.poller.poller import Outcome, Poller
