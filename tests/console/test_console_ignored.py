"""Nothing that is sent is ignored in silence, and no number or text that is too much for us is an error of ours."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, Team, User
from accounts.services import create_api_key
from common.errors import UserError
from datasets_app.models import TrainingFile
from deployments.gateway.admission import read_body
from tests.deployments.deployments_cast import make_base

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
HUGE = "9" * 30
LONGEST = "9" * 5000
"""More digits than Python reads as a number."""


@pytest.fixture
def secret() -> str:
    """An administrator's key, whose holder owns the team."""
    return create_api_key(email="root@example.com", team_name="A", admin=True)


@pytest.fixture
def page(secret: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get())
    return client


def call(secret: str, method: str, path: str, body: str = "") -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    return Client().generic(method, path, body, content_type="application/json", headers=headers)


class TestBodies:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("DELETE", "/v1/files/x"),
            ("POST", "/v1/uploads/x/cancel"),
            ("DELETE", "/v1/models/x"),
            ("DELETE", "/api/v1/deployments/x"),
            ("POST", "/api/v1/catalogue/x/accept_licence"),
        ],
    )
    def test_one_that_is_not_read_is_refused(self, secret: str, method: str, path: str) -> None:
        for body in ('{"force": true}', "[1]", '"x"'):
            assert call(secret, method, path, body).status_code == 400, body
        assert call(secret, method, path).status_code == 404

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/v1/uploads"),
            ("POST", "/api/v1/teams/a/members"),
            ("POST", "/api/v1/catalogue/x/download"),
            ("PUT", "/api/v1/quotas/a"),
            ("POST", "/api/v1/datasets/mix"),
        ],
    )
    def test_one_that_is_no_object_is_refused_for_that(self, secret: str, method: str, path: str) -> None:
        for body in ("[]", "[1]", "null", "1", "true", '"x"'):
            reply = call(secret, method, path, body)
            assert reply.status_code == 400
            assert reply.json()["error"]["message"] == "The body must be one JSON object."

    @pytest.mark.parametrize("path", ["/api/v1/teams/a/members", "/v1/uploads"])
    def test_half_of_a_character_is_no_error_of_ours(self, secret: str, path: str) -> None:
        for body in ('{"model": "\\ud800"}', '{"\\ud800": 1}'):
            reply = call(secret, "POST", path, body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_text")

    def test_nor_is_it_in_a_question_to_a_model(self) -> None:
        with pytest.raises(UserError, match="model contains half of a character"):
            read_body(b'{"model": "\\ud800"}')


class TestQueries:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/files?limt=5",
            "/v1/fine_tuning/jobs?limt=5",
            "/v1/fine_tuning/jobs?metadata=5",
            "/api/v1/teams/a/members?limit=5",
            "/api/v1/deployments?limit=5",
        ],
    )
    def test_an_unknown_field_is_named(self, secret: str, path: str) -> None:
        reply = call(secret, "GET", path)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, path.partition("?")[2].partition("=")[0])

    def test_metadata_is_known(self, secret: str) -> None:
        assert call(secret, "GET", "/v1/fine_tuning/jobs?metadata[a]=b&limit=5").status_code == 200

    def test_faults_come_as_lines_or_as_a_table(self, secret: str) -> None:
        file = TrainingFile.objects.create(
            team=Team.objects.get(), filename="a.jsonl", purpose="fine-tune", bytes=1, status="error"
        )
        path = f"/api/v1/files/{file.pk}/faults/content"
        assert [call(secret, "GET", f"{path}?format={kind}").status_code for kind in ("csv", "jsonl", "xml")] == [
            200,
            200,
            400,
        ]


class TestNumbers:
    @pytest.mark.parametrize("number", [HUGE, LONGEST])
    def test_lists_go_on_nowhere_from_there(self, secret: str, number: str) -> None:
        file = TrainingFile.objects.create(
            team=Team.objects.get(), filename="a.jsonl", purpose="fine-tune", bytes=1, status="error"
        )
        for query in (f"faults?after={number}", f"rows?offset={number}"):
            assert call(secret, "GET", f"/api/v1/files/{file.pk}/{query}").status_code == 400

    @pytest.mark.parametrize("number", ["1000001", HUGE, LONGEST])
    def test_of_accelerators(self, secret: str, page: Client, number: str) -> None:
        make_base()
        team = Team.objects.get()
        assert page.post("/deployments", {"name": "a", "model": "tiny", "accelerators": number}).status_code == 400
        assert page.post(f"/pool/quotas/{team.pk}", {"ceiling": number}).status_code == 400
        for method, path in (("POST", "/api/v1/deployments"), ("PUT", f"/api/v1/quotas/{team.slug}")):
            named = '"name": "a", "model": "tiny", ' if method == "POST" else ""
            assert call(secret, method, path, f'{{{named}"accelerators": {number}}}').status_code == 400
        assert not AuditEvent.objects.filter(action__in=("quota.set", "deployment.created")).exists()


class TestPages:
    @pytest.mark.parametrize("target", ["x", "home", "-1", "²", "", "//evil.example", "https://evil.example/"])
    def test_an_address_to_go_on_to_that_is_none_leads_to_the_start(self, page: Client, target: str) -> None:
        assert page.post("/preferences", {"next": target})["Location"] == "/"
        assert page.get("/sign-in", {"next": target})["Location"] == "/"

    def test_what_administrators_do_is_said_to_be_theirs(self) -> None:
        create_api_key(email="boss@example.com", team_name="A")
        client = Client(headers={"accept-language": "zh-hans"})
        client.force_login(User.objects.get())
        for reply in (client.get("/pool"), client.post("/catalogue/tiny/download")):
            assert reply.status_code == 403
            assert "管理员" in reply.content.decode()
