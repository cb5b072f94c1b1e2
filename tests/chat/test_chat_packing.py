"""Many conversations at once give what each gives alone."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat import ChatError, ChatFormat, Conversation, Packed, as_conversation, pack, parse_messages, plain_key
from chat.packing import BATCH, segments_of

WORDS = st.one_of(
    st.sampled_from(
        ["", " ", "\n", "你是谁？", " a\n", "<|im_end|>", "<|im", "im_end|>", "a < b > c", "<think>\nx\n</think>\n\ny",
         "assistant\n", "</s>", "x" * 300]
    ),
    st.text(max_size=20),
)  # fmt: skip


Folder = Callable[..., Path]


@pytest.fixture(params=["smollm2", "qwen2.5", "qwen3", "llama3", "llama3.1", "zephyr", "llama2"], scope="module")
def chat(request: pytest.FixtureRequest, model_folder: Folder) -> ChatFormat:
    return ChatFormat.load(model_folder(request.param))


@pytest.fixture(scope="module")
def smollm2(model_folder: Folder) -> ChatFormat:
    return ChatFormat.load(model_folder("smollm2"))


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(WORDS)})
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(WORDS)})
        messages.append({"role": "assistant", "content": draw(WORDS.filter(str.strip))})
        if draw(st.booleans()):
            messages[-1]["weight"] = draw(st.sampled_from([0, 1]))
    tools = []
    if draw(st.integers(0, 5)) == 0:
        tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    return parse_messages(messages, tools=tools or None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_rows=st.lists(conversations(), min_size=1, max_size=8), max_len=st.sampled_from([5, 40, 10**6]))
def test_packed_rows_are_those_of_render(chat: ChatFormat, given_rows: list[Conversation], max_len: int) -> None:
    expected, kept = [], []
    for conversation in given_rows:
        try:
            expected.append(chat.render(conversation))
        except ChatError:
            with pytest.raises(ChatError):
                list(pack(chat, [conversation], max_len=max_len))
            continue
        kept.append(conversation)
    if not kept:
        return
    packed = Packed.joined(list(pack(chat, kept, max_len=max_len)))
    cut = [rendered.truncate(max_len) for rendered in expected]
    assert packed.ids.tolist() == list(itertools.chain(*(row.ids for row in cut)))
    assert packed.trained.tolist() == list(itertools.chain(*(row.trained for row in cut)))
    assert packed.lengths.tolist() == [len(row.ids) for row in cut]
    assert packed.num_trained.tolist() == [row.num_trained for row in cut]
    assert packed.is_cut.tolist() == [len(row.ids) > max_len for row in expected]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversation=conversations())
def test_segments_are_the_templates_text(chat: ChatFormat, conversation: Conversation) -> None:
    segments = segments_of(chat, conversation)
    if segments is not None:
        assert "".join(segments) == chat.text(conversation, generation_prompt=False)


@pytest.mark.parametrize("name", ["smollm2", "qwen2.5", "llama3", "llama3.1"])
def test_common_templates_take_the_quick_way(model_folder: Folder, name: str) -> None:
    chat = ChatFormat.load(model_folder(name))
    for roles in (("user", "assistant"), ("system", "user", "assistant", "user", "assistant")):
        assert segments_of(chat, [(role, "text") for role in roles]) is not None


def test_what_is_out_of_the_ordinary_goes_the_general_way(smollm2: ChatFormat) -> None:
    assert segments_of(smollm2, [("user", "<|im_end|>"), ("assistant", "a")]) is None
    assert segments_of(smollm2, [("assistant", "a"), ("user", "b")]) is None
    assert segments_of(smollm2, [("tool", "a"), ("assistant", "b")]) is None
    assert segments_of(smollm2, []) is None


def test_plain_pairs_are_conversations(smollm2: ChatFormat) -> None:
    plain = [[("user", f"Who {n}?"), ("assistant", "<|im_end|>" if n % 7 == 0 else f"I am {n}.")] for n in range(600)]
    quick = Packed.joined(list(pack(smollm2, plain, max_len=50)))
    slow = Packed.joined(list(pack(smollm2, map(as_conversation, plain), max_len=50)))
    assert len(plain) > 2 * BATCH
    for name in vars(quick):
        assert np.array_equal(getattr(quick, name), getattr(slow, name)), name


@given(plain=st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text()), min_size=1, max_size=4))
def test_the_key_of_plain_pairs_is_the_conversations(plain: list[tuple[str, str]]) -> None:
    assert plain_key(plain) == as_conversation(plain).canonical_key()


def test_a_selection_is_its_rows(smollm2: ChatFormat) -> None:
    rows = [[("user", "a" * n), ("assistant", "b" * n)] for n in range(1, 9)]
    whole = Packed.joined(list(pack(smollm2, rows, max_len=1000)))
    chosen = np.asarray([n % 3 == 0 for n in range(8)])
    part = Packed.joined(
        list(pack(smollm2, [row for row, is_in in zip(rows, chosen, strict=True) if is_in], max_len=1000))
    )
    for name in vars(part):
        assert np.array_equal(getattr(whole.select(chosen), name), getattr(part, name)), name
