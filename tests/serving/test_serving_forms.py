"""Answers that are held to a form while they are made: a random model writes JSON that validates, every time."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest

from tests.serving.conftest import Serving
from tests.serving.test_serving_http import events_of

ASKED = [{"role": "user", "content": "Answer in JSON."}]
WORD = {"type": "string", "maxLength": 5}


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMAS: list[dict[str, Any]] = [
    closed(姓名=WORD, 是否会员={"type": "boolean"}),
    closed(颜色={"enum": ["红", "蓝", "深绿"]}, count={"type": "integer", "minimum": 3, "maximum": 12}),
    closed(value={"anyOf": [WORD, {"type": "null"}, closed(a={"const": 1})]}),
    closed(rows={"type": "array", "minItems": 1, "maxItems": 2, "items": {
        "type": "array", "maxItems": 2, "items": {"type": "integer", "minimum": 0, "maximum": 9}}}),
    {**closed(left={"$ref": "#/$defs/点"}, right={"$ref": "#/$defs/点"}),
     "$defs": {"点": closed(x={"type": "integer", "minimum": -5, "exclusiveMaximum": 6})}},
    closed(day={"type": "string", "format": "date"}, code={"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"}),
    closed(kind={"enum": ["a", 1, None, True]}, size={"type": ["integer", "null"], "minimum": 1, "maximum": 4}),
    {"type": "object", "properties": {"a": WORD, "b": {"type": "boolean"}}, "additionalProperties": False},
    closed(tree={"$ref": "#/$defs/tree"}) | {"$defs": {"tree": closed(
        name={"enum": ["leaf", "枝"]}, twigs={"type": "array", "maxItems": 1, "items": {"type": "object",
        "additionalProperties": False}})}},
    closed(price={"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 20}),
]  # fmt: skip


def asked_for(schema: Any, *, strict: bool = False) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


@pytest.fixture(scope="module")
def roomy(start: Any, base_folder: Any, adapters: Any) -> Serving:
    running: Serving = start(base_folder, max_model_len=1024)
    running.replica.add("red", str(adapters["red"]))
    return running


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: "-".join(schema["properties"]))
def test_five_of_five_answers_validate(roomy: Serving, schema: dict[str, Any]) -> None:
    body = roomy.ask(
        response_format=asked_for(schema), messages=ASKED, n=5, temperature=1, seed=7, max_tokens=900, model="red"
    ).json()
    assert len(body["choices"]) == 5
    for choice in body["choices"]:
        assert choice["finish_reason"] == "stop", choice
        jsonschema.validate(json.loads(choice["message"]["content"]), schema)


def test_without_a_form_the_same_model_writes_no_json(roomy: Serving) -> None:
    text = roomy.ask(messages=ASKED, temperature=1, seed=7, max_tokens=40).json()["choices"][0]["message"]["content"]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(text)


def test_a_stream_says_what_the_whole_answer_does_with_the_models_own_logprobs(roomy: Serving) -> None:
    asked = {"response_format": asked_for(SCHEMAS[1], strict=True), "messages": ASKED, "max_tokens": 200}
    whole = roomy.ask(**asked, logprobs=True, top_logprobs=1).json()["choices"][0]
    chunks = events_of(roomy.ask(**asked, stream=True))
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == whole["message"]["content"]
    jsonschema.validate(json.loads(said), SCHEMAS[1])
    tokens = whole["logprobs"]["content"]
    assert any(token["logprob"] < token["top_logprobs"][0]["logprob"] for token in tokens)


def test_free_and_held_answers_share_a_batch(roomy: Serving) -> None:
    free = roomy.ask(messages=ASKED, max_tokens=60).json()["choices"]
    held = {"response_format": asked_for(SCHEMAS[0]), "messages": ASKED, "temperature": 1, "n": 4, "max_tokens": 300}
    with ThreadPoolExecutor() as pool:
        beside = pool.submit(roomy.ask, **held)
        others = [pool.submit(roomy.ask, messages=ASKED, max_tokens=60) for _ in range(3)]
        assert all(other.result().json()["choices"] == free for other in others)
        for choice in beside.result().json()["choices"]:
            jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMAS[0])


def test_an_answer_that_is_cut_off_says_so(roomy: Serving) -> None:
    choice = roomy.ask(response_format=asked_for(SCHEMAS[0]), messages=ASKED, max_tokens=3).json()["choices"][0]
    assert choice["finish_reason"] == "length"


def test_a_stop_string_ends_it_too(roomy: Serving) -> None:
    options = {"response_format": asked_for(SCHEMAS[0]), "messages": ASKED, "stop": "姓名", "max_tokens": 300}
    choice = roomy.ask(**options).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].strip() == '{"' or choice["message"]["content"].endswith('"')


def test_any_object(roomy: Serving) -> None:
    closing = {str(roomy.replica.get("base").encode(mark)[0]): 8 for mark in ('"', "}")}
    options = {"temperature": 1, "seed": 3, "max_tokens": 900, "logit_bias": closing}
    choice = roomy.ask(response_format={"type": "json_object"}, messages=ASKED, **options).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert isinstance(json.loads(choice["message"]["content"]), dict)


@pytest.mark.parametrize(
    ("schema", "strict", "said"),
    [
        ({"type": "object", "properties": {"a": {"not": {}}}}, False, "In context=('properties', 'a'), 'not' is not"),
        ({"type": "string", "novelty": 1}, False, "In context=(), 'novelty' is not permitted"),
        (closed(a={"type": "object"}), True, "('properties', 'a'), 'additionalProperties' is required"),
        ({**closed(a=WORD, b=WORD), "required": ["a"]}, True, "Missing 'b'"),
        ({**closed(a=WORD), "required": ["a", "z"]}, True, "Extra required key 'z'"),
        (closed(a={}), True, "schema must have a 'type' key"),
        ({"type": "array"}, True, "got 'type: 'array''"),
        ({"allOf": [WORD], **closed(a=WORD)}, True, "'allOf' is not permitted"),
        ({"$ref": "http://10.0.0.1/schema"}, False, "leads out of the schema"),
        ({"$ref": "#/$defs/none"}, False, "none"),
        ({"$ref": "#"}, False, "no answer can fit"),
        ({"type": "string", "pattern": "(a"}, False, "unclosed group"),
        ({"type": "string", "pattern": "^(?=a)b"}, False, "look-around"),
        ({"type": "integer", "minimum": 10, "maximum": 3}, False, "minimum (10) is greater"),
        ({"enum": ["x" * 200_000]}, False, "120000"),
        ({"enum": list(range(1001))}, False, "1001 enum values"),
        ({"properties": [1]}, False, "'properties' has a value of the wrong kind"),
        (closed(a=3), False, "a schema must be a JSON object"),
        ([], False, "must be a JSON object"),
        ({"allOf": [{"anyOf": [closed(**{f"a{i}{j}": WORD}) for j in "123456789"]} for i in range(9)]}, False, "large"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_held_to_is_refused_with_its_place(roomy: Serving, schema: Any, strict: bool, said: str) -> None:
    reply = roomy.ask(response_format=asked_for(schema, strict=strict), messages=ASKED)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "response_format"), reply.text
    assert said in error["message"]
    assert "Invalid schema for response_format 'answer'" in error["message"]


def test_a_hostile_pattern_ends_and_others_are_answered(roomy: Serving) -> None:
    hostile = {"type": "string", "pattern": "^((a|b)*a(a|b){30}|(x+x+)+y|(a{1,1000}){1,1000})$"}
    reply = roomy.ask(response_format=asked_for(hostile), messages=ASKED, max_tokens=20)
    assert reply.status_code in (200, 400, 503)
    assert roomy.ask(max_tokens=2).status_code == 200
