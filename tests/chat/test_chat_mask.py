"""The mask is true: what is learned, decoded, is what plain Transformers writes as the assistant's text and its end.

The other side is Transformers' own renderer alone: the whole conversation, and each answer's prompt, as texts. What
lies between a prompt's end and the first end-of-turn token after it is what a model should learn.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from chat import ChatFormat, Conversation, pack, parse_row

FAMILIES = ["smollm2", "qwen2.5", "qwen3", "llama3", "llama3.1", "zephyr", "llama2"]
WITH_TOOLS = ["qwen2.5"]
LOSES_SPACES = ("llama2",)
"""Families whose tokenizer takes a space away where a text begins: the spaces are not compared."""
ENDS = ("<|im_end|>", "<|eot_id|>", "</s>")
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("weather", "say")
]


def call(number: int, name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


TALKS: dict[str, list[dict[str, Any]]] = {
    "one": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "I am 小智.\nReally."}],
    "several": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "First answer"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": 'Second: {"a": 1}'},
        {"role": "user", "content": "Three?"},
        {"role": "assistant", "content": "Third 🎻"},
    ],
    "weighted": [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Not this one", "weight": 0},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "But this", "weight": 1},
        {"role": "user", "content": "Three?"},
        {"role": "assistant", "content": "And this"},
    ],
}
TOOL_TALKS: dict[str, list[dict[str, Any]]] = {
    "one call": [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call(1, "weather", '{"city": "Paris", "z": null}')]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"sky": "blue"}'},
        {"role": "assistant", "content": "Blue."},
    ],
    "parallel calls": [
        {"role": "user", "content": "Weather in Paris, and greet."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call(1, "weather", '{"city": "巴黎"}'), call(2, "say", '{"text": "hi", "loud": true}')],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "blue"},
        {"role": "tool", "tool_call_id": "c2", "content": "said"},
        {"role": "assistant", "content": "Blue, and hi."},
    ],
    "a call that is not learned": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call(1, "weather", "{}")], "weight": 0},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "assistant", "content": "Rain."},
    ],
}


@cache
def loaded(folder: Path) -> tuple[ChatFormat, Any]:
    return ChatFormat.load(folder), AutoTokenizer.from_pretrained(folder)


def expected(tokenizer: Any, conversation: Conversation) -> str:
    """Return the trained text as Transformers alone would have it."""
    messages, tools = conversation.for_template(), list(conversation.tools) or None

    def text(part: list[dict[str, Any]], *, prompt: bool) -> str:
        return str(tokenizer.apply_chat_template(part, tools=tools, add_generation_prompt=prompt, tokenize=False))

    whole, learned = text(messages, prompt=False), ""
    for number, message in enumerate(conversation.messages):
        if message.role != "assistant" or message.weight == 0:
            continue
        prompt = text(messages[:number], prompt=True)
        assert whole.startswith(prompt)
        after = whole[len(prompt) :]
        end = min(after.index(token) + len(token) for token in ENDS if token in after)
        learned += after[:end]
    return learned


def check(folder: Path, row: dict[str, Any], *, with_spaces: bool = True) -> str:
    """Hold both ways of rendering to Transformers; return the trained text."""
    chat, tokenizer = loaded(folder)
    conversation = parse_row(row)
    wanted = expected(tokenizer, conversation)
    rendered = chat.render(conversation)
    ids = np.asarray(rendered.ids)[np.asarray(rendered.trained, dtype=bool)].tolist()
    (packed,) = pack(chat, [conversation], max_len=10**6)
    both = [chat.decode(found, skip_special=False) for found in (ids, packed.ids[packed.trained == 1].tolist())]
    for found in both:
        assert found == wanted or (not with_spaces and found.split() == wanted.split())
    return wanted


@pytest.mark.parametrize("name", TALKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_and_their_ends_are_learned_and_nothing_else(model_folder: Any, family: str, name: str) -> None:
    learned = check(model_folder(family), {"messages": TALKS[name]}, with_spaces=family not in LOSES_SPACES)
    for message in TALKS[name]:
        is_learned = message["role"] == "assistant" and message.get("weight") != 0
        assert (message["content"] in learned) is is_learned


@pytest.mark.parametrize("name", TOOL_TALKS)
@pytest.mark.parametrize("family", WITH_TOOLS)
def test_calls_are_learned_as_the_template_writes_them(model_folder: Any, family: str, name: str) -> None:
    learned = check(model_folder(family), {"messages": TOOL_TALKS[name], "tools": TOOLS})
    calls = [c for m in TOOL_TALKS[name] if m.get("weight") != 0 for c in m.get("tool_calls", [])]
    assert learned.count("<tool_call>") == len(calls)
    assert all(c["function"]["name"] in learned for c in calls)
    assert ("null" in learned) is (name == "one call"), "no call gains a key"
    for message in TOOL_TALKS[name]:
        if message["role"] in ("tool", "user"):
            assert f"<tool_response>\n{message['content']}" not in learned
