"""Probes: what the trained model answers, with its logits, against which every replica that serves it is compared."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import chat
from rundir import write_json

MAX_NEW_TOKENS = 32
ANSWER_POSITIONS = (1, 4, 16)
"""After how many tokens of the answer the logits are kept too, where the answer is longer than that."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A prompt and what the tuned model says to it, greedily."""

    messages: "list[chat.WrittenMessage]"
    prompt_ids: list[int]
    answer_ids: list[int]
    """Without the stop token."""
    stopped: bool
    """Whether a stop token came within MAX_NEW_TOKENS."""

    @property
    def answer_positions(self) -> list[int]:
        return [position for position in ANSWER_POSITIONS if position < len(self.answer_ids)]


def prompt_ids(chat_format: "chat.ChatFormat", probes: "list[list[chat.WrittenMessage]]") -> list[list[int]]:
    """Return the token ids of each probe's prompt."""
    return [list(chat_format.prompt_ids(chat.parse_messages(messages))) for messages in probes]


@torch.inference_mode()
def last_logits(causal: Any, prompts: list[list[int]]) -> torch.Tensor:
    """Return fp32 logits [prompts, vocabulary] after the last token of each prompt, one at a time, unpadded."""
    causal.eval()
    rows = [causal(input_ids=_row(causal, ids), use_cache=False, logits_to_keep=1).logits[0, -1] for ids in prompts]
    return torch.stack(rows).float().cpu()


@torch.inference_mode()
def answer(
    causal: Any, prompts: list[list[int]], stop_ids: set[int], *, max_new_tokens: int = MAX_NEW_TOKENS
) -> list[tuple[list[int], bool]]:
    """Return each prompt's greedy answer and whether it came to a stop; all prompts advance together."""
    causal.eval()
    ids, mask = _pad_left(causal, prompts)
    answers: list[list[int]] = [[] for _ in prompts]
    stopped = [False] * len(prompts)
    cache = None
    for _ in range(max_new_tokens):
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        output = causal(
            input_ids=ids, attention_mask=mask, position_ids=positions, cache=cache, use_cache=True,
            logits_to_keep=1,
        )  # fmt: skip
        cache = output.past_key_values
        ids = output.logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        for number, token in enumerate(ids[:, 0].tolist()):
            stopped[number] = stopped[number] or token in stop_ids
            if not stopped[number]:
                answers[number].append(token)
        if all(stopped):
            break
    return list(zip(answers, stopped, strict=True))


def write_probes(
    folder: Path,
    *,
    causal: Any,
    chat_format: "chat.ChatFormat",
    messages: "list[list[chat.WrittenMessage]]",
    dtype: str,
    base_logits: torch.Tensor | None,
    without_adapter: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """Write probe/probe.json and probe/logits.safetensors into `folder`.

    `base_logits` are the untuned model's; None: they are computed inside `without_adapter()`.
    """
    if not messages:
        return
    prompts = prompt_ids(chat_format, messages)
    if base_logits is None:
        with without_adapter():
            base_logits = last_logits(causal, prompts)
    answers = answer(causal, prompts, set(chat_format.stop_ids))
    probes = [
        Probe(messages=said, prompt_ids=ids, answer_ids=answer_ids, stopped=stopped)
        for said, ids, (answer_ids, stopped) in zip(messages, prompts, answers, strict=True)
    ]
    tuned, later = _teacher_forced(causal, probes)
    target = folder / "probe"
    target.mkdir()
    save_file({"tuned": tuned, "base": base_logits, "answer": later}, target / "logits.safetensors")
    write_json(target / "probe.json", _describe(probes, chat_format, dtype))


@torch.inference_mode()
def _teacher_forced(causal: Any, probes: list[Probe]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits after each prompt [prompts, vocabulary] and at all answer positions [positions, vocabulary]."""
    after_prompt, later = [], []
    for probe in probes:
        ids = probe.prompt_ids + probe.answer_ids[: max(probe.answer_positions, default=0)]
        keep = torch.tensor([len(probe.prompt_ids) - 1 + position for position in (0, *probe.answer_positions)])
        logits = causal(
            input_ids=_row(causal, ids), use_cache=False, logits_to_keep=keep.to(causal.device)
        ).logits[0]  # fmt: skip
        after_prompt.append(logits[0])
        later.extend(logits[1:])
    vocabulary = after_prompt[0].shape[0]
    stacked = torch.stack(later).float().cpu() if later else torch.empty(0, vocabulary)
    return torch.stack(after_prompt).float().cpu(), stacked


def _describe(probes: list[Probe], chat_format: "chat.ChatFormat", dtype: str) -> dict[str, Any]:
    return {
        "version": 1,
        "dtype": dtype,
        "max_new_tokens": MAX_NEW_TOKENS,
        "probes": [
            {
                "messages": probe.messages,
                "prompt_ids": probe.prompt_ids,
                "answer": chat_format.decode(probe.answer_ids),
                "answer_ids": probe.answer_ids,
                "answer_positions": probe.answer_positions,
                "finish_reason": "stop" if probe.stopped else "length",
            }
            for probe in probes
        ],
    }


def _row(causal: Any, ids: list[int]) -> torch.Tensor:
    return torch.tensor([ids], device=causal.device)


def _pad_left(causal: Any, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(ids) for ids in prompts)
    ids = torch.tensor([[0] * (width - len(row)) + row for row in prompts], device=causal.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=causal.device)
    return ids, mask
