"""What a question may hold is described as the engine reads it: of many bodies both say the same."""

from typing import Any

import pytest

from deployments.gateway.bodies import NewChatCompletion, NewCompletion
from serving.faults import RequestError
from serving.requests import read_chat, read_text
from tests.answers import faults_of

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
JSON_ASKED = [{"role": "user", "content": "As JSON."}]
TEXT: dict[str, Any] = {"model": "m", "prompt": "?"}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": None, "strict": True}}

GOOD: list[dict[str, Any]] = [
    {}, {"n": 8}, {"n": None}, {"temperature": 0}, {"temperature": 2}, {"top_p": 0.5}, {"top_p": None},
    {"presence_penalty": -2}, {"frequency_penalty": 2}, {"max_tokens": 1}, {"max_tokens": 2**31 - 1},
    {"stop": "x"}, {"stop": ["a", "b", "c", "d"]}, {"stop": []}, {"stop": None}, {"seed": -(2**63)},
    {"logit_bias": {"1": -100, "2": 100}}, {"logit_bias": {}}, {"stream": True}, {"stream": None},
    {"stream": True, "stream_options": {"include_usage": True}}, {"stream_options": None}, {"user": {"a": 1}},
    {"stream": True, "stream_options": {"include_obfuscation": False}},
]  # fmt: skip
BAD: list[dict[str, Any]] = [
    {"novelty": 1}, {"model": None}, {"model": ""}, {"model": 1}, {"n": 0}, {"n": 9}, {"n": "2"}, {"n": True},
    {"temperature": 2.1}, {"temperature": -0.1}, {"temperature": "1"}, {"top_p": 1.1}, {"presence_penalty": 3},
    {"frequency_penalty": -2.5}, {"max_tokens": 0}, {"max_tokens": 2**31}, {"max_tokens": 1.5}, {"stop": 1},
    {"stop": ["a", "b", "c", "d", "e"]}, {"stop": [""]}, {"stop": [1]}, {"seed": 2**63}, {"seed": "x"},
    {"logit_bias": []}, {"logit_bias": {"1": 101}}, {"logit_bias": {"1": "x"}}, {"stream": "true"}, {"stream": 1},
    {"stream": True, "stream_options": {"novelty": 1}}, {"stream": True, "stream_options": []},
    {"stream": True, "stream_options": {"include_obfuscation": True}},
    {"logit_bias": {str(number): 1 for number in range(1025)}},
]  # fmt: skip
GOOD_CHAT: list[dict[str, Any]] = [
    {"max_completion_tokens": 5}, {"logprobs": True, "top_logprobs": 20}, {"logprobs": True, "top_logprobs": 0},
    {"tools": [TOOL]}, {"tools": []}, {"tools": None}, {"tool_choice": "auto"}, {"tool_choice": "none"},
    {"tools": [TOOL], "tool_choice": "required"}, {"parallel_tool_calls": False}, {"functions": [{"name": "f"}]},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}, {"function_call": None},
    {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
    {"functions": [{"name": "f"}], "function_call": "auto"},
    {"parallel_tool_calls": True}, {"response_format": {"type": "text"}}, {"store": False}, {"service_tier": "auto"},
    {"service_tier": "default"}, {"modalities": ["text"]}, {"metadata": {"a": "b"}}, {"safety_identifier": "x"},
    {"prompt_cache_key": "x"}, {"response_format": {"type": "json_object"}, "messages": JSON_ASKED},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": None}}},
]  # fmt: skip
BAD_CHAT: list[dict[str, Any]] = [
    {"messages": []}, {"messages": None}, {"messages": "?"}, {"max_completion_tokens": 0}, {"logprobs": 1},
    {"logprobs": True, "top_logprobs": 21}, {"tools": [{}]}, {"tools": [{"type": "function"}]}, {"tools": {}},
    {"tools": [{"type": "function", "function": {}}]}, {"tools": [{"type": "function", "function": {"name": 1}}]},
    {"tool_choice": "sometimes"}, {"tool_choice": {"type": "function"}}, {"functions": []}, {"functions": "all"},
    {"functions": [{"name": "f"}], "function_call": "required"}, {"functions": [{"name": 1}]},
    {"response_format": {"type": "xml"}}, {"response_format": "text"}, {"response_format": {}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": 1}}},
    {"response_format": {"type": "json_object", "novelty": 1}, "messages": JSON_ASKED}, {"store": True},
    {"service_tier": "flex"}, {"modalities": ["audio"]}, {"modalities": []}, {"prompt": "?"}, {"echo": False},
    {"parallel_tool_calls": 1}, {"store": 0},
]  # fmt: skip
GOOD_TEXT: list[dict[str, Any]] = [
    {"prompt": ""}, {"prompt": ["a", "b"]}, {"logprobs": None}, {"suffix": None}, {"echo": False}, {"best_of": 1},
    {"best_of": 2, "n": 2},
]  # fmt: skip
BAD_TEXT: list[dict[str, Any]] = [
    {"prompt": None}, {"prompt": []}, {"prompt": [1]}, {"prompt": 1}, {"logprobs": 5}, {"suffix": "x"}, {"echo": True},
    {"best_of": 9}, {"best_of": True}, {"echo": 0}, {"messages": []}, {"tools": []}, {"metadata": {}},
]  # fmt: skip


def is_chat_read(body: dict[str, Any]) -> bool:
    return _is_read(read_chat, body)


def is_text_read(body: dict[str, Any]) -> bool:
    return _is_read(read_text, body)


def _is_read(read: Any, body: dict[str, Any]) -> bool:
    try:
        read(body)
    except RequestError:
        return False
    return True


@pytest.mark.parametrize("options", [*GOOD, *GOOD_CHAT], ids=str)
def test_a_chat_that_is_described_is_read(options: dict[str, Any]) -> None:
    assert is_chat_read({**CHAT, **options})
    assert list(faults_of({**CHAT, **options}, NewChatCompletion())) == []


@pytest.mark.parametrize("options", [*BAD, *BAD_CHAT], ids=lambda options: str(options)[:80])
def test_a_chat_that_is_refused_is_not_described(options: dict[str, Any]) -> None:
    assert not is_chat_read({**CHAT, **options})
    assert list(faults_of({**CHAT, **options}, NewChatCompletion())) != []


@pytest.mark.parametrize("options", [*GOOD, *GOOD_TEXT], ids=str)
def test_a_text_that_is_described_is_read(options: dict[str, Any]) -> None:
    assert is_text_read({**TEXT, **options})
    assert list(faults_of({**TEXT, **options}, NewCompletion())) == []


@pytest.mark.parametrize("options", [*BAD, *BAD_TEXT], ids=lambda options: str(options)[:80])
def test_a_text_that_is_refused_is_not_described(options: dict[str, Any]) -> None:
    assert not is_text_read({**TEXT, **options})
    assert list(faults_of({**TEXT, **options}, NewCompletion())) != []


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_chat_lacks_nothing(name: str) -> None:
    body = {key: value for key, value in CHAT.items() if key != name}
    assert not is_chat_read(body)
    assert list(faults_of(body, NewChatCompletion())) == [f".{name} is missing"]
