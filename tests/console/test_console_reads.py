"""Every route of the API says what it reads, and reads nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.services import create_api_key
from common.reads import Reads, reads_of
from tests.answers import faults_of
from tests.api_routes import routes

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
UNREAD = "novelty"


def declarations() -> list[tuple[str, str, Reads]]:
    """Return method, address and declaration of every route that has one."""
    found = [(method, address, reads_of(view, method)) for method, address, view in routes()]
    return [(method, address, reads) for method, address, reads in found if reads is not None]


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


def call(secret: str, method: str, path: str, body: str) -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    return Client().generic(method, path, body, content_type="application/json", headers=headers)
