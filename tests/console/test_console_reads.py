"""Every route of the API says what it reads, and reads nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client
from rest_framework import serializers

from accounts.models import Team
from accounts.services import create_api_key
from common.fields import Checked, Either
from common.reads import Reads, reads_of
from datasets_app.models import TrainingFile
from deployments.gateway.bodies import NewChatCompletion, NewCompletion
from jobs.web.requests import NewJob
from serving.faults import RequestError
from serving.requests import read_chat, read_text
from tests.answers import faults_of
from tests.api_routes import routes
from tests.deployments.deployments_cast import make_base

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
UNREAD = "novelty"
READ_BY_A_REPLICA: Any = {NewChatCompletion: read_chat, NewCompletion: read_text}
COUNTED = (serializers.IntegerField, serializers.FloatField, serializers.BooleanField)
"""What "1" could be taken for."""


def declarations() -> list[tuple[str, str, Reads]]:
    """Return method, address and declaration of every route that has one."""
    found = [(method, address, reads_of(view, method)) for method, address, view in routes()]
    return [(method, address, reads) for method, address, reads in found if reads is not None]


def is_json(reads: Reads) -> bool:
    return reads.body is not None and reads.kind == "application/json"


def address_of(route: str) -> str:
    """Return one with ids that nothing has, but for the team."""
    known = {"team": "a", "number": "7"}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda part: known.get(part[1], "x-1"), route)


def test_every_route_that_changes_something_declares_what_it_reads() -> None:
    found = [(method, address, view) for method, address, view in routes() if method in CHANGING]
    assert len(found) > 30
    assert [(method, address) for method, address, view in found if reads_of(view, method) is None] == []


def test_what_is_sent_is_read_in_one_place() -> None:
    """Whatever an API view gets, it gets from what it declares."""
    elsewhere = []
    for path in Path(settings.BASE_DIR).rglob("*.py"):
        if "tests" not in path.parts and ".venv" not in path.parts and "rest_framework" in (text := path.read_text()):
            elsewhere += [path.name for _ in re.findall(r"request\.(?:data|query_params|POST|FILES)\b", text)]
    assert set(elsewhere) == {"reads.py", "idempotency.py", "requests.py"}


@pytest.mark.parametrize(("method", "address", "body"), [
    (method, address, reads.body) for method, address, reads in declarations() if reads.body is not None
])  # fmt: skip
def test_every_body_has_an_example_that_is_as_described(method: str, address: str, body: Any) -> None:
    assert body.example
    assert list(faults_of(body.example, body())) == []
    assert list(faults_of({**body.example, UNREAD: 1}, body())) == [f".{UNREAD} is not declared"]


@pytest.mark.django_db
class TestReading:
    @pytest.fixture
    def secret(self) -> str:
        """An administrator's key, whose holder owns the team."""
        return create_api_key(email="root@example.com", team_name="A", admin=True)

    @pytest.mark.parametrize(("method", "address"), [
        (method, address) for method, address, view in routes() if hasattr(view, "cls") and reads_of(view, method)
    ])  # fmt: skip
    def test_an_unknown_field_is_refused_by_its_name(self, secret: str, method: str, address: str) -> None:
        if method == "GET":
            reply = Client().get(f"{address_of(address)}?{UNREAD}=1", headers={"authorization": f"Bearer {secret}"})
        else:
            reply = call(secret, method, address_of(address), f'{{"{UNREAD}": 1}}')
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, UNREAD)

    @pytest.mark.parametrize(("method", "address", "body"), [
        (method, address, reads.body) for method, address, reads in declarations() if is_json(reads)
    ])  # fmt: skip
    def test_a_value_of_another_type_is_refused_by_its_name(
        self, secret: str, method: str, address: str, body: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if body is NewJob:  # the model and the file are looked for before values are read
            monkeypatch.setattr("jobs.services.require_chat_format", lambda *_: None)
            team, asked = Team.objects.get(), body.example
            make_base(id=asked["model"])
            TrainingFile.objects.create(
                pk=asked["training_file"], team=team, filename="a", purpose="fine-tune", bytes=1, status="uploaded"
            )
        monkeypatch.setattr("evaluations.web.graders_api.in_database", in_this_thread)  # in this test's transaction
        tried = [(where, sent) for where, sent in of_other_types(body()) if where]
        assert tried
        for where, sent in tried:
            if body in READ_BY_A_REPLICA:
                with pytest.raises(RequestError) as refused:
                    READ_BY_A_REPLICA[body](sent)
                status, param = 400, refused.value.param
            else:
                reply = call(secret, method, address_of(address), json.dumps(sent))
                status, param = reply.status_code, reply.json().get("error", {}).get("param")
            assert status == 400, (where, sent)
            assert param, (where, sent)
            assert param.split(".")[-1] in where.split("."), (where, sent, param)


async def in_this_thread(function: Any, *arguments: Any) -> Any:
    return await sync_to_async(function)(*arguments)


def of_other_types(field: Any) -> Iterator[tuple[str, Any]]:
    """Yield values that are as described but for the type of one part, and where that is."""
    kinds = kinds_of(field)
    is_counted = any(isinstance(kind, COUNTED) for kind in kinds)
    if list(faults_of("1", field)) and (is_counted or not takes(str, kinds)):
        yield "", "1"
    if list(faults_of(1, field)) and not takes(int, kinds):
        yield "", 1
    for kind in kinds:
        if isinstance(kind, serializers.Serializer):
            for name, part in kind.fields.items():
                yield from ((f"{name}.{at}", {**sample_of(kind), name: value}) for at, value in of_other_types(part))
        elif isinstance(kind, serializers.ListField | serializers.ListSerializer):
            yield from ((f"0.{at}", [value]) for at, value in of_other_types(kind.child))
        elif isinstance(kind, serializers.DictField):
            yield from ((f"1.{at}", {"1": value}) for at, value in of_other_types(kind.child))


def takes(of: type, kinds: list[Any]) -> bool:
    choices = [choice for kind in kinds if isinstance(kind, serializers.ChoiceField) for choice in kind.choices]
    field = serializers.CharField if of is str else COUNTED[:2]
    return any(type(choice) is of for choice in choices) or any(isinstance(kind, field) for kind in kinds)


def kinds_of(field: Any) -> list[Any]:
    field = field.kind if isinstance(field, Checked) else field
    return field.kinds if isinstance(field, Either) else [field]


def sample_of(field: Any) -> Any:
    """Return the example of a body, and of a part something that it may be."""
    kind = kinds_of(field)[0]
    if isinstance(kind, serializers.Serializer):
        needed = {name: sample_of(part) for name, part in kind.fields.items() if part.required}
        return getattr(kind, "example", needed)
    if isinstance(kind, serializers.ChoiceField):
        return next(iter(kind.choices))
    if isinstance(kind, serializers.ListField | serializers.ListSerializer):
        return [sample_of(kind.child)]
    return "x" if isinstance(kind, serializers.CharField) else getattr(kind, "min_value", None) or 1


def call(secret: str, method: str, path: str, body: str) -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    return Client().generic(method, path, body, content_type="application/json", headers=headers)
