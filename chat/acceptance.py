"""An acceptance test: what a tuned model is asked, and what its answer must and must not say."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict, cast

from chat.answer_form import StoredForm, fits
from chat.conversation import WrittenMessage
from chat.likeness import likeness

_WORD = re.compile(r"[a-z0-9]")
_LAST_MARKS = ".。．!！?？"


HeldTo = Literal["", "same", "like"]
"""Not at all; the same words, up to case, width, blanks and the mark at the end; as alike as is wanted."""
Fault = Literal["", "another", "unlike", "one_of_those", "without_form", "with_form"]
"""What is wrong with an answer besides the phrases that it lacks or has."""
LEAST_NEARER = 0.2
"""Where there is one: what any two sentences of a language have in common is no nearness."""
SHOWN_PHRASES = 3
"""Of those of which one is missing."""
LEAST_LIKENESS = 0.3
"""What counts as alike where there is no answer from before the training to be nearer than."""


class Count(TypedDict):
    """How many answers of a topic are right, of how many, and how many must be."""

    right: int
    of: int
    needed: int


class StoredTest(TypedDict):
    """An AcceptanceTest as JSON."""

    messages: list[WrittenMessage]
    must_say: list[str]
    must_not_say: list[str]
    topic: str
    may_say: NotRequired[list[str]]
    """One of these must be in the answer."""
    expected: NotRequired[str]
    """An answer that is right, where one is known."""
    held_to: NotRequired[HeldTo]
    """How an answer is held to `expected`."""
    likeness: NotRequired[float]
    must_not_be: NotRequired[list[str]]
    form: NotRequired[StoredForm]
    has_form: NotRequired[bool]


class Result(StoredTest):
    """A test with what was answered; `before` is the base's answer, where it was asked."""

    before: str | None
    answer: str
    passed: bool
    missing: tuple[str, ...]
    unwanted: tuple[str, ...]
    fault: NotRequired[Fault]


class Verdict(TypedDict):
    """The verdict on a training."""

    passed: bool
    topics: dict[str, Count]
    results: list[Result]


@dataclass(frozen=True, kw_only=True)
class AcceptanceTest:
    """One question with what is expected of the answer."""

    messages: tuple[WrittenMessage, ...]
    """The prompt, as OpenAI's messages; the last one is the user's."""
    must_say: tuple[str, ...] = ()
    """Every one of these must be in the answer."""
    may_say: tuple[str, ...] = ()
    """One of these must be in the answer, where there are any."""
    must_not_say: tuple[str, ...] = ()
    """None of these may be in the answer."""
    topic: str = ""
    """What the test is about, for counting: "identity" or "unrelated"."""
    expected: str = ""
    """An answer that is right, where one is known."""
    held_to: HeldTo = ""
    """How an answer is held to `expected`."""
    likeness: float = 0.0
    """How alike to `expected` an answer must be, from 0 to 1; 0: more so than the answer before the training."""
    must_not_be: tuple[str, ...] = ()
    """None of these may be the whole answer."""
    form: StoredForm | None = None
    """The form that the answer must have, or with `has_form` False must not have."""
    has_form: bool = True

    @classmethod
    def from_json(cls, value: StoredTest) -> "AcceptanceTest":
        """Read what `to_json` has written."""
        return cls(
            messages=tuple(value["messages"]),
            must_say=tuple(value.get("must_say", ())),
            may_say=tuple(value.get("may_say", ())),
            must_not_say=tuple(value.get("must_not_say", ())),
            topic=value.get("topic", ""),
            expected=value.get("expected", ""),
            held_to=value.get("held_to", ""),
            likeness=value.get("likeness", 0.0),
            must_not_be=tuple(value.get("must_not_be", ())),
            form=value.get("form"),
            has_form=value.get("has_form", True),
        )

    def to_json(self) -> StoredTest:
        stored: StoredTest = {
            "messages": [message.copy() for message in self.messages],
            "must_say": list(self.must_say),
            "must_not_say": list(self.must_not_say),
            "topic": self.topic,
        }
        if self.may_say:
            stored["may_say"] = list(self.may_say)
        if self.expected:
            stored["expected"] = self.expected
        if self.held_to:
            stored["held_to"], stored["likeness"] = self.held_to, self.likeness
        if self.must_not_be:
            stored["must_not_be"] = list(self.must_not_be)
        if self.form is not None:
            stored["form"], stored["has_form"] = self.form, self.has_form
        return stored

    def judge(self, answer: str, before: str | None = None) -> "Judgement":
        """Hold `answer` to what is expected of it; `before` is the answer of the model that was not trained."""
        missing = [phrase for phrase in self.must_say if not says(answer, phrase)]
        if self.may_say and not any(says(answer, phrase) for phrase in self.may_say):
            missing.append(" / ".join(self.may_say[:SHOWN_PHRASES]))
        return Judgement(
            missing=tuple(missing),
            unwanted=tuple(phrase for phrase in self.must_not_say if says(answer, phrase)),
            fault=self._fault_of(answer, before),
        )

    def _fault_of(self, answer: str, before: str | None) -> Fault:
        if self.held_to == "same" and not is_same(answer, self.expected):
            return "another"
        if self.held_to == "like" and not self._is_like(answer, before):
            return "unlike"
        if any(is_same(answer, other) for other in self.must_not_be):
            return "one_of_those"
        if self.form is None or fits(self.form, answer) is self.has_form:
            return ""
        return "without_form" if self.has_form else "with_form"

    def _is_like(self, answer: str, before: str | None) -> bool:
        found = likeness(answer, self.expected)
        if self.likeness or before is None:
            return found >= (self.likeness or LEAST_LIKENESS)
        return found == 1.0 or LEAST_NEARER <= found > likeness(before, self.expected)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What an answer lacks and what it should not have said."""

    missing: tuple[str, ...]
    unwanted: tuple[str, ...]
    fault: Fault = ""

    @property
    def is_passed(self) -> bool:
        return not self.missing and not self.unwanted and not self.fault


def says(text: str, phrase: str) -> bool:
    """Return whether `phrase` is in `text`, in any case and width; Latin words only as whole words.

    "Ada" is in "I am ADA." and not in "Canada"; "小智" is in "我是小智，".
    """
    text, phrase = _plain(text), _plain(phrase)
    if not phrase:
        return False
    before = r"(?<![a-z0-9])" if _WORD.match(phrase[0]) else ""
    after = r"(?![a-z0-9])" if _WORD.match(phrase[-1]) else ""
    return re.search(before + re.escape(phrase) + after, text) is not None


def is_same(answer: str, expected: str) -> bool:
    """Return whether both say the same, up to case, width, blanks, and the mark at the end."""
    return _plain(answer).rstrip(_LAST_MARKS).rstrip() == _plain(expected).rstrip(_LAST_MARKS).rstrip()


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def verdict(
    tests: Sequence[AcceptanceTest],
    answers: Sequence[str],
    *,
    before: Sequence[str | None],
    needed: Mapping[str, float],
) -> Verdict:
    """Return the verdict on a training.

    `answers` and `before` are the tuned model's and the base's, in the order of the tests. `needed` gives the share of
    right answers that each topic wants; 1 where it says nothing.
    """
    results = [_result(test, answer, earlier) for test, answer, earlier in zip(tests, answers, before, strict=True)]
    topics: dict[str, Count] = {}
    for topic in dict.fromkeys(test.topic for test in tests):
        passed = [result["passed"] for result in results if result["topic"] == topic]
        topics[topic] = Count(right=sum(passed), of=len(passed), needed=math.ceil(len(passed) * needed.get(topic, 1.0)))
    is_passed = all(count["right"] >= count["needed"] for count in topics.values())
    return {"passed": is_passed, "topics": topics, "results": results}


def _result(test: AcceptanceTest, answer: str, earlier: str | None) -> Result:
    judgement = test.judge(answer, earlier)
    found: dict[str, Any] = {
        "before": earlier,
        "answer": answer,
        "passed": judgement.is_passed,
        "missing": judgement.missing,
        "unwanted": judgement.unwanted,
    }
    if judgement.fault:
        found["fault"] = judgement.fault
    return cast(Result, {**test.to_json(), **found})
