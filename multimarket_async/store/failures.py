"""Operations that fail each time they are tried: the sentence for people."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import DocumentTooLarge, OperationFailure

from multimarket_async.errors import OperationFailed

TOO_LARGE = frozenset({10334, 17419, 17420, 4031700})
MAX_REASON = 300  # characters
# A value in a message: neither an operator such as '$divide', nor the apostrophe of a word.
QUOTED = re.compile(r"""(?<!\w)(['"])(?!\$).*?\1(?!\w)""")


@contextmanager
def failing() -> Iterator[None]:
    """Raise OperationFailed for an error that comes again, of the server or of what Python cannot write or read."""
    try:
        yield
    except (OperationFailure, DocumentTooLarge, BSONError, OverflowError) as error:
        raise OperationFailed(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The cause in a line, without values of documents: they may be personal data."""
    details: Any = getattr(error, "details", None) or {}
    codes = {failure.get("code") for failure in (details, *details.get("writeErrors", ()))}
    if isinstance(error, DocumentTooLarge) or codes & TOO_LARGE:
        return "The result is larger than the 16 MB of a document in MongoDB."
    cause = str(details.get("errmsg") or error).rpartition(" :: caused by :: ")[2]
    return QUOTED.sub("'...'", cause.partition("\n")[0])[:MAX_REASON]
