"""Refusals are said in the language of whoever asked, under a code that stays."""

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import create_api_key
from common.errors import UserError, answer_to
from common.messages import message

SAID = {"en": "Idempotency-Key header is longer", "zh-hans": "请求头 Idempotency-Key 超过"}


@pytest.mark.django_db
class TestLanguage:
    @pytest.mark.parametrize("language", [None, "en", "zh-hans"])
    def test_of_a_program_is_english_unless_it_asks_for_another(self, language: str | None) -> None:
        secret = create_api_key(email="alice@example.com", team_name="Research")
        headers = {"authorization": f"Bearer {secret}", "idempotency-key": "x" * 300}
        headers |= {"accept-language": language} if language else {}
        assert SAID[language or "en"] in _refused(Client(), headers)

    def test_of_a_page_is_the_one_that_its_reader_chose(self) -> None:
        create_api_key(email="alice@example.com", team_name="Research")
        client = Client()
        client.force_login(User.objects.get(email="alice@example.com"))
        client.post("/preferences", {"language": "zh-hans"})
        assert SAID["zh-hans"] in _refused(client, {"idempotency-key": "x" * 300, "accept-language": "en"})


def _refused(client: Client, headers: dict[str, str]) -> str:
    body = {"model": "m", "training_file": "f"}
    reply = client.post("/v1/fine_tuning/jobs", body, content_type="application/json", headers=headers)
    assert reply.status_code == 400
    return str(reply.json()["error"]["message"])


def test_the_code_is_the_messages_own_unless_another_is_given() -> None:
    assert answer_to(UserError(message("not_found"))).body["error"]["code"] == "not_found"
    assert answer_to(UserError(message("not_found"), code="gone")).body["error"]["code"] == "gone"
