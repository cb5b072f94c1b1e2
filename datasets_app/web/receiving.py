"""Where large bodies are received, as separate ASGI applications.

Django would write a whole upload to disk before any view ran, and hold it to the cap for common bodies. Here a body
goes block by block into a spool, with no database connection held meanwhile; an upload that is too large, malformed or
broken off leaves nothing.
"""

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpResponse
from django.utils import translation
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from accounts import messages as of_accounts
from accounts.authentication import HEADER as KEY_HEADER
from accounts.authentication import ApiKeyAuthentication, ConsoleAuthentication
from accounts.middleware import TeamMiddleware
from accounts.models import Team, User
from accounts.requests import team_of
from accounts.roles import Role, require_role
from common.answers import answers
from common.asgi import Application, Receive, Scope, Send
from common.errors import UserError, answer_to
from common.idempotency import HEADER, Reply, run_once
from common.ids import new_id
from common.reads import Body, reads
from common.wording import in_words
from datasets_app import services, uploads
from datasets_app.formats.streams import BLOCK
from datasets_app.messages import message
from datasets_app.models import EVERY_KEY, TrainingFile, UploadPart
from datasets_app.storage import store
from datasets_app.versions.questions import LEAVE_OUT
from datasets_app.web.multipart import Form
from datasets_app.web.requests import NewFile, NewPart, NewVersion
from datasets_app.web.wire import FileObject, UploadPartObject, VersionObject, file_json, part_json, version_json

logger = logging.getLogger(__name__)

T = TypeVar("T")
S = TypeVar("S", TrainingFile, UploadPart)

FORM = "multipart/form-data"
FORM_BYTES = 1 << 20
"""What a form may have around its file."""
DRAINED_BYTES = 16 * 2**20
"""How much of a refused body is still read, so that its sender gets to see the answer."""


class Disconnected(Exception):
    """The client has gone."""


class Content:
    """A request's body; knows when all of it has come, since asking once more would wait for ever."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_whole = False

    async def read(self) -> bytes:
        """Return the next bytes; raise Disconnected when the client leaves."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        self.is_whole = not message.get("more_body")
        return bytes(message.get("body", b""))

    async def drain(self) -> None:
        """Read what is left of a refused body, up to a limit."""
        drained = 0
        while not self.is_whole and drained < DRAINED_BYTES:
            drained += len(await self.read())


@dataclass(frozen=True)
class Caller:
    """Who sends."""

    user: User
    team: Team
    idempotency_key: str


@answers(FileObject)
@reads(NewFile, kind=FORM)
async def files_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """POST /v1/files"""
    await _serve(scope, receive, send, body=NewFile, limit=settings.MAX_UPLOAD_BYTES, handler=_create_file)


@answers(UploadPartObject)
@reads(NewPart, kind=FORM)
async def parts_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """POST /v1/uploads/{id}/parts"""
    upload_id = _id_in(scope)

    def receive_part(caller: Caller, form: Form) -> Reply:
        upload = uploads.get_upload(team=caller.team, upload_id=upload_id)
        _refuse_unknown(form, NewPart)
        spool = form.finish()

        def add() -> UploadPart:
            return uploads.add_part(upload=upload, spool=spool)

        # A part whose reply was lost is sent again, and must not be there twice.
        return _once(caller, ["POST part", upload_id, spool.sha256], add, part_json)

    await _serve(scope, receive, send, body=NewPart, limit=uploads.MOST_PART_BYTES, handler=receive_part)


@answers(VersionObject)
@reads(NewVersion, kind=FORM)
async def versions_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """POST /api/v1/files/{id}/versions"""
    file_id = _id_in(scope)

    def receive_version(caller: Caller, form: Form) -> Reply:
        parent = services.get_file(team=caller.team, file_id=file_id)
        _refuse_unknown(form, NewVersion)
        spool, reason, left_out = form.finish(), form.fields.get("reason", ""), _left_out(form.fields)

        def create() -> TrainingFile:
            return services.store_version(
                parent=parent,
                by=caller.user,
                filename=form.filename,
                spool=spool,
                reason=reason,
                left_out=left_out,
            )

        asked = ["POST version", file_id, form.filename, reason, spool.sha256, *left_out]
        return _once(caller, asked, create, version_json)

    await _serve(scope, receive, send, body=NewVersion, limit=settings.MAX_UPLOAD_BYTES, handler=receive_version)


ASGI_ROUTES: list[tuple[str, "re.Pattern[str]", Application]] = [
    ("POST", re.compile(r"/v1/files/?"), files_endpoint),
    ("POST", re.compile(r"/v1/uploads/[^/]+/parts/?"), parts_endpoint),
    ("POST", re.compile(r"/api/v1/files/[^/]+/versions/?"), versions_endpoint),
]


async def receive_form(scope: Scope, body: Content, *, field: str, limit_bytes: int) -> Form:
    """Read a whole form whose file, in `field`, has at most `limit_bytes`.

    Raises UserError for a form that is refused and Disconnected when the client leaves; nothing is left then. The
    caller discards the form's spool.
    """
    announced = _header(scope, b"content-length")
    form = Form(_header(scope, b"content-type"), file_field=field, limit=limit_bytes)
    try:
        if announced.isdigit() and int(announced) > limit_bytes + FORM_BYTES:
            raise UserError(
                message("body_too_large", bytes=int(announced), most=limit_bytes),
                code="file_too_large",
                param=field,
                status=413,
            )
        await _read_into(form, body)
    except BaseException:
        form.discard()
        raise
    return form


async def _read_into(form: Form, body: Content) -> None:
    pending = bytearray()
    while not body.is_whole:
        pending += await body.read()
        if len(pending) >= BLOCK or body.is_whole:
            # In a thread: hashing and writing a block must not hold up other requests.
            await asyncio.to_thread(form.feed, bytes(pending))
            pending.clear()


async def _serve(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    body: type[Body],
    limit: int,
    handler: Callable[[Caller, Form], Reply],
) -> None:
    """Authenticate, receive, then hand the form to `handler` in a thread and send its reply, in the sender's language.

    Who checks the key puts what is wrong into words at once, so the language is active by then.
    """
    with translation.override(translation.get_language_from_request(_bare_request(scope))):
        await _answered(scope, receive, send, field=_file_field(body), limit=limit, handler=handler)


async def _answered(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    field: str,
    limit: int,
    handler: Callable[[Caller, Form], Reply],
) -> None:
    form: Form | None = None
    body = Content(receive)
    headers: dict[str, str] = {}
    try:
        try:
            await _in_thread(lambda: _authenticate(scope))
            form = received = await receive_form(scope, body, field=field, limit_bytes=limit)
            # Asked again: a body may take hours, and who was removed meanwhile stores nothing.
            status, content = await _in_thread(lambda: handler(_authenticate(scope, is_again=True), received))
        except Disconnected:
            raise
        except Exception as error:
            answer = answer_to(error, where="an upload")
            status, content, headers = answer.status, answer.body, answer.headers
            await body.drain()
    except Disconnected:
        return
    finally:
        if form is not None:
            form.discard()
    await _reply(send, status, content, headers)


def _create_file(caller: Caller, form: Form) -> Reply:
    spool = form.finish()
    _refuse_unknown(form, NewFile)
    left_out = _left_out(form.fields)
    purpose = form.fields.get("purpose", "")
    if not purpose:
        raise UserError(message("form_without_purpose"), code="missing_purpose", param="purpose")
    policy = _policy(form.fields)

    def create() -> TrainingFile:
        return services.store_file(
            team=caller.team,
            by=caller.user,
            filename=form.filename,
            purpose=purpose,
            spool=spool,
            expires_after=policy,
            left_out=left_out,
        )

    asked = ["POST /v1/files", purpose, form.filename, policy, spool.sha256, *left_out]
    return _once(caller, asked, create, file_json)


def _once(
    caller: Caller, asked: list[Any], create: Callable[[], S], as_json: Callable[[S], Mapping[str, object]]
) -> Reply:
    """Reply with what `create` stores, or as to an earlier request with the same Idempotency-Key and `asked`."""
    stored: list[str] = []

    def handler() -> Reply:
        made = create()
        stored.append(made.storage_name)
        return 200, as_json(made)

    if not caller.idempotency_key:
        return handler()
    owner = f"team:{caller.team.pk}"
    try:
        return run_once(owner=owner, key=caller.idempotency_key, asked=json.dumps(asked), handler=handler)
    except BaseException:
        # The key's transaction is around that of `create`: when it fails in the end, the row is gone and the bytes not.
        for name in stored:
            store.remove(name)
        raise


def _id_in(scope: Scope) -> str:
    """Return the id in the path /…/{id}/verb."""
    return str(scope["path"].rstrip("/").split("/")[-2])


def _policy(fields: dict[str, str]) -> services.ExpiresAfter | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    is_number = seconds is not None and re.fullmatch(r"\d{1,12}", seconds)
    return {"anchor": anchor, "seconds": int(seconds) if seconds is not None and is_number else seconds}


def _left_out(fields: dict[str, str]) -> list[str]:
    """Return the keys that are left out whatever they contain: all, or none by default."""
    said = fields.get("unused", "")
    if said not in ("", LEAVE_OUT):
        raise UserError(
            message("unused_before_read", said=repr(said[:40]), choice=LEAVE_OUT),
            code="invalid_value",
            param="unused",
        )
    return [EVERY_KEY] if said else []


def _file_field(body: type[Body]) -> str:
    return next(name for name, field in body().fields.items() if isinstance(field, serializers.FileField))


def _names_in(body: type[Body]) -> Iterator[str]:
    """Yield how a form writes the fields of `body`: those of an object as name[key]."""
    for name, field in body().fields.items():
        inner = field.fields if isinstance(field, serializers.Serializer) else None
        yield from [name] if inner is None else (f"{name}[{key}]" for key in inner)


def _refuse_unknown(form: Form, body: type[Body]) -> None:
    unknown = sorted(set(form.fields) - set(_names_in(body)))
    if unknown:
        raise UserError(
            message("form_field_unknown", field=repr(unknown[0][:40])), code="unknown_parameter", param=unknown[0][:40]
        )


def _authenticate(scope: Scope, *, is_again: bool = False) -> Caller:
    """Return who calls, by API key or by the console's session with the X-CSRFToken header."""
    plain = _bare_request(scope)
    SessionMiddleware(_unused).process_request(plain)
    AuthenticationMiddleware(_unused).process_request(plain)
    TeamMiddleware(_unused)(cast(Any, plain))
    authenticators = [ApiKeyAuthentication(counts=not is_again), ConsoleAuthentication()]
    request = Request(plain, authenticators=authenticators, parser_context={"view": _authenticate})
    user = request.user
    if not user:
        raise NotAuthenticated(in_words(of_accounts.message("api_key_missing", header=KEY_HEADER)))
    team = team_of(request)
    require_role(Role.MEMBER, user=cast(User, user), team=team)
    return Caller(cast(User, user), Team.objects.get(pk=team.pk), request.headers.get(HEADER, ""))


def _bare_request(scope: Scope) -> ASGIRequest:
    """Return the request without its body and the headers of one, which is not there for Django to read."""
    headers = [(name, value) for name, value in scope["headers"] if name not in (b"content-type", b"content-length")]
    return ASGIRequest({**scope, "headers": headers}, io.BytesIO())


def _unused(request: object) -> HttpResponse:
    return HttpResponse()


async def _in_thread(work: Callable[[], T]) -> T:
    """Run `work`, in the language of now, in a thread that gives its database connection back at once."""
    language = translation.get_language()

    def run() -> T:
        try:
            with translation.override(language):
                return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def _reply(send: Send, status: int, body: Any, headers: dict[str, str]) -> None:
    content = json.dumps(body, ensure_ascii=False, default=str).encode()
    shown = {
        "content-type": "application/json",
        "content-length": str(len(content)),
        "x-request-id": new_id("req"),
        "x-content-type-options": "nosniff",
        **{name.lower(): value for name, value in headers.items()},
    }
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in shown.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
