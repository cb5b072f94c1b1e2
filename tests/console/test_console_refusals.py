"""What did not work is told in the console's clothes, in both languages, and in OpenAI's shape to programs."""

import logging
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import create_api_key
from common import log_lines, request_ids
from common.errors import is_database_away
from console import refusals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def secret() -> str:
    return create_api_key(email="alice@example.com", team_name="Research")


@pytest.fixture
def member(secret: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(email="alice@example.com"))
    return client


class TestUnknownAddresses:
    @pytest.mark.parametrize(("language", "words"), [("en", "There is no page at this address."), ("zh-hans", "没有")])
    def test_of_pages(self, member: Client, language: str, words: str) -> None:
        reply = member.get("/nowhere", headers={"accept-language": language})
        assert reply.status_code == 404
        assert "failure-card" in reply.content.decode()
        assert words in reply.content.decode()

    @pytest.mark.parametrize(
        ("path", "helps"),
        [
            ("/v1/embeddings", "no embeddings"), ("/v1/responses", "/v1/chat/completions"),
            ("/v1/responses/resp_1", "/v1/chat/completions"), ("/v1/threads/thread_1/runs", "all of it"),
            ("/v1/images/generations", "texts alone"),
            ("/v1/fine_tuning/checkpoints/ft:a:b::c:ckpt-step-3/permissions", "belongs to the team"),
            ("/v1/organization/projects", "/api/v1/teams"),
        ],
    )  # fmt: skip
    def test_that_openai_has_name_what_is_here_instead(self, path: str, helps: str) -> None:
        reply = Client().post(path, {}, content_type="application/json")
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["type"]) == (404, "openai_route_missing", "not_found_error")
        assert f"POST {path} of OpenAI's API" in error["message"]
        assert helps in error["message"]

    def test_that_only_begin_like_openais_are_unknown(self) -> None:
        assert Client().get("/v1/responsesx").json()["error"]["code"] == "unknown_url"

    @pytest.mark.parametrize("path", ["/v1/nowhere", "/api/v1/nowhere", "/v1/files/a/b/c"])
    def test_of_the_api(self, path: str) -> None:
        reply = Client().post(path)
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "unknown_url"
        assert f"POST {path}" in reply.json()["error"]["message"]


class TestButtons:
    @pytest.mark.parametrize(
        ("language", "words"), [("en", "There is no page at this address"), ("zh-hans", "此地址没有页面")]
    )
    @pytest.mark.parametrize("path", ["/jobs/x/cancel", "/datasets/mix", "/members/1/remove"])
    def test_their_addresses_say_that_they_are_none(self, member: Client, path: str, language: str, words: str) -> None:
        reply = member.get(path, headers={"accept-language": language})
        assert (reply.status_code, reply["Allow"]) == (405, "POST")
        assert words in reply.content.decode()


class TestCsrf:
    def test_a_form_from_another_address_names_the_setting(self) -> None:
        client = Client(enforce_csrf_checks=True)
        reply = client.post("/sign-in", {}, headers={"origin": "https://luthier.example"})
        assert reply.status_code == 403
        text = reply.content.decode()
        assert "https://luthier.example" in text
        assert "LUTHIER_PUBLIC_URL" in text

    def test_a_form_without_its_cookie_says_what_to_do(self) -> None:
        reply = Client(enforce_csrf_checks=True).post("/sign-in", {}, headers={"accept-language": "zh-hans"})
        assert (reply.status_code, "重新" in reply.content.decode()) == (403, True)

    def test_the_public_address_is_trusted(self, settings: Any) -> None:
        assert settings.PUBLIC_URL in settings.CSRF_TRUSTED_ORIGINS


class TestUnforeseen:
    def test_a_page_and_the_api(self, member: Client, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("s3cret details")

        monkeypatch.setattr("datasets_app.web.views.TrainingFile.objects.visible_to", broken)
        page = member.get(reverse("datasets"))
        found = member.get("/v1/files", headers={"authorization": f"Bearer {secret}"})
        assert (page.status_code, found.status_code) == (500, 500)
        assert found.json()["error"]["code"] == "internal_error"
        assert "s3cret" not in page.content.decode() + found.content.decode()


def broken_off() -> None:
    """Lose the connection as a server that is shut down loses it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.django_db(transaction=True)
class TestDatabaseAway:
    def test_is_a_503_that_says_when_to_come_back(
        self, member: Client, secret: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("datasets_app.web.views.TrainingFile.objects.visible_to", lambda team: broken_off())
        key = {"authorization": f"Bearer {secret}"}
        for reply in (member.get(reverse("datasets")), member.get("/v1/files", headers=key)):
            assert reply.status_code == 503
            assert int(reply["retry-after"]) > 0
            connection.close()
        assert member.get("/v1/models", headers=key).status_code == 200  # the next request has a connection again

    def test_of_a_session_too(self, member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*args: object) -> None:
            raise OperationalError("connection refused") from psycopg.OperationalError("connection refused")

        monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
        reply = member.get("/")
        assert (reply.status_code, "failure-card" in reply.content.decode()) == (503, True)

    def test_a_full_disk_does_not_pass_in_seconds(self) -> None:
        error = OperationalError("no space left")
        error.__cause__ = psycopg.errors.DiskFull("no space left")
        assert not is_database_away(error)

    def test_a_faulty_question_to_it_is_none(self) -> None:
        with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        assert not is_database_away(refused.value)


class TestRequestIds:
    def test_are_on_every_answer_and_differ(self, member: Client, secret: str) -> None:
        replies = [member.get(path) for path in ("/", "/nowhere", "/v1/models", "/v1/nowhere", "/healthz")]
        assert len({reply["x-request-id"] for reply in replies}) == len(replies)

    @pytest.mark.parametrize(
        ("given", "is_kept"), [("req-of-mine-1", True), ("short", False), ("a" * 65, False), ("with space 1", False)]
    )
    def test_a_clients_own_is_kept_where_it_is_plain(self, member: Client, given: str, is_kept: bool) -> None:
        assert (member.get("/v1/models", headers={"x-request-id": given})["x-request-id"] == given) is is_kept

    def test_the_platforms_log_uses_it(self, settings: Any) -> None:
        (handler,) = settings.LOGGING["handlers"].values()
        assert handler["filters"] == ["about"]
        assert "%(request_id)s" in settings.LOGGING["formatters"][handler["formatter"]]["format"]

    def test_log_lines_carry_it(self) -> None:
        request_ids.begin("req-of-this-test")
        record = logging.LogRecord("luthier", logging.INFO, __file__, 1, "text", None, None)
        assert log_lines.Filter().filter(record)
        assert record.__dict__["request_id"] == "req-of-this-test"


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500, 503])
def test_each_page_needs_no_request_and_no_database(status: int, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert "<b>" not in refusals.page(status, "A <b>sentence</b>.", theme="dark")
