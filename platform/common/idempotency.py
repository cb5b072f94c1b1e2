"""`Idempotency-Key`, and the key in a page's form: a create that is asked for twice happens once."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import UserError
from common.messages import message
from common.models import KEPT_HOURS, IdempotentReply

HEADER = "Idempotency-Key"
LONGEST_KEY = 255

Reply = tuple[int, Any]
"""(HTTP status, JSON body)."""


def idempotent(request: Request, handler: Callable[[], Response]) -> Response:
    """Return `handler()`, or what it returned to an earlier request with the same `Idempotency-Key` and body.

    The reply is stored in the transaction of the work itself: after a crash either both are there or neither, and two
    requests at once wait for each other. Only success is kept, so a refused request may be mended and sent again.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        return handler()
    asked = json.dumps(request.data, sort_keys=True, default=str)

    def run() -> Reply:
        response = handler()
        return response.status_code, response.data

    owner = f"team:{getattr(request, 'team').pk}"  # noqa: B009 - set by the authentication, unknown to DRF's types
    status, body = run_once(owner=owner, key=key, asked=f"{request.method} {request.path} {asked}", handler=run)
    return Response(body, status=status)


def run_once(*, owner: str, key: str, asked: str, handler: Callable[[], Reply]) -> Reply:
    """Return `handler()`'s reply, or the stored one of `owner`'s earlier request with the same `key`.

    `asked` is everything that the request asks for; with another one under the same key UserError 409 is raised.
    """
    if len(key) > LONGEST_KEY or "\0" in key:
        raise UserError(message("invalid_idempotency_key", header=HEADER, characters=LONGEST_KEY))
    digest = hashlib.sha256(asked.encode("utf-8", "backslashreplace")).hexdigest()
    with transaction.atomic():
        # A second request waits here until the first one's transaction has ended.
        reply, is_new = IdempotentReply.objects.get_or_create(owner=owner, key=key, defaults={"digest": digest})
        if reply.digest != digest:
            raise UserError(message("idempotency_key_reused", header=HEADER, hours=KEPT_HOURS), status=409)
        if is_new:
            reply.status, reply.body = handler()
            # Through text, so that both replies are alike to the last digit.
            reply.body = json.loads(json.dumps(reply.body, default=str))
            reply.save(update_fields=["status", "body"])
    return reply.status or 200, reply.body


def forget_outdated() -> int:
    """Delete replies that no client will ask for again; return how many."""
    return IdempotentReply.objects.outdated().delete()[0]


FORM_KEY = "form_key"
"""The hidden field of a page's form that distinguishes one display of it from another."""
NOT_SAID = frozenset({FORM_KEY, "csrfmiddlewaretoken"})
"""Fields that people do not fill in."""


def once(request: HttpRequest, create: Callable[[], HttpResponse]) -> HttpResponse:
    """Return `create()`'s redirect; for the very same form sent again, a redirect to where the first one led."""

    def handler() -> Reply:
        response = create()
        return response.status_code, response["Location"]

    return HttpResponseRedirect(submitted_once(request, handler)[1])


def submitted_once(request: HttpRequest, handler: Callable[[], Reply]) -> Reply:
    """Return `handler()`'s reply, or the stored one where the very same form was sent before: by Back, or two clicks.

    A form that was changed before it was sent again is another request, and so is one that was opened anew.
    """
    key = str(request.POST.get(FORM_KEY, ""))
    if not key:
        return handler()
    said: list[Any] = [[name, texts] for name, texts in sorted(request.POST.lists()) if name not in NOT_SAID]
    for name, files in request.FILES.lists():
        said += [[name, file.name, _digest_of(file)] for file in files]
    asked = f"POST {request.path} {json.dumps(said)}"
    digest = hashlib.sha256(asked.encode("utf-8", "backslashreplace")).hexdigest()
    team = getattr(request, "team", None)  # set by a middleware; an administrator may be in none
    owner = f"user:{request.user.pk} team:{team.pk if team else None}"
    return run_once(owner=owner, key=f"form:{key[:64]}:{digest}", asked=asked, handler=handler)


def _digest_of(file: Any) -> str:
    digest = hashlib.sha256()
    for block in file.chunks():
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()
