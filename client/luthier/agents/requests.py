"""Requests of tools to the API, asynchronous, so that one that waits keeps nobody else waiting."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from luthier.errors import ApiError
from luthier.transport import TIMEOUT, checked, filled, multipart, query_of, unreachable


class Requests:
    """One server, asked with one key."""

    def __init__(self, url: str, key: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        given = {**(headers or {}), "Authorization": f"Bearer {key}"}
        self.http = httpx.AsyncClient(base_url=url, headers=given, timeout=TIMEOUT)

    @classmethod
    def by(cls, http: httpx.AsyncClient) -> Requests:
        """Return requests that a client sends which has its address and key already."""
        found = cls.__new__(cls)
        found.url, found.http = str(http.base_url), http
        return found

    async def get(self, path: str, *, inside: Mapping[str, str] | None = None, **query: Any) -> Any:
        return await self._send("GET", path, inside, params=query_of(query))

    async def post(self, path: str, body: Any = None, *, inside: Mapping[str, str] | None = None) -> Any:
        """Make or change something, once, however often the request is sent."""
        options: dict[str, Any] = {"headers": {"Idempotency-Key": str(uuid.uuid4())}}
        return await self._send("POST", path, inside, **options, **({} if body is None else {"json": body}))

    async def delete(self, path: str, *, inside: Mapping[str, str] | None = None) -> Any:
        return await self._send("DELETE", path, inside)

    async def upload(self, path: str, form: Mapping[str, Any]) -> Any:
        return await self._send("POST", path, None, **multipart(form))

    async def _send(self, method: str, path: str, inside: Mapping[str, str] | None, **options: Any) -> Any:
        try:
            reply = checked(await self.http.request(method, filled(path, inside or {}), **options))
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        try:
            return reply.json()
        except json.JSONDecodeError:
            raise ApiError(reply.text[:300], status=reply.status_code, code="no_json") from None
