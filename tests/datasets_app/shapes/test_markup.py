"""Another model's chat template in a text is recognised with its turns, and what only speaks of one is left alone."""

import json
import time

import numpy as np
import pytest

from datasets_app.shapes.mark_scan import may_hold_marks
from datasets_app.shapes.markup import found_in

ASKED = (("user", "Q"), ("assistant", "A"))
LED = (("system", "S"), *ASKED)
TWICE = (*ASKED, ("user", "Q2"), ("assistant", "A2"))
CHATS = {
    "guanaco": ("### Human: Q### Assistant: A### Human: Q2### Assistant: A2", TWICE),
    "guanaco on lines": ("### Human: Q\n### Assistant: A", ASKED),
    "alpaca": ("S\n\n### Instruction:\nDo\n\n### Input:\nthis\n\n### Response:\nA",
               (("", "S"), ("user", "Do\nthis"), ("assistant", "A"))),
    "orca": ("### System:\nS\n\n### User:\nQ\n\n### Assistant:\nA", LED),
    "question and answer": ("### Question: Q\n ### Answer: A", ASKED),
    "alpaca in Chinese": ("### 指令：\nQ\n\n### 回答：\nA", ASKED),
    "llama 2": ("<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ [/INST] A </s><s>[INST] Q2 [/INST] A2 </s>", (LED[0], *TWICE)),
    "mistral": ("[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]Q[/INST]A</s>", LED),
    "chatml": ("<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n"
               "<|im_start|>assistant\nA<|im_end|>\n", LED),
    "llama 3": ("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>", ASKED),
    "llama 4": ("<|header_start|>user<|header_end|>\n\nQ<|eot|>"
                "<|header_start|>assistant<|header_end|>\n\nA<|eot|>", ASKED),
    "gemma": ("<bos><start_of_turn>user\nQ<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>", ASKED),
    "zephyr": ("<|system|>\nS</s>\n<|user|>\nQ</s>\n<|assistant|>\nA</s>", LED),
    "phi": ("<|user|>\nQ<|end|>\n<|assistant|>\nA<|end|>", ASKED),
    "open assistant": ("<|prompter|>Q<|endoftext|><|assistant|>A<|endoftext|>", ASKED),
    "internlm": ("<|User|>:Q<eoh>\n<|Bot|>:A<eoa>", ASKED),
    "deepseek": ("<｜begin▁of▁sentence｜><｜User｜>Q<｜Assistant｜>A<｜end▁of▁sentence｜>", ASKED),
    "deepseek, led": ("<｜begin▁of▁sentence｜>S<｜User｜>Q<｜Assistant｜>A<｜end▁of▁sentence｜>", (("", "S"), *ASKED)),
    "phi 4": ("<|im_start|>user<|im_sep|>Q<|im_end|><|im_start|>assistant<|im_sep|>A<|im_end|>", ASKED),
    "granite": ("<|start_of_role|>user<|end_of_role|>Q<|end_of_text|>\n"
                "<|start_of_role|>assistant<|end_of_role|>A<|end_of_text|>", ASKED),
    "exaone": ("[|system|]S[|endofturn|]\n[|user|]Q\n[|assistant|]A[|endofturn|]", LED),
    "dolly": ("S\n\n### Instruction:\nQ\n\n### Response:\nA\n\n### End", (("", "S"), *ASKED)),
    "command": ("<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Q<|END_OF_TURN_TOKEN|>"
                "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A<|END_OF_TURN_TOKEN|>", ASKED),
    "gpt-oss": ("<|start|>user<|message|>Q<|end|><|start|>assistant<|channel|>final<|message|>A<|return|>", ASKED),
    "atom": ("<s>Human: Q\n</s><s>Assistant: A\n</s>", ASKED),
    "anthropic": ("\n\nHuman: Q\n\nAssistant: A\n\nHuman: Q2\n\nAssistant: A2", TWICE),
    "vicuna": ("A chat. USER: Q ASSISTANT: A</s>USER: Q2 ASSISTANT: A2</s>", (("", "A chat."), *TWICE)),
    "openchat": ("GPT4 Correct User: Q<|end_of_turn|>GPT4 Correct Assistant: A<|end_of_turn|>", ASKED),
    "orion": ("<s>Human: Q\n\nAssistant: </s>A</s>", ASKED),
    "kimi": ("<|im_user|>user<|im_middle|>Q<|im_end|><|im_assistant|>assistant<|im_middle|>A<|im_end|>", ASKED),
    "nemotron": ("<extra_id_0>System\nS\n<extra_id_1>User\nQ\n<extra_id_1>Assistant\nA\n", LED),
    "baichuan": ("<reserved_106>Q<reserved_107>A</s>", ASKED),
    "minicpm": ("<s><用户>Q<AI>A</s>", ASKED),
    "redpajama": ("<human>: Q\n<bot>: A", ASKED),
    "bluelm": ("[|Human|]:Q[|AI|]:A</s>", ASKED),
    "saiga": ("<s>system\nS</s>\n<s>user\nQ</s>\n<s>bot\nA</s>", LED),
    "stablelm": ("<|SYSTEM|>S<|USER|>Q<|ASSISTANT|>A", LED),
    "phind": ("### System Prompt\nS\n\n### User Message\nQ\n\n### Assistant\nA", LED),
    "chatglm": ("[Round 1]\n\n问：Q\n\n答：A", ASKED),
}  # fmt: skip
OTHERS = {
    "a book about it": "The chat begins with <|im_start|>user and ends with <|im_end|>.",
    "thoughts of their own": "<|start|>user<|message|>Q<|end|><|start|>assistant<|channel|>analysis<|message|>T<|end|>",
    "two templates": "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n[INST] what? [/INST] A<|im_end|>",
    "an unknown speaker": "<|im_start|>narrator\nOnce<|im_end|>\n<|im_start|>assistant\nA<|im_end|>",
    "a book about two": "The chat begins with <|user|>, and then <|assistant|> speaks.",
    "a question alone": "<|im_start|>user\nQ<|im_end|>",
}
PROSE = (
    "Human: only a question", "A play.\nUser: hi\nAssistant: yes", "# Title\n### Response times\nShort.",
    "Text with <s>struck</s> words", "a |> b |> c", "The assistant: a novel", "### Human rights\n### Answer them", "",
)  # fmt: skip
MESSAGES = {
    "user [INST]": ("user", "[INST] Q [/INST]", (("user", "Q"),)),
    "user ### Human": ("user", "### Human: Q\n### Assistant:", (("user", "Q"),)),
    "user alpaca": ("user", "S\n\n### Instruction:\nQ\n\n### Response:\n", (("", "S"), ("user", "Q"))),
    "user ### Instruction": ("user", "### Instruction:\nQ", (("user", "Q"),)),
    "user Human": ("user", "Human: Q\n\nAssistant:", (("user", "Q"),)),
    "user USER": ("user", "USER: Q ASSISTANT:", (("user", "Q"),)),
    "user header": ("user", "<|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|>", (("user", "Q"),)),
    "user ｜": ("user", "<｜User｜>Q", (("user", "Q"),)),
    "user whole": ("user", "### Human: Q### Assistant: A### Human: Q2", (*ASKED, ("user", "Q2"))),
    "assistant </s>": ("assistant", "A </s>", (("assistant", "A"),)),
    "assistant <|eot_id|>": ("assistant", "A<|eot_id|>", (("assistant", "A"),)),
    "assistant ### Response": ("assistant", "### Response:\nA", (("assistant", "A"),)),
    "assistant Assistant": ("assistant", "Assistant: A", (("assistant", "A"),)),
    "assistant chatml": ("assistant", "<|im_start|>assistant\nA<|im_end|>", (("assistant", "A"),)),
    "assistant exaone": ("assistant", "A[|endofturn|]", (("assistant", "A"),)),
    "assistant gemma": ("assistant", "A<end_of_turn>", (("assistant", "A"),)),
    "assistant internlm": ("assistant", "A<eoa>", (("assistant", "A"),)),
    "system llama 2": ("system", "<<SYS>>\nS\n<</SYS>>", (("system", "S"),)),
    "user mark alone": ("user", "What does <|im_start|>user mean?", None),
    "assistant mark alone": ("assistant", "Write `[INST]` before it.", None),
}
ORDINARY = (
    ("assistant", "<s>old</s>"), ("user", "The user: a study"), ("assistant", "Answer: 42"), ("user", "User: hi"),
    ("assistant", "# Lesson\n### Instruction\nDo\n### Response\nFine"), ("assistant", "xs |> List.map f"),
    ("assistant", "### Summary\nfoo\n### Response\nbar"), ("assistant", "if a > b: return [1]"), ("user", "答：好"),
)  # fmt: skip


@pytest.mark.parametrize("name", CHATS)
def test_a_whole_chat(name: str) -> None:
    text, turns = CHATS[name]
    found = found_in(text)
    assert found is not None
    assert found.turns == turns


@pytest.mark.parametrize("name", OTHERS)
def test_marks_that_make_no_chat_are_only_marks(name: str) -> None:
    found = found_in(OTHERS[name])
    assert found is not None
    assert found.turns is None


@pytest.mark.parametrize("text", PROSE)
def test_prose_holds_none(text: str) -> None:
    assert found_in(text) is None


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name: str) -> None:
    role, text, turns = MESSAGES[name]
    found = found_in(text, role=role)
    assert found is not None
    assert found.turns == turns


@pytest.mark.parametrize(("role", "text"), ORDINARY)
def test_ordinary_messages_hold_none(role: str, text: str) -> None:
    assert found_in(text, role=role) is None


@pytest.mark.parametrize("text", [text for text, _ in CHATS.values()] + [text for _, text, _ in MESSAGES.values()])
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_a_scan_of_raw_bytes_misses_no_message(role: str, text: str) -> None:
    if found_in(text, role=role) is None:
        return
    written = [json.dumps({"content": text}, ensure_ascii=is_ascii).encode() for is_ascii in (True, False)]
    written.append(written[0].replace(b"<", b"\\u003c").replace(b">", b"\\u003e"))
    for block in written:
        assert may_hold_marks(block, np.frombuffer(block, dtype=np.uint8))


def test_a_scan_passes_over_ordinary_bytes() -> None:
    block = b'{"messages": [{"role": "user", "content": "a > b | c [1]: <b>x</b> ## y"}]}\n' * 100
    assert not may_hold_marks(block, np.frombuffer(block, dtype=np.uint8))


@pytest.mark.timed
@pytest.mark.parametrize(
    "piece",
    ["### Input: x", "<s>", "[INST]", "<|im_start|>", "\nHuman:", "[Round 1]\n", " ", "USER:", "<|im_start|>user"],
)
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    started = time.process_time()
    for text in (piece * (2**21 // len(piece)), "### Human: Q ### Assistant: " + piece * (2**21 // len(piece))):
        found_in(text)
        found_in(text, role="user")
    assert time.process_time() - started < 8
