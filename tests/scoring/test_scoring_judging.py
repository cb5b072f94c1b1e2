"""Judges that compare two answers, in both orders, and how far they agree with people."""

import random

import pytest
from sklearn.metrics import cohen_kappa_score

from scoring.errors import ScoringError
from scoring.judging import RUBRICS, Choice, Language, agreement, pair_judgement, pair_requests, win_rate


class TestPairRequests:
    @pytest.mark.parametrize("language", ["en", "zh"])
    @pytest.mark.parametrize("rubric", RUBRICS, ids=lambda rubric: rubric.name)
    def test_both_orders_differ_in_the_order_alone(self, rubric: object, language: Language) -> None:
        found = pair_requests(
            rubric,  # type: ignore[arg-type]
            question="Why {criteria}?",
            base="from the base",
            tuned="from the tuned",
            reference="as it should be",
            language=language,
        )
        one, other = found.base_first[1]["content"], found.tuned_first[1]["content"]
        assert one.index("from the base") < one.index("from the tuned")
        assert other.index("from the tuned") < other.index("from the base")
        swapped = (
            one.replace("from the base", "x")
            .replace("from the tuned", "from the base")
            .replace("x", "from the tuned", 1)
        )
        assert swapped.count("as it should be") == other.count("as it should be") == 1
        assert found.base_first[0] == found.tuned_first[0]
        assert "Why {criteria}?" in one
        assert found.response_format["json_schema"]["schema"]["properties"]["result"]["enum"] == ["A", "B", "tie"]

    def test_without_a_reference_none_is_shown(self) -> None:
        found = pair_requests(RUBRICS[0], question="q", base="b", tuned="t")
        assert "Reference" not in found.base_first[1]["content"]


class TestPairJudgement:
    @pytest.mark.parametrize(
        ("base_first", "tuned_first", "choice", "steady"),
        [
            ("B", "A", "tuned", True),
            ('{"steps": "B is longer", "result": "A"}', '{"steps": "", "result": "B"}', "base", True),
            ("A", "A", "tie", False),
            ("B", "B", "tie", False),
            ("tie", "tie", "tie", True),
            ("B", "tie", "tie", False),
            ("Answer A is a list. I choose B.", "A", "tuned", True),
        ],
    )
    def test_a_choice_that_turns_with_the_order_is_a_tie(
        self, base_first: str, tuned_first: str, choice: Choice, steady: bool
    ) -> None:
        found = pair_judgement(base_first=base_first, tuned_first=tuned_first)
        assert (found.choice, found.is_steady) == (choice, steady)

    def test_a_reply_without_a_choice_is_told(self) -> None:
        with pytest.raises(ScoringError) as caught:
            pair_judgement(base_first="Both are fine.", tuned_first="A")
        assert caught.value.code == "judge_without_label"


class TestWinRate:
    def test_counts_a_tie_for_half(self) -> None:
        found = win_rate(["tuned"] * 30 + ["base"] * 5 + ["tie"] * 5)
        assert (found.wins, found.losses, found.ties) == (30, 5, 5)
        assert found.tuned.value == 32.5 / 40
        assert 0.5 < found.tuned.low < found.tuned.value < found.tuned.high < 1

    def test_refuses_no_votes(self) -> None:
        with pytest.raises(ScoringError):
            win_rate([])


class TestAgreement:
    @pytest.mark.parametrize("seed", range(5))
    def test_kappa_is_scikit_learns(self, seed: int) -> None:
        random_ = random.Random(seed)
        people = random_.choices(["base", "tuned", "tie"], [3, 5, 1], k=60)
        judge = [vote if random_.random() < 0.7 else random_.choice(["base", "tuned", "tie"]) for vote in people]
        found = agreement(judge, people)
        assert found.kappa.value == pytest.approx(cohen_kappa_score(judge, people), abs=1e-12)
        assert found.kappa.low < found.kappa.value < found.kappa.high
        assert found.share == sum(one == other for one, other in zip(judge, people, strict=True)) / 60

    @pytest.mark.parametrize(
        ("judge", "people", "kappa"),
        [
            ("aabb", "aabb", 1.0),
            ("aabb", "bbaa", -1.0),
            ("abab", "aabb", 0.0),
            ("aaaa", "aaaa", 1.0),
            ("aaaa", "aabb", 0.0),
        ],
    )
    def test_by_hand(self, judge: str, people: str, kappa: float) -> None:
        assert agreement(list(judge), list(people)).kappa.value == kappa

    @pytest.mark.parametrize(("judge", "people"), [([], []), (["a"], [])])
    def test_refuses_what_is_not_paired(self, judge: list[str], people: list[str]) -> None:
        with pytest.raises(ScoringError):
            agreement(judge, people)
