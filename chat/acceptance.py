"""An acceptance test: what a tuned model is asked, and what its answer must and must not say."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from chat.conversation import WrittenMessage

_WORD = re.compile(r"[a-z0-9]")


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


class Result(StoredTest):
    """A test with what was answered; `before` is the base's answer, where it was asked."""

    before: str | None
    answer: str
    passed: bool
    missing: tuple[str, ...]
    unwanted: tuple[str, ...]


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
    must_not_say: tuple[str, ...] = ()
    """None of these may be in the answer."""
    topic: str = ""
    """What the test is about, for counting: "identity" or "unrelated"."""

    @classmethod
    def from_json(cls, value: StoredTest) -> "AcceptanceTest":
        """Read what `to_json` has written."""
        return cls(
            messages=tuple(value["messages"]),
            must_say=tuple(value.get("must_say", ())),
            must_not_say=tuple(value.get("must_not_say", ())),
            topic=value.get("topic", ""),
        )

    def to_json(self) -> StoredTest:
        return {
            "messages": [message.copy() for message in self.messages],
            "must_say": list(self.must_say),
            "must_not_say": list(self.must_not_say),
            "topic": self.topic,
        }

    def judge(self, answer: str) -> "Judgement":
        """Hold `answer` to what is expected of it."""
        return Judgement(
            missing=tuple(phrase for phrase in self.must_say if not says(answer, phrase)),
            unwanted=tuple(phrase for phrase in self.must_not_say if says(answer, phrase)),
        )


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What an answer lacks and what it should not have said."""

    missing: tuple[str, ...]
    unwanted: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        return not self.missing and not self.unwanted


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
    judgement = test.judge(answer)
    return {
        **test.to_json(),
        "before": earlier,
        "answer": answer,
        "passed": judgement.is_passed,
        "missing": judgement.missing,
        "unwanted": judgement.unwanted,
    }
