"""Asks a model many questions and keeps each answer at once, within a budget; what is answered is not asked again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.errors import ApiError, LuthierError
from luthier.rescue.folder import Folder, rows_of
from luthier.rescue.prompts import Prompt, text_of
from luthier.transport import Transport

CHAT = "/v1/chat/completions"
GONE = ("model_not_found", "model_not_active", "not_found", "model_deleted")
"""What servers say of a model that no longer answers."""

REASONERS_REFUSE = ("max_tokens", "temperature")


@dataclass
class Budget:
    """What may be asked: requests and tokens, each request counted before it is sent by what it may cost at most."""

    requests: int
    tokens: int
    spent_requests: int = 0
    spent_tokens: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def take(self, tokens: int) -> bool:
        """Reserve a request of at most `tokens`; say whether there is room for it."""
        with self._lock:
            if self.spent_requests + 1 > self.requests or self.spent_tokens + tokens > self.tokens:
                return False
            self.spent_requests += 1
            self.spent_tokens += tokens
            return True

    def settle(self, reserved: int, used: int) -> None:
        """Count what a request has really used."""
        with self._lock:
            self.spent_tokens += used - reserved


@dataclass
class Recorded:
    """How far the questions to one model are."""

    model: str
    asked: int = 0
    known: int = 0
    left: int = 0
    failed: int = 0
    tokens: int = 0
    gone: str | None = None
    """The server's sentence, once the model no longer answers."""
    refusal: str | None = None
    """The server's sentence on the newest question that it refused."""

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def answers_file(folder: Folder, model: str, *, part: str = "answers") -> Path:
    return folder.file(part, f"{model}.jsonl")


def answers_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return what a model has answered, by the question's key."""
    return {row["key"]: row for row in rows_of(path) if "key" in row and "answer" in row}


def planned(path: Path, prompts: Sequence[Prompt], *, answer_tokens: int) -> tuple[int, int]:
    """Return how many requests, and at most about how many tokens, are still to come."""
    known = answers_of(path)
    left = [one for one in prompts if one.key not in known]
    return len(left), sum(one.tokens + answer_tokens for one in left)


def record(
    server: Transport, folder: Folder, model: str, prompts: Sequence[Prompt], *, path: Path, budget: Budget,
    answer_tokens: int, parallel: int, progress: Callable[[int, int], None],
) -> Recorded:  # fmt: skip
    """Ask `model` what it has not answered yet, greedily, and keep each answer as soon as it is there."""
    known = answers_of(path)
    waiting = [one for one in prompts if one.key not in known]
    found = Recorded(model, known=len(prompts) - len(waiting))
    lock, stopped = threading.Lock(), threading.Event()

    def ask(prompt: Prompt) -> None:
        reserved = prompt.tokens + answer_tokens
        if found.gone or stopped.is_set() or not budget.take(reserved):
            return
        try:
            row = _asked(server, model, prompt, answer_tokens)
        except LuthierError as error:
            budget.settle(reserved, 0)
            with lock:
                if not _is_of_one_question(found, error):
                    stopped.set()
                    raise
            return
        budget.settle(reserved, row["tokens"])
        folder.append(path, row)
        with lock:
            found.asked += 1
            found.tokens += row["tokens"]
            progress(found.known + found.asked, len(prompts))

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        for done in [pool.submit(ask, prompt) for prompt in waiting]:
            done.result()
    found.left = len(waiting) - found.asked
    return found


def _asked(server: Transport, model: str, prompt: Prompt, answer_tokens: int) -> dict[str, Any]:
    body = {"model": model, "messages": prompt.messages, "temperature": 0, "max_tokens": answer_tokens}
    if prompt.tools:
        body["tools"] = prompt.tools
    try:
        reply = server.call("POST", CHAT, body=body)
    except ApiError as error:
        if error.status != 400 or error.param not in REASONERS_REFUSE:
            raise
        body = {name: value for name, value in body.items() if name not in REASONERS_REFUSE}
        reply = server.call("POST", CHAT, body={**body, "max_completion_tokens": answer_tokens})
    choice = reply["choices"][0]
    usage = reply.get("usage") or {}
    return {
        "key": prompt.key, "model": model, "origin": prompt.origin, "messages": prompt.messages, "tools": prompt.tools,
        "reference": prompt.reference, "answer": text_of(choice["message"]), "message": choice["message"],
        "finish_reason": choice.get("finish_reason"), "max_tokens": answer_tokens,
        "tokens": int(usage.get("total_tokens") or prompt.tokens), "asked_at": int(time.time()),
        "system_fingerprint": reply.get("system_fingerprint"),
    }  # fmt: skip


def _is_of_one_question(found: Recorded, error: LuthierError) -> bool:
    """Take note of a refusal; False for what holds for every question: a wrong key, a limit, a server that is away."""
    if not isinstance(error, ApiError) or error.status in (401, 403, 429) or error.status >= 500:
        return False
    if error.status == 404 or error.code in GONE:
        found.gone = error.message
    else:
        found.failed, found.refusal = found.failed + 1, error.message
    return True
