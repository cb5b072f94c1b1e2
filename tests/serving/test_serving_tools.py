"""Calls of functions, as each family of models writes them, by OpenAI's own SDK: arguments validate, every time."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from llguidance import LLMatcher, LLTokenizer

from chat.builtin_templates import QWEN
from serving.call_forms import CallForm, Family, Function
from serving.tool_calls import CallReader
from tests.serving.conftest import TEMPLATE, Serving

LLAMA = TEMPLATE.replace("{% for", "{% if tools %}{{ tools | tojson }}{% endif %}{% for", 1).replace(
    "{{ message['content'] }}",
    "{% if message.tool_calls %}{% set call = message.tool_calls[0].function %}"
    """{{ '{"name": "' + call.name + '", "parameters": ' + (call.arguments | tojson) + '}' }}"""
    "{% else %}{{ message['content'] }}{% endif %}{# <|start_header_id|> #}",
)
MISTRAL = TEMPLATE.replace("{% for", "{% if tools %}{{ tools | tojson }}{% endif %}{% for", 1).replace(
    "{{ message['content'] }}",
    "{% if message.tool_calls %}[TOOL_CALLS]{{ message.tool_calls | tojson }}"
    "{% else %}{{ message['content'] }}{% endif %}",
)
ASKED: list[Any] = [{"role": "user", "content": "What is the weather in 杭州?"}]
WEATHER = {
    "type": "object",
    "properties": {
        "城市": {"type": "string", "maxLength": 6},
        "unit": {"enum": ["℃", "℉"]},
        "day": {"$ref": "#/$defs/day"},
    },
    "required": ["城市", "unit", "day"],
    "additionalProperties": False,
    "$defs": {"day": {"type": "integer", "minimum": 0, "maximum": 9}},
}
CLOCK = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
SCHEMAS = {"weather": WEATHER, "clock": CLOCK}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "天气", "parameters": WEATHER, "strict": True}},
    {"type": "function", "function": {"name": "clock", "parameters": CLOCK}},
]


@pytest.fixture(scope="module", params=["hermes", "llama", "mistral"])
def client(request: Any, start: Any, base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> openai.OpenAI:
    chat = tmp_path_factory.mktemp("chat") / request.param
    shutil.copytree(base_folder, chat)
    template = {"hermes": QWEN, "llama": LLAMA, "mistral": MISTRAL}[request.param]
    (chat / "chat_template.jinja").write_text(template)
    running: Serving = start(base_folder, chat=chat, max_model_len=4096)
    return openai.OpenAI(
        base_url="http://testserver/v1",
        api_key="x",
        http_client=running.client,
        _strict_response_validation=True,
        max_retries=0,
    )


@pytest.fixture(scope="module")
def ask(client: openai.OpenAI) -> Callable[..., Any]:
    def create(**options: Any) -> Any:
        asked = {"tools": TOOLS, "temperature": 1, "seed": 5, "max_tokens": 700, "messages": ASKED, **options}
        return client.chat.completions.create(model="base", **asked)

    return create


def check(call: Any) -> None:
    jsonschema.validate(json.loads(call.arguments), SCHEMAS[call.name])


def test_a_required_call_validates(ask: Any) -> None:
    for choice in ask(tool_choice="required", n=6, parallel_tool_calls=False).choices:
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
        (call,) = choice.message.tool_calls
        check(call.function)


def test_a_named_call_is_of_that_function_and_its_answer_goes_on(ask: Any) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    message = ask(tool_choice=choice).choices[0].message
    (call,) = message.tool_calls
    assert call.function.name == "weather"
    check(call.function)
    told = {"role": "tool", "tool_call_id": call.id, "content": "晴"}
    assert ask(messages=[*ASKED, message, told], tool_choice="none", max_tokens=3, tools=TOOLS).choices


def test_a_stream_says_the_same_call(ask: Any) -> None:
    chunks = list(ask(tool_choice="required", parallel_tool_calls=False, stream=True))
    assert [c.choices[0].finish_reason for c in chunks][-1] == "tool_calls"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == ""
    calls = [call for c in chunks for call in c.choices[0].delta.tool_calls or []]
    whole = ask(tool_choice="required", parallel_tool_calls=False).choices[0].message.tool_calls
    assert [(c.index, c.function.name, c.function.arguments) for c in calls] == [
        (number, c.function.name, c.function.arguments) for number, c in enumerate(whole)
    ]


def test_none_calls_nothing_and_auto_leaves_text(ask: Any) -> None:
    for choice in ("none", "auto"):
        message = ask(tool_choice=choice, max_tokens=10).choices[0].message
        assert message.tool_calls is None
        assert message.content


def test_an_answer_is_text_of_its_form_where_no_call_is_made(ask: Any) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": WEATHER, "strict": True}}
    choice = ask(response_format=form, tool_choice="auto").choices[0]
    assert choice.finish_reason in ("stop", "tool_calls")
    if choice.message.content:
        jsonschema.validate(json.loads(choice.message.content), WEATHER)


def test_functions_as_old_scripts_say_them(ask: Any) -> None:
    old = {
        "functions": [tool["function"] for tool in TOOLS],
        "function_call": {"name": "weather"},
        "tools": openai.omit,
    }
    choice = ask(**old).choices[0]
    assert (choice.finish_reason, choice.message.tool_calls) == ("function_call", None)
    check(choice.message.function_call)
    chunks = list(ask(**old, stream=True))
    (call,) = [c.choices[0].delta.function_call for c in chunks if c.choices[0].delta.function_call]
    assert call.arguments == choice.message.function_call.arguments
    asked = {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": call.arguments}}
    told = {"role": "function", "name": "weather", "content": "晴"}
    more = {**old, "messages": [*ASKED, asked, told], "function_call": "none", "max_tokens": 3}
    assert ask(**more).choices[0].message.function_call is None


def test_refusals_name_the_function(ask: Any) -> None:
    loose = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
    with pytest.raises(
        openai.BadRequestError, match=r"Invalid schema for function 'f'.*additionalProperties"
    ) as caught:
        ask(tools=[TOOLS[1], loose])
    assert (caught.value.param, caught.value.code) == ("tools[1].function.parameters", "invalid_function_parameters")
    with pytest.raises(openai.BadRequestError, match="'not' is not permitted"):
        ask(tools=[{"type": "function", "function": {"name": "g", "parameters": {"not": {}}}}], tool_choice="required")
    with pytest.raises(openai.BadRequestError, match="Tool choice nobody"):
        ask(tool_choice={"type": "function", "function": {"name": "nobody"}})


ONE = CallForm(functions=(Function(name="clock", parameters=json.dumps(CLOCK)),), must_call=False, may_repeat=True)
SAID = {
    Family.HERMES: 'Well. <tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>',
    Family.LLAMA: '{"name": "clock", "parameters": {}}',
    Family.MISTRAL: '[{"name": "clock", "arguments": {}}, {"name": "clock", "arguments": {}}]',
}


@pytest.mark.parametrize("family", Family)
def test_text_or_calls_that_fit(family: Family, base_folder: Path) -> None:
    source = (base_folder / "tokenizer.json").read_text()
    tokenizer = LLTokenizer(source, eos_token=0)
    form = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(ONE.grammar(family, mark=None)), log_level=0)
    said = SAID[family]
    for text, fits in ((said, True), ("明天下雨。", True), (said.replace("{}", '{"a": 1}'), False)):
        tokens = tokenizer.tokenize_str(text)
        assert (form.deep_copy().try_consume_tokens(tokens) == len(tokens)) is fits, form.get_error()
    _, calls = CallReader(family, ["clock"]).split(said)
    assert {call["function"]["name"] for call in calls} == {"clock"}
    assert CallReader(family, ["other"]).split("{ no call") == ("{ no call", [])


def test_mistrals_calls_begin_with_its_own_token(base_folder: Path) -> None:
    tokenizer = LLTokenizer((base_folder / "tokenizer.json").read_text(), eos_token=0)
    grammar = LLMatcher.grammar_from_lark(ONE.grammar(Family.MISTRAL, mark=2))
    form = LLMatcher(tokenizer, grammar, log_level=0)
    tokens = [2, *tokenizer.tokenize_str(SAID[Family.MISTRAL])]
    assert form.try_consume_tokens(tokens) == len(tokens)
