"""Whether the new model answers as the old one did: the same questions, measured and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.errors import LuthierError
from luthier.rescue.folder import Folder
from luthier.rescue.measures import chrf, interval, is_same
from luthier.rescue.prompts import Prompt
from luthier.rescue.recording import CHAT, Recorded, answers_file, answers_of
from luthier.speaking import _
from luthier.transport import Transport

SHOWN = 10
"""Pairs in a report that are least alike."""
JUDGE = (
    "Two assistants were asked the same. Do their answers say the same? Wording, length and language style do not "
    "matter; facts, decisions and names do. Answer with one word: same or different.\n\n"
    "Question:\n{question}\n\nFirst answer:\n{first}\n\nSecond answer:\n{second}"
)
VERDICT_TOKENS = 8


@dataclass
class Pair:
    """Two answers to one question."""

    key: str
    question: str
    old: str
    new: str
    is_same: bool
    chrf: float
    judged: bool | None = None


def prompts_of(folder: Folder, old_model: str, most: int) -> list[Prompt]:
    """Return the questions that the old model has answered: those alone can be compared."""
    rows = answers_of(answers_file(folder, old_model)).values()
    found = [Prompt(row["messages"], row.get("reference"), row.get("tools"), row.get("origin", "")) for row in rows]
    if not found:
        said = _("{model} has answered nothing yet: “luthier rescue record {path}”.")
        raise LuthierError(said.format(model=old_model, path=folder.path), code="nothing_recorded")
    return sorted(found, key=lambda one: one.key)[:most]


def pairs_of(folder: Folder, old_model: str, answers: dict[str, dict[str, Any]]) -> list[Pair]:
    """Return both answers to each question that both have answered."""
    old = answers_of(answers_file(folder, old_model))
    return [
        Pair(
            key, _last(row["messages"]), row["answer"], answers[key]["answer"],
            is_same(row["answer"], answers[key]["answer"]), chrf(answers[key]["answer"], row["answer"]),
        )
        for key, row in sorted(old.items())
        if key in answers
    ]  # fmt: skip


def judge(server: Transport, model: str, pairs: Sequence[Pair], *, progress: Callable[[int, int], None]) -> None:
    """Let a model say whether two answers say the same; in both orders, and only where both times alike it counts."""
    for number, pair in enumerate(pairs, 1):
        if pair.is_same:
            pair.judged = True
        else:
            said = [_said(server, model, pair, swapped=swapped) for swapped in (False, True)]
            pair.judged = said[0] if said[0] == said[1] else None
        progress(number, len(pairs))


def _said(server: Transport, model: str, pair: Pair, *, swapped: bool) -> bool | None:
    """Return what the judge says; None for what is neither word."""
    first, second = (pair.new, pair.old) if swapped else (pair.old, pair.new)
    asked = JUDGE.format(question=pair.question, first=first, second=second)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": asked}],
        "temperature": 0,
        "max_tokens": VERDICT_TOKENS,
    }
    reply = server.call("POST", CHAT, body=body)
    word = str(reply["choices"][0]["message"].get("content") or "").strip(" .\"'*\n").lower()
    return {"same": True, "different": False}.get(word.split()[0] if word else "")


def report(
    old: dict[str, Any], new_model: str, pairs: Sequence[Pair], *, base: tuple[str, Sequence[Pair]] | None,
    judge_model: str | None, asked: Recorded,
) -> dict[str, Any]:  # fmt: skip
    """Return what the comparison comes to, as JSON."""
    if not pairs:
        said = _("{model} has answered none of the questions, so there is nothing to compare. {why}")
        why = asked.refusal or ""
        raise LuthierError(said.format(model=new_model, why=why).strip(), code="nothing_to_compare")
    found: dict[str, Any] = {
        "object": "rescue.parity", "job": old["id"], "old_model": old["fine_tuned_model"], "old_base": old["model"],
        "new_model": new_model, "questions": len(pairs), "unanswered": asked.left, "measures": _measures(pairs),
    }  # fmt: skip
    if base is not None and base[1]:
        found["base"] = {"model": base[0], "measures": _measures(base[1])}
    if judge_model:
        judged = [pair for pair in pairs if pair.judged is not None]
        found["judge"] = {"model": judge_model, "undecided": len(pairs) - len(judged)}
        if judged:
            found["measures"]["judged_same"] = _figure([float(bool(pair.judged)) for pair in judged])
    least = sorted(pairs, key=lambda pair: (pair.chrf, pair.key))[:SHOWN]
    found["least_alike"] = [dict(vars(pair)) for pair in least]
    return found


def _measures(pairs: Sequence[Pair]) -> dict[str, Any]:
    return {
        "exact_match": _figure([float(pair.is_same) for pair in pairs]),
        "chrf": _figure([pair.chrf for pair in pairs]),
    }


def _figure(values: Sequence[float]) -> dict[str, float]:
    value, low, high = interval(values)
    return {"value": value, "low": low, "high": high, "questions": len(values)}


def _last(messages: Sequence[dict[str, Any]]) -> str:
    """Return what was asked last."""
    said = [one.get("content") for one in messages if one.get("role") == "user"]
    return said[-1] if said and isinstance(said[-1], str) else ""
