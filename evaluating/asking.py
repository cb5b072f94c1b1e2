"""Puts questions to the models of one engine and gives their answers as they come."""

import json
import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat import ChatError, ChatFormat, WrittenMessage, parse_messages
from evaluating.messages import message
from serving.engine import Engine, Piece, Sequence
from serving.faults import ServingFault
from serving.sampling import Sampling
from serving.stop import StopSwitch
from wording import Message

GREEDY = Sampling(temperature=0)
LOOK_SECONDS = 0.2
"""How often somebody who waits for an answer looks whether to stop."""


@dataclass(frozen=True, kw_only=True)
class Question:
    number: int
    messages: list[WrittenMessage]
    tools: list[Any] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A model of the engine, as it is asked."""

    name: str
    adapter: int
    chat: ChatFormat


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said, and why it stopped: "stop", "length", or "unaskable" where the prompt cannot be written."""

    model: str
    number: int
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stop_reason: str
    reason: Message | None = None


def read_questions(path: Path) -> list[Question]:
    """Return the questions of a JSON Lines file; ServingFault where it is none."""
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        return [
            Question(number=int(line["number"]), messages=line["messages"], tools=line.get("tools", []))
            for line in lines
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServingFault(
            "questions_unreadable", message("evaluation_questions_unreadable", file=path.name)
        ) from error


def ask(
    engine: Engine, pairs: list[tuple[Asked, Question]], *, max_tokens: int, switch: StopSwitch
) -> Iterator[Answer]:
    """Yield each pair's answer as it ends, all of them decoded together; StopRequested when the switch is turned."""
    done: queue.SimpleQueue[tuple[_Speaker, Piece]] = queue.SimpleQueue()
    speakers = []
    for asked, question in pairs:
        try:
            prompt = list(asked.chat.prompt_ids(parse_messages(question.messages, question.tools)))
        except ChatError as error:
            yield Answer(model=asked.name, number=question.number, stop_reason="unaskable", reason=error.message)
            continue
        room = engine.loaded.max_model_len - len(prompt)
        if room < 1:
            yield _too_long(asked, question, prompt, engine.loaded.max_model_len)
            continue
        speakers.append(_Speaker(asked, question, prompt, min(room, max_tokens), done))
    engine.submit([speaker.sequence for speaker in speakers])
    left = len(speakers)
    try:
        while left:
            switch.check()
            try:
                speaker, piece = done.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if piece.finish_reason == "error":
                reason = piece.message or ""
                raise ServingFault("engine_failed", message("evaluation_engine_failed", reason=reason))
            left -= 1
            yield speaker.answer(str(piece.finish_reason))
    finally:
        engine.cancel([speaker.sequence for speaker in speakers])


class _Speaker:
    """One answer in the making."""

    def __init__(self, asked: Asked, question: Question, prompt: list[int], max_tokens: int, done: Any) -> None:
        self._asked, self._question, self._prompt, self._done = asked, question, prompt, done
        self._texts: list[str] = []
        self.sequence = Sequence(
            prompt=prompt,
            adapter=asked.adapter,
            sampling=GREEDY,
            max_tokens=max_tokens,
            stop_ids=frozenset(asked.chat.stop_ids),
            decoder=asked.chat.stream_decoder(),
            emit=self._hear,
        )

    def answer(self, stop_reason: str) -> Answer:
        return Answer(
            model=self._asked.name,
            number=self._question.number,
            text="".join(self._texts),
            prompt_tokens=len(self._prompt),
            completion_tokens=self.sequence.num_generated,
            stop_reason=stop_reason,
        )

    def _hear(self, piece: Piece) -> None:
        self._texts.append(piece.text)
        if piece.finish_reason is not None:
            self._done.put((self, piece))


def _too_long(asked: Asked, question: Question, prompt: list[int], most: int) -> Answer:
    reason = message("evaluation_prompt_too_long", tokens=len(prompt), most=most)
    return Answer(
        model=asked.name,
        number=question.number,
        prompt_tokens=len(prompt),
        stop_reason="unaskable",
        reason=reason,
    )
