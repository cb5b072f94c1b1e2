"""A talk with two models: what both were asked, what each answered, and how it is asked to go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NotRequired, Self, TypedDict

from common.errors import UserError
from common.texts import storable
from playground.messages import message
from wording import Message

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
MOST_TURNS = 50
LONGEST_TALK = 100_000
"""Characters of prompts and answers together, after which nothing more is asked; the last answers may go beyond it."""
LONGEST_NAME = 300
LONGEST_SYSTEM = 8_000
LONGEST_PROMPT = 16_000


class Settings(TypedDict):
    """How both models answer; without a seed each answer is drawn anew."""

    temperature: float
    top_p: float
    max_tokens: int
    seed: NotRequired[int | None]


DEFAULTS: Settings = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 256, "seed": None}


class Said(TypedDict):
    """A message of a conversation; an answer of weight 0 is read in a training and not learned."""

    role: str
    content: str
    weight: NotRequired[int]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and both answers; None where a model gave none."""

    prompt: str
    left: str | None = None
    right: str | None = None

    def answer(self, side: Side) -> str | None:
        return self.left if side == "left" else self.right


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Everything that was said, and to whom."""

    left: str = ""
    """A model's name in the API; "" asks none."""
    right: str = ""
    system: str = ""
    settings: Settings = field(default_factory=lambda: DEFAULTS.copy())
    turns: tuple[Turn, ...] = ()

    def model(self, side: Side) -> str:
        return self.left if side == "left" else self.right

    def messages(self, side: Side, *, before: int, prompt: str) -> list[Said]:
        """Return what the model of `side` is asked with `prompt`: its own answers to the turns before."""
        asked: list[Said] = [{"role": "system", "content": self.system}] if self.system else []
        for turn in self.turns[:before]:
            if (answer := turn.answer(side)) is not None:
                asked += [{"role": "user", "content": turn.prompt}, {"role": "assistant", "content": answer}]
        return [*asked, {"role": "user", "content": prompt}]

    def row(self, side: Side, number: int, *, answer: str) -> list[Said]:
        """Return the row of a data set that teaches `answer` to turn `number`, and nothing that was said before."""
        before = self.messages(side, before=number, prompt=self.turns[number].prompt)
        unlearned: list[Said] = [{**said, "weight": 0} if said["role"] == "assistant" else said for said in before]
        return [*unlearned, {"role": "assistant", "content": answer}]

    def turns_as_json(self) -> list[dict[str, str | None]]:
        return [asdict(turn) for turn in self.turns]

    @classmethod
    def of(
        cls, *, turns: Any, left: str = "", right: str = "", system: str = "", settings: Settings | None = None
    ) -> Self:
        """Return a talk of turns as they were sent; UserError where they are none, or more than is kept."""
        found = _turns(turns)
        last = len(found[-1].left or "") + len(found[-1].right or "") if found else 0
        if len(found) > MOST_TURNS or _characters(found) - last > LONGEST_TALK or last > 2 * LONGEST_TALK:
            raise UserError(too_long(), code="talk_too_long", param="turns")
        return cls(left=left, right=right, system=system, settings=settings or DEFAULTS.copy(), turns=found)


def too_long() -> Message:
    """Return why nothing more is asked in a conversation."""
    return message("talk_too_long", turns=MOST_TURNS, characters=f"{LONGEST_TALK:,}")


def read_turns(text: str) -> Any:
    """Return what a form's hidden field holds."""
    try:
        return json.loads(text) if text else []
    except (ValueError, RecursionError):
        raise UserError(message("talk_broken"), code="invalid_value", param="turns") from None


def _characters(turns: tuple[Turn, ...]) -> int:
    return sum(len(turn.prompt) + len(turn.left or "") + len(turn.right or "") for turn in turns)


def _turns(sent: Any) -> tuple[Turn, ...]:
    if not isinstance(sent, list) or not all(isinstance(one, Mapping) for one in sent):
        raise UserError(message("talk_broken"), code="invalid_value", param="turns")
    return tuple(_turn(one) for one in sent)


def _turn(sent: Mapping[str, Any]) -> Turn:
    prompt, answers = sent.get("prompt"), [sent.get(side) for side in SIDES]
    good = isinstance(prompt, str) and all(one is None or isinstance(one, str) for one in answers)
    if not good or set(sent) - {"prompt", *SIDES}:
        raise UserError(message("talk_broken"), code="invalid_value", param="turns")
    # A model may say any character, also those that no database takes.
    return Turn(prompt=storable(prompt), left=storable(answers[0]), right=storable(answers[1]))
