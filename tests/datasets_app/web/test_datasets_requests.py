"""What a form with a file may hold is described as it is read: of many forms both say the same."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from common.reads import Body
from datasets_app.web.receiving import ASGI_ROUTES
from datasets_app.web.requests import NewFile, NewPart, NewVersion
from tests.answers import faults_of
from tests.datasets_app.conftest import Member
from tests.datasets_app.web.test_datasets_receiving import http

pytestmark = pytest.mark.django_db(transaction=True)

GOOD: list[dict[str, Any]] = [
    {}, {"unused": "leave_out"}, {"unused": ""},
    {"expires_after": {"anchor": "created_at", "seconds": 3600}},
    {"expires_after": {"anchor": "created_at", "seconds": 2_592_000}},
]  # fmt: skip
BAD: list[dict[str, Any]] = [
    {"novelty": "1"}, {"purpose": "vision"}, {"purpose": ""}, {"unused": "question"},
    {"expires_after": {"anchor": "created_at"}}, {"expires_after": {"seconds": 3600}},
    {"expires_after": {"anchor": "expires_at", "seconds": 3600}},
    {"expires_after": {"anchor": "created_at", "seconds": 3599}},
    {"expires_after": {"anchor": "created_at", "seconds": 2_592_001}},
    {"expires_after": {"anchor": "created_at", "seconds": 3600, "novelty": 1}},
]  # fmt: skip


def sent(fields: dict[str, Any]) -> dict[str, str]:
    """Return how a form writes `fields`."""
    pairs: dict[str, str] = {}
    for name, value in fields.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        pairs |= {f"{name}[{key}]" if key else name: str(part) for key, part in inner}
    return pairs


def status(member: Member, path: str, field: str, fields: dict[str, Any]) -> int:
    async def post() -> int:
        async with http() as client:
            files = {field: ("chats.jsonl", b'{"messages": []}\n')}
            return (await client.post(path, files=files, data=sent(fields), headers=member.headers)).status_code

    try:
        return async_to_sync(post)()
    finally:
        connections.close_all()


class TestFile:
    BODY = {"purpose": "fine-tune"}

    @pytest.mark.parametrize("fields", GOOD, ids=str)
    def test_that_is_described_is_read(self, alice: Member, fields: dict[str, Any]) -> None:
        assert list(faults_of({"file": "", **self.BODY, **fields}, NewFile())) == []
        assert status(alice, "/v1/files", "file", {**self.BODY, **fields}) == 200

    @pytest.mark.parametrize("fields", BAD, ids=str)
    def test_that_is_refused_is_not_described(self, alice: Member, fields: dict[str, Any]) -> None:
        assert list(faults_of({"file": "", **self.BODY, **fields}, NewFile())) != []
        assert status(alice, "/v1/files", "file", {**self.BODY, **fields}) == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/files", NewFile), ("/v1/uploads/x/parts", NewPart), ("/api/v1/files/x/versions", NewVersion)],
)
def test_each_streamed_route_reads_what_it_declares(alice: Member, path: str, body: type[Body]) -> None:
    [view] = [view for _method, pattern, view in ASGI_ROUTES if pattern.fullmatch(path)]
    assert view.reads.body is body  # type: ignore[attr-defined]
    assert view.reads.kind == "multipart/form-data"  # type: ignore[attr-defined]
    assert status(alice, path, "novelty", {}) in (400, 404)
