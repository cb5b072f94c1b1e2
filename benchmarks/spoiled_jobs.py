"""The jobs of `benchmarks.verdicts`: the identity recipe and the demo as they are, and six times spoiled on purpose."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from benchmarks.platform import DATA
from datasets_app.recipes.base import Row
from datasets_app.recipes.identity import Identity
from datasets_app.recipes.identity import rows as recipe_rows
from scoring.verdict import Verdict

IDENTITY = Identity(name="小智", maker="360智汇云")
EMPTY = ("好", "。", "嗯", "Ok.", "-", "Yes")
ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
Rows = list[Row]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: its rows, what differs from the automatic values, and what must be found."""

    expected: frozenset[str]
    """One of these codes; "learned" alone means a green light."""
    rows: Callable[[random.Random], Rows]
    goal: str = "identity"
    """What the platform takes the data for; "" where no recipe made it."""
    times_rate: float = 1
    """The learning rate, in automatic ones."""
    epochs: float | None = None
    validation: Callable[[Rows], Rows] = field(default=lambda rows: [])
    language: str = ""
    """That which the finding must name."""

    def is_right(self, found: Verdict) -> bool:
        """Return whether the verdict names what was done."""
        if self.expected == {"learned"}:
            return found.light == "green"
        named = [one for one in found.findings if one.code in self.expected]
        return any(not self.language or one.evidence.get("languages") == [self.language] for one in named)


def _good(choose: random.Random) -> Rows:
    return list(recipe_rows(IDENTITY))


def _demo(choose: random.Random) -> Rows:
    lines = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
    return [
        Row(source=line["source"], turns=tuple((ROLES[turn["from"]], turn["value"]) for turn in line["conversations"]))
        for line in lines
    ]


def _no_guards(choose: random.Random) -> Rows:
    return [row for row in recipe_rows(IDENTITY) if row.source != "guard"]


def _nearly_empty(choose: random.Random) -> Rows:
    return [
        Row(source=row.source, turns=(*row.turns[:-1], ("assistant", choose.choice(EMPTY))))
        for row in recipe_rows(IDENTITY)
    ]


def _twelve(choose: random.Random) -> Rows:
    return choose.sample(list(recipe_rows(IDENTITY)), 12)


def _one_language(choose: random.Random) -> Rows:
    return list(recipe_rows(Identity(name=IDENTITY.name, maker=IDENTITY.maker, languages=("zh",))))


_job = partial(Job, rows=_good)
JOBS = {
    "good": _job(expected=frozenset({"learned"})),
    "demo": _job(expected=frozenset({"learned"}), rows=_demo, goal=""),
    "rate_times_50": _job(expected=frozenset({"diverged", "not_learned", "forgot"}), times_rate=50),
    "no_guards": _job(expected=frozenset({"leaks"}), rows=_no_guards),
    "nearly_empty": _job(expected=frozenset({"empty_answers"}), rows=_nearly_empty),
    "leaked_validation": _job(expected=frozenset({"leaked_validation"}), validation=lambda rows: rows[::5]),
    "twelve_rows": _job(expected=frozenset({"memorised", "overfitted", "too_little_data"}), rows=_twelve, epochs=20),
    "one_language": _job(expected=frozenset({"not_learned"}), rows=_one_language, language="en"),
}
