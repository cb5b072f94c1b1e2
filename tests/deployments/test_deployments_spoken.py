"""The chat box says errors in the reader's language."""

import json

import pytest
from django.http import JsonResponse
from django.utils.translation import override

from common.errors import error_body
from deployments.web.views import _spoken_error


def body_of(reply: object) -> dict[str, object]:
    assert isinstance(reply, JsonResponse)
    return dict(json.loads(reply.content))


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without the compiled messages."""
    monkeypatch.setattr("deployments.web.views.spoken", lambda message: f"zh: {message}")


def test_an_error_of_the_replica_is_translated_and_keeps_its_code() -> None:
    refused = JsonResponse(error_body(message="The prompt is empty.", status=400, code="empty"), status=400)
    with override("zh-hans"):
        reply = _spoken_error(refused)
    assert reply.status_code == 400
    assert body_of(reply)["error"] == {
        "message": "zh: The prompt is empty.",
        "type": "invalid_request_error",
        "param": None,
        "code": "empty",
    }


def test_an_answer_is_left_alone() -> None:
    answer = JsonResponse({"choices": []})
    assert _spoken_error(answer) is answer
