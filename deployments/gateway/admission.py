"""Who asks, for which model: checked before anything of a request is passed on."""

import io
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.settings import api_settings

from accounts.authentication import GUESS_WINDOW_SECONDS, is_guessing, key_of, why_refused
from accounts.models import ApiKey, Team
from accounts.rate_limits import count_request
from accounts.scopes import require_scope
from common.errors import UserError
from deployments.messages import engine, message
from deployments.names import Target, find_open_target, find_target
from wording import Message, as_written

NO_KEY = "EMPTY"
"""What scripts written for servers without keys send instead of one."""
FORWARDING_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Origin")
"""A request with one of these comes from elsewhere: through a proxy, or from a web page that a browser on this machine
shows. Neither is a program of this machine."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whom a request is answered and counted for."""

    team: Team
    api_key_id: str | None = None
    user_id: int | None = None
    """A person in the console. Neither: a program of this machine, asking an open deployment."""
    key_holder_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request that may be answered."""

    caller: Caller
    target: Target
    body: dict[str, Any]
    """What was sent; `model` and the shape are checked, the rest is the replica's to check."""
    is_background: bool = False
    """Nobody waits for the answer: replicas let everybody else's begin before."""


class TooManyGuesses(UserError):
    """More wrong keys came from one address than anyone mistypes."""

    retry_after = GUESS_WINDOW_SECONDS

    def __init__(self) -> None:
        super().__init__(message("too_many_wrong_keys"), code="throttled", status=429)


def admit(*, authorization: str, is_local: bool, content: bytes, address: str = "") -> Question:
    """Check the key, the body and the model's name, in this order; UserError says what is wrong."""
    caller = _caller(authorization, address, view=admit)
    if caller is None and not is_local:
        raise _unauthorized(message("question_without_key"))
    body = read_body(content)
    if caller is not None:
        return Question(caller=caller, target=find_target(team=caller.team, name=body["model"]), body=body)
    target = find_open_target(name=body["model"])
    if target is None or target.deployment is None:
        raise _unauthorized(message("open_deployment_missing"))
    return Question(caller=Caller(team=target.deployment.team), target=target, body=body)


def caller_by_key(*, authorization: str, view: Callable[..., Any], address: str = "") -> Caller:
    """Return whose key was sent; UserError without a live one that may use `view`."""
    caller = _caller(authorization, address, view=view)
    if caller is None:
        raise _unauthorized(message("question_without_key"))
    return caller


def read_body(content: bytes) -> dict[str, Any]:
    """Return the JSON object that was sent, bounded in depth, with a model's name in it."""
    body = read_object(content)
    name = body.get("model")
    if not isinstance(name, str) or not name or "\0" in name:
        raise UserError(engine.message("model_parameter_missing"), code="missing_model", param="model")
    return body


def read_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object that was sent, bounded in depth."""
    try:
        body = _json_parser().parse(io.BytesIO(content))
    except ParseError as error:
        raise UserError(as_written(error.detail), code="invalid_json") from None
    if not isinstance(body, dict):
        raise UserError(message("question_not_an_object"), code="invalid_json")
    return body


def _json_parser() -> BaseParser:
    """Return the API's parser of JSON, which the settings name."""
    return cast(type[BaseParser], api_settings.DEFAULT_PARSER_CLASSES[0])()


def is_local_program(request: HttpRequest) -> bool:
    """True for a program on this very machine that came without a detour."""
    if settings.SECURE_PROXY_SSL_HEADER or any(name in request.headers for name in FORWARDING_HEADERS):
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _caller(authorization: str, address: str, *, view: Callable[..., Any]) -> Caller | None:
    """Return whom the key belongs to; None when none was sent, an error when it is not a live one."""
    secret = key_of(authorization) if authorization else NO_KEY
    if secret == NO_KEY:
        return None
    key = ApiKey.find(secret) if secret else None
    if key is None:
        if is_guessing(address):
            raise TooManyGuesses
        raise _unauthorized(why_refused(secret))
    count_request(key, asks_model=True)
    require_scope(key.scopes, view, "POST")
    key.mark_used()
    return Caller(team=key.team, api_key_id=key.pk, key_holder_id=key.user_id)


def _unauthorized(reason: Message) -> UserError:
    return UserError(reason, code="invalid_api_key", status=401)
