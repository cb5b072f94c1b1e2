"""What the engine says reaches people in their language."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.utils.translation import override

from deployments.gateway.gateway import _public_error
from deployments.gateway.streams import Tally, passed_on
from serving.faults import RequestError
from serving.messages import message
from serving.responses import DONE, event

REFUSED = RequestError(message("too_many_prompts", choices=8), param="prompt", code="c")
CHUNK = event({"choices": [{"delta": {"content": "event: usage"}}]})
USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}


class TestErrors:
    def test_are_said_by_their_code_in_the_readers_language(self) -> None:
        with override("zh-hans"):
            body = _public_error(REFUSED.to_json())
        assert body["error"] == {
            "message": "提示词数量乘以 n 不得超过 8。",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": "c",
        }

    def test_of_a_newer_replica_stay_english(self) -> None:
        body: Any = REFUSED.to_json()
        body["error"]["translatable"]["code"] = "not_known_here"
        with override("zh-hans"):
            assert _public_error(body)["error"]["message"] == "prompts times n may be at most 8."

    @pytest.mark.parametrize("body", [{}, {"error": None}, {"error": {"message": None}}])
    def test_without_words_are_refusals(self, body: dict[str, Any]) -> None:
        assert _public_error(body)["error"]["code"] == "refused_by_replica"


def relay(content: bytes, *, size: int, wants_usage: bool = False) -> tuple[bytes, Tally]:
    """Pass `content` on in pieces of `size` bytes."""
    tally = Tally()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    async def whole() -> bytes:
        events = passed_on(pieces(), wants_usage=wants_usage, tally=tally, public_error=_public_error)
        return b"".join([one async for one in events])

    return asyncio.run(whole()), tally


@pytest.mark.parametrize("size", [1, 7, 10_000])
class TestStreams:
    def test_come_through_as_they_are(self, size: int) -> None:
        assert relay(CHUNK * 2 + DONE, size=size)[0] == CHUNK * 2 + DONE

    @pytest.mark.parametrize("wanted", [False, True])
    def test_bring_the_usage_to_whoever_wants_it(self, size: int, wanted: bool) -> None:
        passed, tally = relay(CHUNK + event(USAGE, mark="usage") + DONE, size=size, wants_usage=wanted)
        assert passed == CHUNK + (event(USAGE) if wanted else b"") + DONE
        assert (tally.prompt_tokens, tally.completion_tokens, tally.is_complete) == (5, 3, True)

    def test_end_with_an_error_without_what_only_the_house_needs(self, size: int) -> None:
        passed, tally = relay(CHUNK + event(REFUSED.to_json(), mark="error"), size=size)
        assert passed.startswith(CHUNK)
        error = json.loads(passed.removeprefix(CHUNK).removeprefix(b"data: "))["error"]
        assert (error["message"], "translatable" in error) == ("prompts times n may be at most 8.", False)
        assert not tally.is_complete
