"""Every route of the API says what it answers."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers

from accounts.services import create_api_key
from catalogue import api
from catalogue.models import BaseModel
from common.answers import Declared, declared
from common.errors import Answer
from common.typed_serializers import field_of
from console.asgi import application
from console.middleware import is_api
from datasets_app.web import receiving
from datasets_app.web.receiving import ASGI_ROUTES

BASE = {
    "id": "tiny", "display_name": "Tiny", "family": "llama", "parameters": 1, "context_length": 8192, "hidden_size": 64,
    "num_layers": 2, "vocab_size": 340, "licence": "none", "template": "own",
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(resolver: URLResolver | None = None, before: str = "/") -> Iterator[tuple[str, str, Declared | None]]:
    """Yield method, address and declaration of every route of the API."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, address) if address == "/" or is_api(address) else ()
        elif isinstance(pattern, URLPattern) and is_api(address):
            kind = getattr(pattern.callback, "cls", None)
            offered = ["POST"] if kind is None else [method for method in METHODS if hasattr(kind, method.lower())]
            yield from ((method, address, declared(pattern.callback, method)) for method in offered)
    if resolver is None:
        yield from ((method, pattern.pattern, declared(view, method)) for method, pattern, view in ASGI_ROUTES)


def serializers_in(field: Any) -> Iterator[serializers.Serializer[Any]]:
    """Yield every serializer within `field`."""
    parts = [*getattr(field, "kinds", []), *([field.child] if hasattr(field, "child") else [])]
    if isinstance(field, serializers.Serializer):
        yield field
        parts = list(field.fields.values())
    for part in parts:
        yield from serializers_in(part)


def test_every_route_declares_what_it_answers() -> None:
    found = list(routes())
    assert len(found) > 60
    assert [(method, address) for method, address, answer in found if answer is None] == []


def test_a_schema_can_name_every_serializer() -> None:
    """Two of one name would be one component of a schema."""
    kinds: dict[str, set[type]] = {}
    for _method, _address, answer in routes():
        bodies = [answer.body, *answer.streams.values()] if answer is not None else []
        for field in [field_of(body) for body in bodies if body is not None]:
            for found in serializers_in(field):
                kinds.setdefault(type(found).__name__, set()).add(type(found))
    assert len(kinds) > 60
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.django_db
class TestWatch:
    """What holds every other test's answers to their declarations."""

    @pytest.fixture
    def key(self) -> str:
        return create_api_key(email="alice@example.com", team_name="Violins")

    @pytest.fixture
    def wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        BaseModel.objects.create(**BASE)
        monkeypatch.setattr(api, "as_json", lambda base: {"id": 7, "object": "base_model", "novelty": None})

    @pytest.mark.usefixtures("wrong")
    def test_an_answer_that_is_not_declared_is_found(self, key: str, declared_answers: list[str]) -> None:
        Client().get("/api/v1/catalogue/tiny", headers={"Authorization": f"Bearer {key}"})
        found, declared_answers[:] = list(declared_answers), []
        assert "GET /api/v1/catalogue/tiny: .novelty is not declared" in found
        assert "GET /api/v1/catalogue/tiny: .id is 7, not of CharField" in found
        assert "GET /api/v1/catalogue/tiny: .family is missing" in found

    @pytest.mark.django_db(transaction=True)
    async def test_so_is_one_through_asgi(self, monkeypatch: pytest.MonkeyPatch, declared_answers: list[str]) -> None:
        monkeypatch.setattr(receiving, "answer_to", lambda error, where: Answer(status=400, body={}, headers={}))
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            await client.post("/v1/files", files={"file": b"x"})
        found, declared_answers[:] = list(declared_answers), []
        assert found == ["POST /v1/files: .error is missing"]
        await sync_to_async(connections.close_all)()

    def test_a_right_one_is_not(self, key: str, declared_answers: list[str]) -> None:
        BaseModel.objects.create(**BASE)
        reply = Client().get("/api/v1/catalogue/tiny", headers={"Authorization": f"Bearer {key}"})
        assert reply.json()["id"] == "tiny"
        assert declared_answers == []
