"""Errors of the driver and the server, as our own: grouped by what happens next, with a sentence for people."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from bson.errors import BSONError
from pymongo import errors

from multimarket_async.errors import CannotContinue, OperationFailed, Unavailable
from multimarket_async.store.driver import cancellable

DUPLICATE_KEY, UNAUTHORIZED, AUTHENTICATION_FAILED, NAMESPACE_EXISTS, BAD_VALUE = 11000, 13, 18, 48, 2
NOT_PERMITTED = frozenset({UNAUTHORIZED, 8000})  # the second one is Atlas's own
NO_LOGIN = frozenset({AUTHENTICATION_FAILED, 334})  # 334: the server does not offer this mechanism
# Codes of a server that is shutting down, stepping down or short of disk, or whose cursor or lock is gone: it, or
# another, will answer later. https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
# 211: a server that has just started does not have the keys yet with which it checks the cluster's time.
RETRYABLE = frozenset(
    {6, 7, 24, 43, 46, 50, 64, 89, 91, 112, 133, 134, 175, 189, 202, 211, 237, 262}
    | {9001, 10107, 11600, 11601, 11602, 13435, 13436, 14031}
)
TOO_LARGE = frozenset({10334, 17419, 17420, 4031700})
MAX_REASON = 300  # characters
# A value in a message: neither an operator such as '$divide', nor the apostrophe of a word.
QUOTED = re.compile(r"""(?<!\w)(['"])(?!\$).*?\1(?!\w)""")
REMEDIES = {  # by the words of the driver
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted here: name its authority with tlsCAFile in mongo_uri",
    "SSL handshake failed": "compare tls in mongo_uri with what the server wants",
    "No replica set members available": "compare replicaSet in mongo_uri with the name of the set",
    "connection closed": "it may want TLS: then write tls=true into mongo_uri",
    "not known": "check the name of the host in mongo_uri, and the DNS of this machine",
    "Connection refused": "start it, or correct host and port in mongo_uri",
}
CODE = re.compile(r"'code': (\d+)")
INDEX = re.compile(r"\bindex: (\S+)")
COMMAND = re.compile(r"command \{ (\w+):.*")
WriteErrors: TypeAlias = Mapping[int, Mapping[str, Any]]  # by index of the write


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable, CannotContinue or OperationFailed for whatever the driver raises."""
    try:
        with cancellable():
            yield
    # OSError: without a free descriptor, PyMongo cannot import what it needs for its first connection.
    except (errors.ConnectionFailure, errors.WTimeoutError, errors.ExecutionTimeout, OSError) as error:
        raise _of_connection(str(error)) from error
    except errors.OperationFailure as error:
        raise _of_server(error) from error
    except errors.ConfigurationError as error:
        raise CannotContinue(f"MongoDB cannot be used with this mongo_uri: {error}") from error
    except (errors.PyMongoError, BSONError, OverflowError) as error:
        raise OperationFailed(_reason(error)) from error


def _of_connection(said: str) -> Exception:
    """The driver's message without its history, and what to do where that is known."""
    refused = CODE.search(said)  # how a login that fails is reported to all others who wait for it
    said = said.partition(", Timeout:")[0].partition(" (configured timeouts:")[0].partition(", full error:")[0]
    if refused and int(refused[1]) in NO_LOGIN:
        return CannotContinue(f"MongoDB refuses these credentials: {said}")
    remedies = (remedy for words, remedy in REMEDIES.items() if words in said)
    return Unavailable("; ".join([f"MongoDB is away: {said}", *next(([remedy] for remedy in remedies), [])]))


def _of_server(error: errors.OperationFailure) -> Exception:
    details = {"code": error.code, "errmsg": str(error), **(error.details or {})}
    if error.code in NO_LOGIN:
        return CannotContinue(f"MongoDB refuses these credentials: {sentence(details)}")
    if isinstance(error, errors.WriteConcernError) or details.get("writeConcernErrors"):
        return Unavailable("not yet acknowledged by a majority")
    failures = [details, *details.get("writeErrors", ())]
    if error.has_error_label("RetryableWriteError") or any(map(_will_pass, failures)):
        return Unavailable(f"MongoDB is away: {sentence(failures[-1])}")
    if error.code in NOT_PERMITTED:
        reason = COMMAND.sub(r"\1", _reason(error))
        return OperationFailed(f"the MongoDB user lacks a right, see `doctor`: {reason}")
    return OperationFailed(_reason(error))


def _will_pass(error: Mapping[str, Any]) -> bool:
    return error.get("code") in RETRYABLE or is_key_taken(error)  # another process inserted it in this moment


def write_errors(failure: errors.BulkWriteError) -> WriteErrors:
    """The errors of single writes by index, where these may be reasons to refuse documents. Raises Unavailable."""
    found = failure.details["writeErrors"]
    if failure.details["writeConcernErrors"] or any(error["code"] in RETRYABLE for error in found):
        raise _of_server(failure) from failure
    return {error["index"]: error for error in found}


def is_key_taken(error: Mapping[str, Any]) -> bool:
    """True if the `_id` is taken: a unique index that somebody else made on another field is no key of ours."""
    return bool(error.get("code") == DUPLICATE_KEY and _is_of_key(error))


def refusal(error: Mapping[str, Any]) -> str:
    """The reason why the server refuses a document, and what to do where an index that is not ours is the reason."""
    if error["code"] != DUPLICATE_KEY:
        return sentence(error)
    fields = ", ".join(error.get("keyPattern", {})) or "its fields"
    return (
        f"the unique index {_index(error)}, which is not MultiMarket's, allows one document with the same {fields}:"
        " drop the index, then send this back with `quarantine replay`"
    )


def sentence(error: Mapping[str, Any]) -> str:
    """The server's own sentence."""
    return str(error.get("errmsg") or "no reason given")


def _is_of_key(error: Mapping[str, Any]) -> bool:
    if "keyPattern" in error:
        return [*error["keyPattern"]] == ["_id"]
    return _index(error) == "_id_"  # mongos does not always hand the pattern on


def _index(error: Mapping[str, Any]) -> str:
    found = INDEX.search(sentence(error))
    return found[1] if found else "_id_"


def _reason(error: Exception) -> str:
    """The cause in a line, without values of documents: they may be personal data."""
    details: Any = getattr(error, "details", None) or {}
    codes = {failure.get("code") for failure in (details, *details.get("writeErrors", ()))}
    if isinstance(error, errors.DocumentTooLarge) or codes & TOO_LARGE:
        return "The result is larger than the 16 MB of a document in MongoDB."
    messages = [failure["errmsg"] for failure in (details, *details.get("writeErrors", ())) if "errmsg" in failure]
    cause = str((messages or [error])[0]).rpartition(" :: caused by :: ")[2]
    return QUOTED.sub("'...'", cause.partition("\n")[0])[:MAX_REASON]
