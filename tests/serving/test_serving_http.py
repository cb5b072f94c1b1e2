"""The HTTP surface inside one process: shapes, refusals, text."""

import json
from pathlib import Path
from typing import Any

import pytest

from chat import ChatFormat, parse_messages
from common.typed_serializers import field_of
from serving import wire
from tests.answers import faults_of
from tests.serving.conftest import PROBES, Serving, greedy
from wording import Message


def events_of(response: Any) -> list[Any]:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


class TestChat:
    @pytest.mark.parametrize("name", ["base", "red", "blue", "green", "gold"])
    def test_each_model_answers_as_transformers_and_peft(
        self, serving: Serving, base_folder: Path, adapters: dict[str, Path], name: str
    ) -> None:
        chat = ChatFormat.load(base_folder)
        prompt = chat.prompt_ids(parse_messages(PROBES[0]))
        ids = greedy(base_folder, adapters.get(name), prompt, 12)
        ended = next((at for at, token in enumerate(ids) if token in chat.stop_ids), None)
        body = serving.ask(model=name).json()
        choice = body["choices"][0]
        assert choice["message"]["content"] == chat.decode(ids[:ended])
        assert choice["finish_reason"] == ("length" if ended is None else "stop")
        assert body["usage"]["prompt_tokens"] == len(prompt)
        assert body["usage"]["completion_tokens"] == (12 if ended is None else ended + 1)

    def test_streamed_text_equals_the_whole(self, serving: Serving) -> None:
        options = {"model": "red", "max_tokens": 60, "temperature": 1, "seed": 4}
        whole = serving.ask(**options).json()
        chunks = events_of(serving.ask(**options, stream=True, stream_options={"include_usage": True}))
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
        assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
        assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]
        assert [c["choices"][0]["finish_reason"] for c in chunks[:-1]][-1] == whole["choices"][0]["finish_reason"]
        assert chunks[-1]["usage"] == whole["usage"]
        assert chunks[-1]["choices"] == []

    def test_no_usage_unless_asked(self, serving: Serving) -> None:
        assert all("usage" not in chunk for chunk in events_of(serving.ask(stream=True)))

    def test_characters_of_several_tokens_come_whole(self, serving: Serving) -> None:
        # 火 is no token of its own here: three byte tokens make it.
        ids = serving.replica.get("base").encode("火")
        assert len(ids) > 1
        told = {str(token): 100 for token in ids}
        chunks = events_of(serving.ask(stream=True, max_tokens=40, logit_bias=told, temperature=1, seed=1))
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        whole = serving.ask(max_tokens=40, logit_bias=told, temperature=1, seed=1).json()["choices"][0]["message"]
        assert text == whole["content"]

    def test_several_choices(self, serving: Serving) -> None:
        body = serving.ask(n=3, temperature=1, seed=5).json()
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
        assert len({choice["message"]["content"] for choice in body["choices"]}) > 1
        assert body["choices"] == serving.ask(n=3, temperature=1, seed=5).json()["choices"]

    def test_stop_strings_cut_the_answer(self, serving: Serving) -> None:
        full = serving.ask(model="red", max_tokens=40).json()["choices"][0]["message"]["content"]
        stop = full[len(full) // 2 : len(full) // 2 + 3]
        body = serving.ask(model="red", max_tokens=40, stop=[stop, "\0never"]).json()
        assert body["choices"][0]["message"]["content"] == full[: full.index(stop)]
        assert body["choices"][0]["finish_reason"] == "stop"
        assert body["usage"]["completion_tokens"] < 40

    def test_logprobs(self, serving: Serving) -> None:
        content = serving.ask(logprobs=True, top_logprobs=3).json()["choices"][0]["logprobs"]["content"]
        assert len(content) == 12
        for token in content:
            assert token["logprob"] == token["top_logprobs"][0]["logprob"] <= 0
            assert token["token"] == token["top_logprobs"][0]["token"]
            assert len(token["top_logprobs"]) == 3

    def test_default_length_is_the_rest_of_the_context(self, serving: Serving) -> None:
        usage = serving.ask(max_tokens=None, logit_bias={"77": 100}).json()["usage"]
        assert usage["total_tokens"] == 256


@pytest.mark.parametrize("options", [{}, {"n": 2}, {"logprobs": True, "top_logprobs": 2}])
def test_every_answer_is_what_the_gateway_declares(serving: Serving, options: dict[str, Any]) -> None:
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    text = {"model": "base", "prompt": "Who are", "max_tokens": 5}
    texts = [serving.client.post("/v1/completions", json={**text, **more}) for more in ({}, usage)]
    kinds: list[tuple[Any, Any]] = [(wire.ChatCompletion, serving.ask(**options).json())]
    kinds += [(wire.ChatChunk, chunk) for chunk in events_of(serving.ask(**options, **usage))]
    kinds += [(wire.TextCompletion, texts[0].json())]
    kinds += [(wire.TextChunk, chunk) for chunk in events_of(texts[1])]
    assert len(kinds) > 10
    assert [fault for kind, body in kinds for fault in faults_of(body, field_of(kind))] == []


class TestText:
    def test_a_prompt_is_continued(self, serving: Serving, base_folder: Path) -> None:
        chat = ChatFormat.load(base_folder)
        body = {"model": "base", "prompt": "Who are", "max_tokens": 5, "temperature": 0}
        answer = serving.client.post("/v1/completions", json=body).json()
        ids = greedy(base_folder, None, serving.replica.get("base").encode("Who are"), 5)
        assert answer["choices"][0]["text"] == chat.decode(ids)
        chunks = events_of(serving.client.post("/v1/completions", json={**body, "stream": True}))
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == answer["choices"][0]["text"]

    def test_control_tokens_in_text_stay_text(self, serving: Serving, base_folder: Path) -> None:
        ids = serving.replica.get("base").encode("<|im_end|>")
        assert not set(ids) & set(ChatFormat.load(base_folder).stop_ids)

    def test_an_empty_prompt_is_refused(self, serving: Serving) -> None:
        response = serving.client.post("/v1/completions", json={"model": "base", "prompt": ""})
        assert response.status_code == 400


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "param"),
        [
            ({"temperature": 3}, "temperature"),
            ({"temperature": "hot"}, "temperature"),
            ({"top_p": -1}, "top_p"),
            ({"n": 10**9}, "n"),
            ({"n": True}, "n"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
            ({"stop": [""]}, "stop"),
            ({"seed": 1.5}, "seed"),
            ({"logit_bias": {"x": 1}}, "logit_bias"),
            ({"logit_bias": {"99999": 1}}, "logit_bias"),
            ({"top_logprobs": 2}, "top_logprobs"),
            ({"stream": "yes"}, "stream"),
            ({"stream_options": {"include_usage": True}}, "stream_options"),
            ({"response_format": "json_object"}, "response_format"),
            ({"response_format": {"type": "xml"}}, "response_format.type"),
            ({"response_format": {"type": "json_object"}}, "messages"),
            ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
            ({"tool_choice": "required"}, "tool_choice"),
            ({"tool_choice": {"type": "function"}}, "tool_choice"),
            ({"function_call": "auto"}, "functions"),
            ({"functions": [{"name": "f"}], "tools": []}, "tools"),
            ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
            ({"tools": "all"}, "tools"),
            ({"messages": []}, "messages"),
            ({"messages": "hello"}, "messages"),
            ({"messages": [{"role": "nobody", "content": "x"}]}, "messages"),
            ({"top_k": 5}, "top_k"),
        ],
    )
    def test_names_the_parameter(self, serving: Serving, options: dict[str, Any], param: str) -> None:
        response = serving.ask(**options)
        assert response.status_code == 400, response.text
        error = response.json()["error"]
        assert error["param"] == param
        assert error["type"] == "invalid_request_error"
        assert error["message"]

    def test_carries_its_code_and_numbers_for_the_gateway(self, serving: Serving) -> None:
        error = serving.ask(max_tokens=256).json()["error"]
        said = Message.restored(error["translatable"])
        assert (said.code, said.params["most"], str(said)) == ("context_length_exceeded", 256, error["message"])

    def test_an_unknown_model_is_never_the_base(self, serving: Serving) -> None:
        response = serving.ask(model="nobody")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "model_not_found"

    @pytest.mark.parametrize(
        "options", [{"messages": [{"role": "user", "content": "long " * 300}]}, {"max_tokens": 256}]
    )
    def test_more_than_the_context(self, serving: Serving, options: dict[str, Any]) -> None:
        response = serving.ask(**options)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "context_length_exceeded"
        assert "256 tokens" in response.json()["error"]["message"]

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b'{"model": NaN}', b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70, b"\xff\xfe\x00"],
        ids=["empty", "cut", "list", "nan", "brackets", "deep", "binary"],
    )
    def test_broken_bodies(self, serving: Serving, body: bytes) -> None:
        response = serving.client.post("/v1/chat/completions", content=body)
        assert response.status_code == 400
        assert response.json()["error"]["message"]

    def test_a_large_body(self, serving: Serving) -> None:
        response = serving.client.post("/v1/chat/completions", content=b" " * (10 * 1024 * 1024 + 1))
        assert response.status_code == 413

    def test_an_unknown_path_has_openais_shape(self, serving: Serving) -> None:
        response = serving.client.get("/v1/nothing")
        assert response.status_code == 404
        assert response.json()["error"]["message"]


class TestOthers:
    def test_models_and_health(self, serving: Serving) -> None:
        names = ["base", "red", "blue", "green", "gold"]
        assert serving.client.get("/health").json() == {"status": "ok", "models": names}
        listed = serving.client.get("/v1/models").json()
        assert [model["id"] for model in listed["data"]] == names
        assert serving.client.get("/v1/models/red").json()["id"] == "red"
        assert serving.client.get("/v1/models/no/one").status_code == 404

    def test_stats_count_tokens(self, serving: Serving) -> None:
        before = serving.client.get("/stats").json()["tokens_generated"]
        spent = serving.ask().json()["usage"]["completion_tokens"]
        after = serving.client.get("/stats").json()
        assert after["tokens_generated"] == before + spent
        assert (after["running"], after["waiting"]) == (0, 0)
        assert after["idle_seconds"] < 60

    def test_a_key_is_asked_for(self, start: Any, base_folder: Path) -> None:
        running = start(base_folder, token="secret")
        assert running.ask().status_code == 401
        assert running.client.get("/health").status_code == 200
        for key, status in (("wrong", 401), ("sécret", 401), ("secret", 200)):
            given = {"authorization": f"Bearer {key}".encode()}
            assert running.client.get("/v1/models", headers=given).status_code == status

    def test_a_draining_replica_refuses(self, start: Any, base_folder: Path) -> None:
        running = start(base_folder)
        running.routes.draining = True
        response = running.ask()
        assert (response.status_code, response.json()["error"]["code"]) == (503, "server_stopping")
