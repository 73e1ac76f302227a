"""Errors as problem+json (RFC 9457): a sentence for people, and no internals."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from multimarket_async.errors import CannotContinue, Unavailable
from multimarket_async.generations import NotKept

MEDIA_TYPE = "application/problem+json"
AWAY = "MongoDB does not answer just now; nothing is lost. Try again."
GUARDED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.MISDIRECTED_REQUEST)
SCHEMA = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence for people"},
    },
}
REFERENCE = {"$ref": "#/components/schemas/Problem"}


class Problem(Exception):
    """Answer with this status and sentence."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The problem as a response."""
        return Response(body(self.status, self.detail), self.status, self.headers, MEDIA_TYPE)


def body(status: HTTPStatus, detail: str) -> bytes:
    """A problem as JSON."""
    document = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the problems an operation may answer with."""
    return {
        int(status): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": REFERENCE}}}
        for status in statuses
    }


def described(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document with the schema of a problem, and the guard's answers to any request."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
    guarded = {str(status): response for status, response in responses(*GUARDED).items()}
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        operation["responses"] = {**guarded, **operation["responses"]}
    return document


def handle_problems(app: FastAPI) -> None:
    """Answer each exception of a handler with a problem."""
    app.add_exception_handler(Exception, lambda *_: _failed())
    app.add_exception_handler(Problem, lambda _, error: error.response())
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(NotKept, lambda _, error: Problem(HTTPStatus.NOT_FOUND, str(error)).response())
    for away in (Unavailable, CannotContinue):
        app.add_exception_handler(away, lambda *_: _away())


def _failed() -> Response:
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "An error in the server; the log has it.").response()


def _away() -> Response:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, AWAY, {"Retry-After": "2"}).response()


def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    return Problem(status, status.description or status.phrase, error.headers).response()


def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    first = error.errors()[0]
    name, given = str(first["loc"][1])[:100], str(first["input"])[:100]
    if first["type"] == "extra_forbidden":
        sentence = f"There is no parameter {name}."
    else:
        sentence = f"{name}: {given!r} is not accepted. {first['msg'].removeprefix('Value error, ')}."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence).response()
