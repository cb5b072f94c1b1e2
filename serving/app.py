"""The replica's HTTP routes."""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.answers import Answer, ClientGone, constraint_of, prompts_of, stream, whole
from serving.faults import AdapterRefused, RequestError
from serving.form_compiler import FormCompiler
from serving.messages import message
from serving.replica import Replica
from serving.requests import ChatRequest, TextRequest, read_chat, read_json, read_text
from serving.spec import BACKGROUND_HEADER, NAME_HEADER
from wording import as_written

log = logging.getLogger("serving")
MAX_BODY_BYTES = 10 * 1024 * 1024
Endpoint = Callable[[Request], Awaitable[Response]]


class EventStream(Response):
    """Server-sent events whose generator is closed as soon as the client goes or the stream ends."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks
        super().__init__(
            media_type="text/event-stream", headers={"cache-control": "no-cache", "x-accel-buffering": "no"}
        )
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with contextlib.aclosing(self._chunks) as chunks:
            with contextlib.suppress(OSError):
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})


class Routes:
    """The endpoints of one replica."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._compiler = FormCompiler(vocab_size=replica.engine.loaded.vocab_size)
        self.draining = False
        """True once the replica was asked to stop: new requests are refused, running ones finish."""

    def app(self) -> Starlette:
        routes = [
            Route("/health", self._guarded(self.health, open=True), methods=["GET"]),
            Route("/stats", self._guarded(self.stats), methods=["GET"]),
            Route("/v1/models", self._guarded(self.models), methods=["GET"]),
            Route("/v1/models/{name:path}", self._guarded(self.model), methods=["GET"]),
            Route("/v1/chat/completions", self._guarded(self.chat), methods=["POST"]),
            Route("/v1/completions", self._guarded(self.text), methods=["POST"]),
            Route("/adapters", self._guarded(self.add_adapter), methods=["POST"]),
            Route("/adapters/{name:path}", self._guarded(self.release_adapter), methods=["DELETE"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})

    async def health(self, request: Request) -> Response:
        status = "stopping" if self.draining else "ok"
        return JSONResponse({"status": status, "models": [model.name for model in self._replica.models()]})

    async def stats(self, request: Request) -> Response:
        engine = self._replica.engine
        return JSONResponse(
            {
                "running": engine.num_running,
                "waiting": engine.num_waiting,
                "tokens_generated": engine.num_tokens_generated,
                "idle_seconds": round(engine.idle_seconds, 3),
            }
        )

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(m.name, m.created) for m in self._replica.models()]})

    async def model(self, request: Request) -> Response:
        served = self._replica.get(request.path_params["name"])
        return JSONResponse(_model(served.name, served.created))

    async def chat(self, request: Request) -> Response:
        return await self._answer(request, read_chat(read_json(await _body(request))))

    async def text(self, request: Request) -> Response:
        return await self._answer(request, read_text(read_json(await _body(request))))

    async def add_adapter(self, request: Request) -> Response:
        value = read_json(await _body(request))
        name, path, has_probes = value.get("name"), value.get("path"), value.get("has_probes", True)
        is_whole = set(value) - {"has_probes"} == {"name", "path"} and isinstance(has_probes, bool)
        if not (is_whole and isinstance(name, str) and name and isinstance(path, str) and path):
            raise RequestError(message("adapter_body_invalid"))
        try:
            served = await asyncio.to_thread(self._replica.add, name, path, has_probes=has_probes)
        except AdapterRefused as error:
            raise RequestError(error.message, status=422, code="adapter_refused") from error
        return JSONResponse({"name": served.name, "path": served.path, "status": "ready"})

    async def release_adapter(self, request: Request) -> Response:
        await asyncio.to_thread(self._replica.release, request.path_params["name"])
        return JSONResponse({"name": request.path_params["name"], "deleted": True})

    async def _answer(self, request: Request, wanted: ChatRequest | TextRequest) -> Response:
        if self.draining:
            raise RequestError(message("replica_stopping"), status=503, type="server_error", code="server_stopping")
        wanted = replace(
            wanted,
            public_name=unquote(request.headers.get(NAME_HEADER, "")),
            is_background=BACKGROUND_HEADER in request.headers,
        )
        served = self._replica.get(wanted.model, shown_name=wanted.shown_name)
        # Rendering and tokenising a long prompt takes a while; other streams go on meanwhile.
        prompts = await asyncio.to_thread(prompts_of, self._replica, wanted, served)
        constraint = await asyncio.to_thread(constraint_of, self._compiler, wanted, served)
        answer = Answer(self._replica, wanted, served, prompts, constraint)
        if wanted.stream:
            return EventStream(stream(answer, request.receive))
        return JSONResponse(await whole(answer, request.receive))

    def _guarded(self, endpoint: Endpoint, *, open: bool = False) -> Endpoint:
        """Check the key, and answer every error in OpenAI's shape."""

        async def guarded(request: Request) -> Response:
            try:
                if not open:
                    self._check_key(request)
                return await endpoint(request)
            except RequestError as error:
                return JSONResponse(error.to_json(), status_code=error.status)
            except (ClientGone, ClientDisconnect):
                return Response(status_code=499)
            except Exception:
                # The traceback names code, never the prompt.
                log.exception("A request failed.")
                fault = RequestError(message("replica_error"), status=500, type="server_error")
                return JSONResponse(fault.to_json(), status_code=500)

        return guarded

    def _check_key(self, request: Request) -> None:
        token = self._replica.spec.token
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise RequestError(message("replica_key_wrong"), status=401, code="invalid_api_key")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RequestError(
                message("replica_body_too_large", bytes=MAX_BODY_BYTES), status=413, code="body_too_large"
            )
    return bytes(body)


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "luthier"}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = f"{request.method} {request.url.path}: {error.detail}."
    reason = RequestError(as_written(text), status=error.status_code)
    return JSONResponse(reason.to_json(), status_code=error.status_code)
