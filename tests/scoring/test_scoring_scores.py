"""Scores with their intervals, and two models' answers to the same rows."""

import numpy as np
import pytest
from corpus import MIXED, parted

from scoring.errors import ScoringError
from scoring.intervals import interval, mean_interval, paired_interval
from scoring.measures import MEASURES, measure
from scoring.scores import compare, score

ANSWERS, EXPECTED = parted(MIXED)


class TestInterval:
    @pytest.mark.parametrize("name", ["exact_match", "bleu", "chrf", "rouge_l"])
    def test_is_the_figure_of_rows_that_are_drawn_again(self, name: str) -> None:
        """By hand: each draw is scored anew, as a corpus of its own."""
        found = measure(name)
        random = np.random.default_rng(3)
        rows = len(ANSWERS)
        draws = random.integers(rows, size=(50, rows))
        figures = [
            score(found, [ANSWERS[row] for row in draw], [EXPECTED[row] for row in draw]).overall.value
            if any(EXPECTED[row] for row in draw)
            else 0.0
            for draw in draws
        ]
        statistics = found.statistics(ANSWERS, EXPECTED)
        ours = interval(found, statistics, seed=3, resamples=50)
        if name != "bleu":  # whose tokenizer a draw without Chinese would choose anew
            assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(figures, [0.025, 0.975])))
        assert ours.low <= ours.value <= ours.high

    def test_is_the_same_for_the_same_seed_only(self) -> None:
        found = measure("rouge_l")
        one, again, other = (score(found, ANSWERS, EXPECTED, seed=seed).overall for seed in (1, 1, 2))
        assert one == again
        assert (one.low, one.high) != (other.low, other.high)

    def test_holds_the_mean_95_times_of_100(self) -> None:
        random = np.random.default_rng(0)
        held = 0
        for _ in range(300):
            found = mean_interval(random.random(100) < 0.3, resamples=200)
            held += found.low <= 0.3 <= found.high
        assert 0.90 <= held / 300 <= 0.99

    def test_draws_in_parts_what_is_too_much_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = measure("chrf")
        statistics = found.statistics(ANSWERS, EXPECTED)
        whole = interval(found, statistics)
        monkeypatch.setattr("scoring.intervals._DRAWN_AT_ONCE", 7 * len(ANSWERS))
        assert interval(found, statistics) == whole

    def test_is_narrow_where_each_row_gains_alike(self) -> None:
        """Rows differ much from one another, and the pairs little: a paired interval sees it."""
        found = measure("rouge_l")
        base = np.column_stack([np.linspace(0, 0.9, 50), np.ones(50)])
        tuned = base + np.array([0.1, 0.0])
        paired = paired_interval(found, base, tuned)
        assert (paired.value, paired.low, paired.high) == pytest.approx((0.1, 0.1, 0.1))


class TestScore:
    def test_has_the_score_of_each_row(self) -> None:
        assert score(measure("exact_match"), ["a", "b", "C"], ["a", "x", "c."]).rows == (1.0, 0.0, 1.0)

    @pytest.mark.parametrize(
        ("answers", "references", "code"),
        [
            ([], [], "nothing_to_score"),
            (["a"], ["a", "b"], "answers_not_paired"),
            (["a"], None, "references_missing"),
        ],
    )
    def test_refuses(self, answers: list[str], references: list[str] | None, code: str) -> None:
        with pytest.raises(ScoringError) as caught:
            score(measure("exact_match"), answers, references)
        assert caught.value.code == code

    def test_one_row_has_an_interval_of_one_point(self) -> None:
        for name in MEASURES:
            found = score(measure(name, schema={}), ["1"], ["1"]).overall
            assert found.low == found.value == found.high


class TestCompare:
    def test_says_of_each_row_what_became_of_it(self) -> None:
        found = compare(
            measure("exact_match"),
            base=["a", "no", "b", "nothing"],
            tuned=["a", "c", "no", "something"],
            references=["a", "c", "b", "d"],
        )
        assert found.changes == ("same", "better", "worse", "changed")
        assert (found.count("better"), found.difference.value) == (1, 0.0)
        assert not found.is_certain

    def test_is_certain_where_the_interval_leaves_out_zero(self) -> None:
        rows = [str(number) for number in range(40)]
        found = compare(measure("exact_match"), base=["no"] * 40, tuned=rows[:30] + ["no"] * 10, references=rows)
        assert found.is_certain
        assert found.difference.low > 0.5

    def test_each_model_has_the_score_that_it_has_alone(self) -> None:
        found = compare(measure("chrf"), base=EXPECTED[::-1], tuned=ANSWERS, references=EXPECTED)
        assert found.tuned == score(measure("chrf"), ANSWERS, EXPECTED)
        assert found.base == score(measure("chrf"), EXPECTED[::-1], EXPECTED)
        assert found.difference.value == found.tuned.overall.value - found.base.overall.value

    def test_refuses_answers_to_other_rows(self) -> None:
        with pytest.raises(ScoringError):
            compare(measure("exact_match"), base=["a"], tuned=["a", "b"], references=["a"])
