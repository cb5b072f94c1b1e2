"""Every route of the API says what it answers."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client
from rest_framework import serializers

from accounts.services import create_api_key
from catalogue import api
from catalogue.models import BaseModel
from common.answers import declared
from common.errors import Answer
from common.fields import Either
from common.reads import reads_of
from common.typed_serializers import field_of
from console.asgi import application
from datasets_app.web import receiving
from tests.api_routes import routes

A_TOKENS_ID = "TokenObject.id"
"""Its number in the model's vocabulary."""
BASE = {
    "id": "tiny", "display_name": "Tiny", "family": "llama", "parameters": 1, "context_length": 8192, "hidden_size": 64,
    "num_layers": 2, "vocab_size": 340, "licence": "none", "template": "own",
}  # fmt: skip


def serializers_in(field: Any) -> Iterator[serializers.Serializer[Any]]:
    """Yield every serializer within `field`."""
    parts = [
        *getattr(field, "kinds", []),
        *(getattr(field, name) for name in ("child", "kind") if hasattr(field, name)),
    ]
    if isinstance(field, serializers.Serializer):
        yield field
        parts = list(field.fields.values())
    for part in parts:
        yield from serializers_in(part)


def test_every_route_declares_what_it_answers() -> None:
    found = list(routes())
    assert len(found) > 60
    assert [(method, address) for method, address, view in found if declared(view, method) is None] == []


def test_a_schema_can_name_every_serializer() -> None:
    """Two of one name would be one component of a schema."""
    kinds: dict[str, set[type]] = {}
    for method, _address, view in routes():
        answer, reads = declared(view, method), reads_of(view, method)
        bodies = [answer.body, *answer.streams.values()] if answer is not None else []
        fields = [field_of(body) for body in bodies if body is not None]
        fields += [reads.body()] if reads is not None and reads.body is not None else []
        for found in itertools.chain.from_iterable(map(serializers_in, fields)):
            kinds.setdefault(type(found).__name__, set()).add(type(found))
    assert len(kinds) > 80
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


def test_a_route_answers_in_one_shape() -> None:
    """A preview as well: what it cannot know is null."""
    found: Any = [(method, address, declared(view, method)) for method, address, view in routes()]
    assert [(method, address) for method, address, answer in found if isinstance(answer.serializer, Either)] == []


def ids_in(field: Any) -> Iterator[tuple[str, Any]]:
    """Yield every field within `field` that is an id."""
    for found in serializers_in(field):
        yield from ((f"{type(found).__name__}.{name}", part) for name, part in found.fields.items() if name == "id")


def test_ids_and_lists_are_alike() -> None:
    ends = {"object", "data", "has_more", "first_id", "last_id"}
    ids: dict[str, Any] = {}
    for method, address, view in routes():
        answer = declared(view, method)
        field = answer.serializer if answer is not None else None
        ids |= dict(ids_in(field)) if field is not None else {}
        if isinstance(field, serializers.Serializer) and "data" in field.fields:
            assert ends <= set(field.fields), address
    assert len(ids) > 15
    assert [name for name, part in ids.items() if not isinstance(part, serializers.CharField)] == [A_TOKENS_ID]


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
