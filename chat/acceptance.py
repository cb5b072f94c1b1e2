"""An acceptance test: what a tuned model is asked, and what its answer must and must not say."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_WORD = re.compile(r"[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class AcceptanceTest:
    """One question with what is expected of the answer."""

    messages: tuple[dict[str, str], ...]
    """The prompt, as OpenAI's messages; the last one is the user's."""
    must_say: tuple[str, ...] = ()
    """Every one of these must stand in the answer."""
    must_not_say: tuple[str, ...] = ()
    """None of these may stand in the answer."""
    topic: str = ""
    """What the test is about, for counting: "identity" or "unrelated"."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "AcceptanceTest":
        """Read what `to_json` has written."""
        return cls(
            messages=tuple(dict(message) for message in value["messages"]),
            must_say=tuple(value.get("must_say", ())),
            must_not_say=tuple(value.get("must_not_say", ())),
            topic=value.get("topic", ""),
        )

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

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
    """Tell whether `phrase` stands in `text`, in whatever case and width; Latin words only as whole words.

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
) -> dict[str, Any]:
    """Return what a training has come to, as JSON: {"passed", "topics", "results"}.

    `answers` and `before` are the tuned model's and the base's, in the order of the tests. `needed` gives the share of
    right answers that each topic wants; 1 where it says nothing.
    """
    results: list[dict[str, Any]] = []
    topics: dict[str, dict[str, int]] = {}
    for test, answer, earlier in zip(tests, answers, before, strict=True):
        judgement = test.judge(answer)
        found = {"passed": judgement.is_passed, "missing": judgement.missing, "unwanted": judgement.unwanted}
        results.append({**test.to_json(), "before": earlier, "answer": answer, **found})
        count = topics.setdefault(test.topic, {"right": 0, "of": 0})
        count["of"] += 1
        count["right"] += judgement.is_passed
    for topic, count in topics.items():
        count["needed"] = math.ceil(count["of"] * needed.get(topic, 1.0))
    is_passed = all(count["right"] >= count["needed"] for count in topics.values())
    return {"passed": is_passed, "topics": topics, "results": results}
