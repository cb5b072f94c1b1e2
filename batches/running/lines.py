"""The lines of a file of requests: what one asks, or what is wrong with it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from batches.messages import message
from common.errors import UserError
from common.templatetags.luthier import size
from common.texts import is_storable, sendable
from deployments.gateway.admission import read_body, read_object
from wording import Message

ENDPOINTS = ("/v1/chat/completions", "/v1/completions")
FIELDS = ("custom_id", "method", "url", "body")
LONGEST_ID = 512
LONGEST_LINE = 2 * 2**20
"""Bytes: as long a question may be that comes alone."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A request of a file."""

    number: int
    """From 1."""
    custom_id: str
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])


class LineFault(Exception):
    """What is wrong with a line."""

    def __init__(self, said: Message, *, code: str, param: str | None = None) -> None:
        super().__init__(said)
        self.said, self.code, self.param = said, code, param


def raw_lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each line that is not empty; one that is too long comes cut."""
    number = 0
    while content := stream.readline(LONGEST_LINE + 2):
        number += 1
        if not content.endswith(b"\n"):
            while rest := stream.readline(LONGEST_LINE):
                content = content[:1] * (LONGEST_LINE + 2)  # it is refused for its length
                if rest.endswith(b"\n"):
                    break
        if content.strip():
            yield number, content


def read_line(number: int, content: bytes, *, endpoint: str) -> Line:
    """Return the request of a line; LineFault says what is wrong with it."""
    if len(content) > LONGEST_LINE + 1:
        raise LineFault(message("batch_line_too_long", size=size(LONGEST_LINE)), code="line_too_long")
    if number == 1:
        content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        found = read_object(content)
    except UserError:
        raise LineFault(message("batch_line_no_json"), code="invalid_json_line") from None
    for name in FIELDS:
        if name not in found:
            raise LineFault(message("batch_line_without", name=name), code="missing_required_parameter", param=name)
    if unknown := sorted(set(found) - set(FIELDS)):
        name = sendable(unknown[0])
        said = message("batch_line_unknown", name=name, known=", ".join(FIELDS))
        raise LineFault(said, code="unknown_parameter", param=name)
    _check_address(found, endpoint)
    return Line(number=number, custom_id=_custom_id(found["custom_id"]), body=_body(found["body"]))


def _check_address(found: dict[str, Any], endpoint: str) -> None:
    if found["method"] != "POST":
        raise LineFault(message("batch_line_method"), code="invalid_method", param="method")
    if found["url"] != endpoint:
        raise LineFault(message("batch_line_url", endpoint=endpoint), code="invalid_url", param="url")


def _custom_id(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_ID or not is_storable(value):
        raise LineFault(message("batch_line_id", most=LONGEST_ID), code="invalid_custom_id", param="custom_id")
    return value


def _body(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LineFault(message("batch_line_body"), code="invalid_type", param="body")
    if value.get("stream"):
        raise LineFault(message("batch_line_stream"), code="unsupported_parameter", param="body.stream")
    try:
        return read_body(json.dumps(value).encode())
    except UserError as error:
        raise LineFault(error.message, code=error.code, param=f"body.{error.param or 'model'}") from None
