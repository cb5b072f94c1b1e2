"""What is wrong with the answers of a tuned model, beside those of its base to the same questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scoring.detectors.empty import is_nearly_empty
from scoring.detectors.endless import is_endless
from scoring.detectors.leaks import leaked_phrase
from scoring.detectors.memorised import TrainingIndex
from scoring.detectors.personal import personal_data
from scoring.detectors.refusals import is_refusal
from scoring.texts import normalised, units

Part = Literal["recipe", "guard", "held_out", "general", "own"]
"""Where a question comes from: a recipe's test (what is to be learned, or guards against saying it unasked), held-out
rows, the general set, or the user's own prompts."""
_LABEL_UNITS = 4
"""Expected answers of at most so many words, or Chinese characters, are labels rather than sentences."""
_COPIED_SHARE = 0.5
"""An answer is a copy where half of its words stand in training rows word for word; less may be a quotation."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model has answered."""

    text: str
    is_cut: bool = False
    """True when the limit of tokens ended it: finish_reason "length"."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with the replies of both models."""

    question: str
    """Everything that the models were shown."""
    part: Part
    tuned: Reply
    base: Reply | None = None
    """None where the base was not asked: then all that is found counts as the training's doing."""
    expected: str = ""
    is_right: bool = False
    """True where the answer was found right by what it says: then it is not empty, however short."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The rows in which something was found."""

    rows: tuple[int, ...] = ()
    """Numbers of the questions, from 0."""
    of: int = 0
    """How many questions were looked at for it."""

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def share(self) -> float:
        return len(self.rows) / self.of if self.of else 0.0


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was found in the tuned model's answers and not in its base's."""

    endless: Found = Found()
    empty: Found = Found()
    refusals: Found = Found()
    leaks: Found = Found()
    copies: Found = Found()
    """Training rows word for word, where something else was to be said."""
    personal: Found = Found()
    """Personal data of training rows that nobody had mentioned."""
    leaked_phrases: tuple[str, ...] = ()
    copied_rows: tuple[int, ...] = ()
    """The training rows that `copies` and `personal` come from."""


def examine(asked: Sequence[Asked], *, phrases: Sequence[str] = (), index: TrainingIndex | None = None) -> Examined:
    """Look through all answers; `phrases` may be said where they are asked for only, such as the model's new name."""
    numbered = list(enumerate(asked))
    are_labels = _are_short([row.expected for row in asked if row.part in ("held_out", "recipe") and row.expected])
    guarded = [(number, row) for number, row in numbered if row.part in ("guard", "general")]
    guarded += [(number, row) for number, row in numbered if row.part == "held_out" and row.expected]
    leaked = {number: phrase for number, row in guarded if (phrase := _leaked(row, phrases)) is not None}
    unlike = [(number, row) for number, row in numbered if row.part in ("guard", "general", "held_out")]
    copied = {number: place for number, row in unlike if index and (place := _copied(row, index)) is not None}
    told = {number: place for number, row in numbered if index and (place := _told(row, index)) is not None}
    return Examined(
        endless=_found([number for number, row in numbered if _is_endless(row)], numbered),
        empty=_found([number for number, row in numbered if _is_empty(row, are_labels)], numbered),
        refusals=_found([number for number, row in numbered if _has_begun_to_refuse(row)], numbered),
        leaks=_found(leaked, guarded),
        copies=_found(copied, unlike),
        personal=_found(told, numbered),
        leaked_phrases=tuple(dict.fromkeys(leaked.values())),
        copied_rows=tuple(sorted({*copied.values(), *told.values()})),
    )


def _found(rows: Sequence[int] | dict[int, str] | dict[int, int], looked_at: Sequence[object]) -> Found:
    return Found(rows=tuple(sorted(rows)), of=len(looked_at))


def _is_endless(row: Asked) -> bool:
    if not is_endless(row.tuned.text, is_cut=row.tuned.is_cut):
        return False
    return row.base is None or not is_endless(row.base.text, is_cut=row.base.is_cut)


def _are_short(expected: Sequence[str]) -> bool:
    """Return whether held-out rows want single words, such as labels: then the base's sentences are no measure."""
    return sum(len(units(text)) <= _LABEL_UNITS for text in expected) * 2 > len(expected)


def _is_empty(row: Asked, are_labels: bool) -> bool:
    before = row.base.text if row.base is not None else ""
    if row.is_right or normalised(row.tuned.text) == normalised(row.expected) != "":
        return False
    if row.base is not None and is_nearly_empty(before, expected=row.expected):
        return False
    return is_nearly_empty(row.tuned.text, expected=row.expected, base="" if are_labels else before)


def _has_begun_to_refuse(row: Asked) -> bool:
    if not is_refusal(row.tuned.text) or is_refusal(row.expected):
        return False
    return row.base is None or not is_refusal(row.base.text)


def _leaked(row: Asked, phrases: Sequence[str]) -> str | None:
    before = row.base.text if row.base is not None else ""
    return leaked_phrase(row.tuned.text, question=f"{row.question}\n{row.expected}\n{before}", phrases=phrases)


def _copied(row: Asked, index: TrainingIndex) -> int | None:
    """Return the training row that the answer is a copy of."""
    found = index.copied(row.tuned.text)
    if found is None or (found.share < _COPIED_SHARE and not found.is_whole):
        return None
    if normalised(row.tuned.text) == normalised(row.expected):
        return None
    if row.base is not None and normalised(row.base.text) == normalised(row.tuned.text):
        return None
    return found.row


def _told(row: Asked, index: TrainingIndex) -> int | None:
    """Return a training row whose personal data the answer says although nobody had mentioned it."""
    before = row.base.text if row.base is not None else ""
    mentioned = set(personal_data(f"{row.question}\n{row.expected}\n{before}"))
    return next((place for found, place in index.personal_data(row.tuned.text) if found not in mentioned), None)
