"""What a verdict is decided from: numbers that were measured, and no models, files or answers."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import chat
from scoring.examined import Examined
from scoring.intervals import Interval
from scoring.texts import language_of, units


@dataclass(frozen=True, kw_only=True)
class Point:
    """A loss after a step."""

    step: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class Tally:
    """A recipe's questions of one topic and language: how many answers are right."""

    topic: str
    """Such as "identity"; "unrelated" are questions that must be answered without what was learned."""
    language: str
    """"zh" or "en"."""
    of: int
    right: int
    right_before: int | None
    """The base's; None where it was not asked."""
    needed: float
    """Which share of the topic, over all languages, must be right."""


@dataclass(frozen=True, kw_only=True)
class General:
    """The general set, asked before and after the training."""

    of: int
    right_before: int
    right: int
    lost: int
    """Right before and wrong after."""
    gained: int
    """Wrong before and right after."""


@dataclass(frozen=True, kw_only=True)
class HeldOutLoss:
    """The mean loss of held-out rows."""

    base: float
    tuned: float


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A measure on generated answers to held-out rows: tuned minus base, paired."""

    measure: str
    difference: Interval


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that is known about a training; what was not measured is left out."""

    rows: int
    """Conversations that were trained on; 0 where nobody knows, or where it was plain text."""
    epochs: float
    failed_by_loss: bool = False
    """True when the trainer gave up because the loss was no number any more."""
    learning_rate: float | None = None
    usual_learning_rate: float | None = None
    """What "auto" would have taken."""
    training_curve: tuple[Point, ...] = ()
    validation_curve: tuple[Point, ...] = ()
    validation_rows: int = 0
    leaked_rows: int = 0
    """Validation rows that are training rows as well."""
    checkpoints: tuple[int, ...] = ()
    """Steps whose weights can be used instead of the result's."""
    result_step: int | None = None
    """The step whose weights the tuned model has."""
    passed_by_step: dict[int, float] = field(default_factory=dict)
    """By step the share of some of the recipe's questions that a checkpoint, or the result, answered rightly; {} where
    no checkpoint was asked."""
    losses_by_step: dict[int, float] = field(default_factory=dict)
    """By step the loss of the held-out rows, of checkpoints and the result after the training; {} where no checkpoint
    was measured."""
    tallies: tuple[Tally, ...] = ()
    general: General | None = None
    held_out_loss: HeldOutLoss | None = None
    gains: tuple[Gain, ...] = ()
    examined: Examined | None = None


def tallies_of(verdict: chat.Verdict) -> tuple[Tally, ...]:
    """Return what an acceptance test has come to, by topic and language of the questions."""
    groups: dict[tuple[str, str], list[tuple[bool, bool | None]]] = {}
    for result in verdict["results"]:
        test, before = chat.AcceptanceTest.from_json(result), result["before"]
        was_right = None if before is None else test.judge(before, before).is_passed
        key = test.topic, language_of(test.messages[-1]["content"] or "")
        groups.setdefault(key, []).append((result["passed"], was_right))
    tallies = []
    for (topic, language), answers in groups.items():
        count = verdict["topics"][topic]
        before_known = [before for _, before in answers if before is not None]
        tallies.append(
            Tally(
                topic=topic,
                language=language,
                of=len(answers),
                right=sum(right for right, _ in answers),
                right_before=sum(before_known) if len(before_known) == len(answers) else None,
                needed=count["needed"] / count["of"],
            )
        )
    return tuple(tallies)


def leaked_rows(*, training: Iterable[str], validation: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of the validation rows that stand in `training` as well, up to case, blanks and punctuation.

    A row is all that its conversation says. The training rows are only passed through, however many they are.
    """
    held_out = [_key(row) for row in validation]
    wanted = set(held_out)
    seen = {key for row in training if (key := _key(row)) in wanted}
    return tuple(number for number, key in enumerate(held_out) if key in seen)


def _key(text: str) -> bytes:
    return hashlib.blake2b("\0".join(units(text)).encode(), digest_size=16).digest()
