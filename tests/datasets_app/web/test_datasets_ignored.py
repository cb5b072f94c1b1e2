"""Nothing that a request sends is taken and then ignored: it means something, or it is refused by its name."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.services import create_api_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    client = APIClient()
    secret = create_api_key(email="alice@example.com", team_name="Violins")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def announce(client: APIClient, **fields: Any) -> Any:
    asked = {"bytes": 5, "filename": "a.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune", **fields}
    return client.post("/v1/uploads", asked, format="json")


@pytest.mark.parametrize(
    "mime_type",
    ["", "text/jsonl", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/csv; charset=utf-8"],
)
def test_an_upload_of_what_a_data_set_may_be_is_opened(client: APIClient, mime_type: str) -> None:
    assert announce(client, mime_type=mime_type).status_code == 200


@pytest.mark.parametrize(
    ("mime_type", "code"),
    [
        ("image/png", "unsupported_mime_type"),
        ("Video/mp4", "unsupported_mime_type"),
        ("application/pdf", "unsupported_mime_type"),
        ("jsonl", "invalid_value"),
        ("text/", "invalid_value"),
    ],
)
def test_an_upload_of_anything_else_is_refused_before_it_is_sent(client: APIClient, mime_type: str, code: str) -> None:
    reply = announce(client, mime_type=mime_type)
    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, "mime_type")


@pytest.mark.parametrize(
    ("address", "body", "param"),
    [
        (
            "/v1/uploads",
            {"expires_after": {"anchor": "created_at", "seconds": 3600, "hours": 1}},
            "expires_after.hours",
        ),
        ("/api/v1/datasets/mix", {"parts": [{"file": "a"}, {"file": "b", "weigth": 2}]}, "parts.1.weigth"),
    ],
)
def test_a_field_inside_an_object_is_refused_by_its_place(
    client: APIClient, address: str, body: dict[str, Any], param: str
) -> None:
    whole = {"bytes": 5, "filename": "a.jsonl", "mime_type": "", "purpose": "fine-tune"} if "uploads" in address else {}
    reply = client.post(address, {**whole, **body}, format="json")
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


@pytest.mark.parametrize("query", [{"oder": "asc"}, {"order": "up"}])
def test_a_list_refuses_what_it_does_not_know(client: APIClient, query: dict[str, str]) -> None:
    reply = client.get("/v1/files", query)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == next(iter(query))
