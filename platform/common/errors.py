"""Errors that a person may see: complete sentences, in OpenAI's JSON shape at the API."""

import logging
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from common.answers import ErrorObject
from common.messages import message
from common.wording import in_words
from wording import Message

logger = logging.getLogger(__name__)

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}

RETRY_SECONDS = 5
DATABASE_AWAY = message("database_unavailable")
FORBIDDEN = message("forbidden")
INTERNAL = message("internal_error")


def is_database_away(error: BaseException) -> bool:
    """Return whether the connection failed, rather than what was asked of it.

    PostgreSQL's classes 08 and 57P, and 53300, too many connections; a full disk (53100) does not resolve itself.
    """
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, (OperationalError, InterfaceError)) and (
        state is None or str(state).startswith(("08", "53300", "57P"))
    )


class UserError(Exception):
    """Something the user can understand and mend: what happened, where, what to do.

    `code` is the API's; without one it is the message's own.
    """

    status = 400

    def __init__(
        self, message: Message, *, code: str | None = None, param: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or message.code
        self.param = param
        self.status = status or self.status


class NotFound(UserError):
    """The thing does not exist, or belongs to another team: the two look the same."""

    status = 404


def error_body(
    *, message: Message | str, status: int, code: str | None = None, param: str | None = None
) -> ErrorObject:
    """Return OpenAI's error object, its message in the active language."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": in_words(message), "type": kind, "param": param, "code": code}}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a program learns about an error."""

    status: int
    body: ErrorObject
    headers: dict[str, str]


def answer_to(error: Exception, *, where: str = "") -> Answer:
    """Return OpenAI's error object for any exception; an unforeseen one is logged with its traceback.

    The traceback names code, and never what was sent.
    """
    said: Message | str
    param, headers = None, {}
    if isinstance(error, UserError):
        said, status, code, param = error.message, error.status, error.code, error.param
        if (seconds := getattr(error, "retry_after", None)) is not None:
            headers["Retry-After"] = str(seconds)
    elif isinstance(error, exceptions.APIException):
        (said, param), status, code = _first_sentence(error.detail), error.status_code, _code(error)
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(max(1, int(wait)))
    else:
        said, status = _of_another_kind(error, where)
        code = said.code
        if status == 503:
            headers["Retry-After"] = str(RETRY_SECONDS)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="luthier"'
    return Answer(status=status, body=error_body(message=said, status=status, code=code, param=param), headers=headers)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Answer every exception of an API view."""
    answer = answer_to(error, where=context.get("view").__class__.__name__)
    return Response(answer.body, status=answer.status, headers=answer.headers)


def _of_another_kind(error: Exception, where: str) -> tuple[Message, int]:
    if isinstance(error, Http404):
        return message("not_found"), 404
    if isinstance(error, PermissionDenied):
        return FORBIDDEN, 403
    if is_database_away(error):
        logger.warning("The database does not answer: %s", error)
        return DATABASE_AWAY, 503
    logger.error("Unforeseen error in %s", where, exc_info=error)
    return INTERNAL, 500


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else "invalid_value"


def _first_sentence(detail: Any, path: str = "") -> tuple[str, str | None]:
    """Return the first message of DRF's nested detail and the field it belongs to."""
    if isinstance(detail, dict) and detail:
        key, value = next(iter(detail.items()))
        if key in ("non_field_errors", "detail"):
            return _first_sentence(value, path)
        return _first_sentence(value, f"{path}.{key}" if path else str(key))
    if isinstance(detail, list) and detail:
        return _first_sentence(detail[0], path)
    return (f"{path}: {detail}" if path else str(detail)), path or None
