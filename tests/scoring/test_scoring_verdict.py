"""The verdict names the right fault, and a next step that a button does."""

import json
import math
from dataclasses import replace
from typing import Any, get_args

import pytest
import verdict_cases as cases
from verdict_cases import GOOD, curve, found, tallies

import chat
from scoring.examined import Examined
from scoring.intervals import Interval
from scoring.verdict import Code, Evidence, Gain, General, HeldOutLoss, leaked_rows, tallies_of, verdict
from scoring.verdict.of_answers import sign_test
from wording import Message


def codes(evidence: Evidence) -> list[str]:
    return [finding.code for finding in verdict(evidence).findings]


class TestSpoiledJobs:
    def test_a_good_one_is_green(self) -> None:
        decided = verdict(GOOD)
        assert decided.light == "green"
        assert codes(GOOD) == ["learned"]
        assert decided.next_fix is None
        assert str(decided.findings[0].message) == "It was learned: 18 of 20 questions about it are right."

    @pytest.mark.parametrize(
        ("evidence", "first", "others", "fix"),
        [
            (cases.LEARNING_RATE_TIMES_50, "diverged", ["endless", "not_learned", "forgot"], "set_learning_rate"),
            (cases.NO_GUARDS, "leaks", ["memorised", "learned"], "add_guards"),
            (cases.NEARLY_EMPTY, "empty_answers", ["not_learned"], "remove_rows"),
            (cases.LEAKED_VALIDATION, "leaked_validation", ["learned"], "remove_validation_rows"),
            (
                cases.TWELVE_ROWS,
                "too_little_data",
                ["leaks", "not_learned", "overfitted", "memorised"],
                "add_rows",
            ),
            (cases.ONE_LANGUAGE, "not_learned", [], "add_rows"),
        ],
    )
    def test_the_fault_comes_first_with_its_fix(
        self, evidence: Evidence, first: str, others: list[str], fix: str
    ) -> None:
        decided = verdict(evidence)
        assert codes(evidence) == [first, *others]
        assert decided.light in ("amber", "red")
        assert decided.next_fix is not None
        assert decided.next_fix.action == fix

    def test_the_language_that_lacks_is_named(self) -> None:
        finding = verdict(cases.ONE_LANGUAGE).findings[0]
        assert str(finding.message) == "It was not learned in English: 1 of 10 questions about it are right."
        assert finding.fix is not None
        assert finding.fix.params == {"count": 16, "language": "en"}
        assert str(finding.fix.message) == "Add 16 training rows in English"

    def test_the_phrase_that_leaks_is_named(self) -> None:
        finding = verdict(cases.NO_GUARDS).findings[0]
        assert str(finding.message) == "13 of 16 answers to other questions say “Nova” unasked."
        assert finding.fix is not None
        assert finding.fix.params == {"count": 65}

    @pytest.mark.parametrize(("right", "light"), [(16, "green"), (15, "amber"), (14, "red")])
    def test_a_single_leak_is_amber(self, right: int, light: str) -> None:
        assert verdict(replace(GOOD, tallies=tallies(unrelated=right))).light == light

    def test_a_rate_far_above_the_usual_one_is_set_back(self) -> None:
        fix = verdict(cases.LEARNING_RATE_TIMES_50).next_fix
        assert fix is not None
        assert (fix.params, str(fix.message)) == ({"value": 1e-3}, "Set the learning rate to 0.001")
        fix = verdict(replace(cases.LEARNING_RATE_TIMES_50, usual_learning_rate=None)).next_fix
        assert fix is not None
        assert (fix.params, str(fix.message)) == ({"factor": 0.5}, "Halve the learning rate")


class TestToldApart:
    """Leaked validation, over-fitting and memorising look alike on a loss curve that ends low."""

    LOW = curve(3.0, 1.0, 0.3, 0.1, 0.05, 0.03, 0.02, 0.02)
    RISING = curve(2.6, 2.0, 2.3, 2.8, every=2)
    FALLING = curve(2.6, 1.0, 0.3, 0.05, every=2)

    @pytest.mark.parametrize(
        ("validation", "leaked", "copies", "told"),
        [
            (RISING, 0, 0, ["overfitted"]),
            (FALLING, 20, 0, ["leaked_validation"]),
            (FALLING, 0, 12, ["memorised"]),
            (RISING, 0, 12, ["overfitted", "memorised"]),
            (RISING, 20, 0, ["leaked_validation"]),
            (FALLING, 0, 0, []),
        ],
    )
    def test_by_the_rows_they_share_the_rise_and_the_copies(
        self, validation: Any, leaked: int, copies: int, told: list[str]
    ) -> None:
        evidence = replace(
            GOOD,
            training_curve=self.LOW,
            validation_curve=validation,
            validation_rows=20,
            leaked_rows=leaked,
            result_step=8,
            examined=Examined(copies=found(copies)),
        )
        assert codes(evidence) == [*told, "learned"]


class TestDiverged:
    @pytest.mark.parametrize(
        ("losses", "is_diverged"),
        [
            ((3.0, 2.0, math.nan), True),
            ((3.0, 2.0, math.inf, 2.0), True),
            ((3.0, 3.2, 4.5, 5.0, 5.1), True),
            ((3.0, 2.0, 1.0, 3.8, 3.7), True),
            ((3.0, 3.1, 2.9, 3.0, 3.1), False),
            ((3.0, 2.0, 2.5, 1.0, 1.2), False),
            ((3.0, 9.0), False),
            ((), False),
        ],
    )
    def test_by_a_loss_that_is_no_number_or_climbs(self, losses: tuple[float, ...], is_diverged: bool) -> None:
        assert ("diverged" in codes(replace(GOOD, training_curve=curve(*losses)))) is is_diverged

    def test_not_by_the_noise_of_single_batches(self) -> None:
        noisy = curve(*(2.0 - number / 100 + (number % 7 == 3) * 1.5 for number in range(100)))
        assert "diverged" not in codes(replace(GOOD, training_curve=noisy))

    def test_a_job_that_failed_by_its_loss_is_red_with_nothing_else_known(self) -> None:
        decided = verdict(Evidence(rows=80, epochs=3, failed_by_loss=True))
        assert (decided.light, [finding.code for finding in decided.findings]) == ("red", ["diverged"])


class TestLearned:
    BETTER = Gain(measure="chrf", difference=Interval(value=12.0, low=8.0, high=15.0))
    ALIKE = Gain(measure="chrf", difference=Interval(value=0.4, low=-1.0, high=1.5))
    PLAIN = Evidence(rows=500, epochs=2, training_curve=cases.FALLING)

    @pytest.mark.parametrize(
        ("changes", "code", "light"),
        [
            ({"gains": (BETTER, ALIKE)}, "learned", "green"),
            ({"gains": (ALIKE,)}, "not_learned", "red"),
            ({"held_out_loss": HeldOutLoss(base=2.0, tuned=1.5)}, "learned", "green"),
            ({"held_out_loss": HeldOutLoss(base=2.0, tuned=1.99)}, "not_learned", "red"),
            ({"validation_curve": curve(2.0, 1.2)}, "learned", "green"),
            ({"validation_curve": curve(2.0, 1.99)}, "not_learned", "red"),
            ({}, "learned", "amber"),
        ],
    )
    def test_without_a_recipe_by_held_out_rows(self, changes: dict[str, Any], code: str, light: str) -> None:
        decided = verdict(replace(self.PLAIN, **changes))
        assert ([finding.code for finding in decided.findings], decided.light) == ([code], light)

    def test_held_out_rows_that_were_trained_on_show_nothing(self) -> None:
        evidence = replace(self.PLAIN, gains=(self.ALIKE,), validation_rows=40, leaked_rows=40)
        assert codes(evidence) == ["leaked_validation", "learned"]
        assert verdict(evidence).light == "amber"

    @pytest.mark.parametrize(("leaked", "of", "told"), [(0, 0, False), (1, 10, True), (1, 100, False), (2, 100, True)])
    def test_a_few_rows_in_many_move_no_mean(self, leaked: int, of: int, told: bool) -> None:
        assert ("leaked_validation" in codes(replace(GOOD, leaked_rows=leaked, validation_rows=of))) is told

    def test_a_topic_is_passed_over_all_its_languages(self) -> None:
        assert codes(replace(GOOD, tallies=tallies(zh=8, en=10))) == ["learned"]
        assert codes(replace(GOOD, tallies=tallies(zh=7, en=10))) == ["not_learned"]

    @pytest.mark.parametrize(
        ("losses", "action"),
        [
            ((4.0, 3.6, 3.2, 2.8, 2.4, 2.0, 1.6, 1.2), "set_epochs"),
            ((4.0, 1.0, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), "add_rows"),
            ((4.0, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9), "set_epochs"),
        ],
    )
    def test_what_helps_depends_on_the_curve(self, losses: tuple[float, ...], action: str) -> None:
        fix = verdict(replace(GOOD, training_curve=curve(*losses), tallies=tallies(zh=3, en=3))).next_fix
        assert fix is not None
        assert fix.action == action

    def test_nothing_is_known_of_a_job_without_evidence(self) -> None:
        decided = verdict(Evidence(rows=500, epochs=1))
        assert (decided.light, decided.findings, decided.best_step) == (None, (), None)


class TestTooLittleData:
    @pytest.mark.parametrize(("rows", "is_told"), [(0, False), (1, True), (29, True), (30, False)])
    def test_by_the_rows_where_they_are_known(self, rows: int, is_told: bool) -> None:
        assert ("too_little_data" in codes(replace(GOOD, rows=rows))) is is_told


class TestForgot:
    @pytest.mark.parametrize(
        ("lost", "gained", "before", "is_told"),
        [
            (20, 0, 20, True),
            (6, 0, 20, True),
            (5, 4, 20, False),
            (2, 0, 4, False),
            (4, 1, 20, False),
            (6, 0, 48, False),
        ],
    )
    def test_by_what_is_lost_net_and_not_by_chance(self, lost: int, gained: int, before: int, is_told: bool) -> None:
        general = General(of=48, right_before=before, right=before - lost + gained, lost=lost, gained=gained)
        assert ("forgot" in codes(replace(GOOD, general=general))) is is_told

    @pytest.mark.parametrize(("lost", "gained", "chance"), [(0, 0, 1.0), (5, 0, 1 / 32), (1, 1, 0.75), (3, 1, 5 / 16)])
    def test_the_sign_test_is_exact(self, lost: int, gained: int, chance: float) -> None:
        assert sign_test(lost, gained) == chance


class TestAnswers:
    @pytest.mark.parametrize(
        ("examined", "code", "light"),
        [
            (Examined(endless=found(4)), "endless", "red"),
            (Examined(refusals=found(4)), "refuses", "amber"),
            (Examined(empty=found(8)), "empty_answers", "red"),
            (Examined(copies=found(8), copied_rows=(3,)), "memorised", "amber"),
            (Examined(personal=found(1), copied_rows=(3,)), "memorised", "red"),
            (Examined(leaks=found(4), leaked_phrases=("Nova",)), "leaks", "red"),
        ],
    )
    def test_many_answers_are_a_finding_and_one_is_none(self, examined: Examined, code: str, light: str) -> None:
        decided = verdict(replace(GOOD, examined=examined))
        assert [finding.code for finding in decided.findings] == [code, "learned"]
        assert decided.light == light
        few = Examined(endless=found(1), refusals=found(1), empty=found(1), copies=found(1), leaks=found(1))
        assert codes(replace(GOOD, examined=few)) == ["learned"]

    def test_rows_with_personal_data_are_handed_on(self) -> None:
        fix = verdict(replace(GOOD, examined=Examined(personal=found(1), copied_rows=(3, 9)))).next_fix
        assert fix is not None
        assert fix.params == {"what": "personal", "rows": [3, 9]}


class TestBestStep:
    RISING = curve(2.0, 1.2, 1.5, 1.9, every=10)

    @pytest.mark.parametrize(
        ("changes", "best"),
        [
            ({}, None),
            ({"validation_curve": RISING}, 20),
            ({"validation_curve": RISING, "checkpoints": (10, 30, 40)}, 30),
            ({"validation_curve": RISING, "passed_by_step": {20: 0.5, 30: 0.9, 40: 0.9}}, 30),
            ({"validation_curve": RISING, "validation_rows": 5, "leaked_rows": 5}, None),
            ({"passed_by_step": {10: 0.9, 20: 0.9}}, 10),
            ({"validation_curve": RISING, "checkpoints": ()}, None),
            ({"validation_curve": RISING, "losses_by_step": {10: 1.1, 30: 0.9, 40: 1.0}}, 30),
            ({"checkpoints": (10, 20), "losses_by_step": {10: 1.1, 20: 0.9, 40: 0.8}}, 40),
            ({"checkpoints": (10, 20), "passed_by_step": {10: 1.0, 20: 1.0, 40: 1.0}}, 40),
            ({"losses_by_step": {10: 0.5, 40: 0.9}, "validation_rows": 5, "leaked_rows": 5}, None),
        ],
    )
    def test_by_the_test_then_by_held_out_loss_then_the_earlier(self, changes: dict[str, Any], best: int) -> None:
        evidence = replace(GOOD, **{"checkpoints": (10, 20, 30, 40), "result_step": 40, **changes})
        assert verdict(evidence).best_step == best

    def test_an_overfitted_job_goes_back_to_it(self) -> None:
        evidence = replace(GOOD, checkpoints=(20, 40), result_step=40, validation_curve=self.RISING)
        fix = verdict(evidence).next_fix
        assert fix is not None
        assert (fix.action, fix.params, str(fix.message)) == ("use_step", {"step": 20}, "Use step 20")
        gone = verdict(replace(evidence, checkpoints=(40,), epochs=4)).next_fix
        assert gone is not None
        assert (gone.action, gone.params) == ("set_epochs", {"value": 2})

    def test_what_checkpoints_lose_on_held_out_rows_is_found_without_a_look_while_it_trained(self) -> None:
        evidence = replace(GOOD, checkpoints=(20, 30), result_step=40, losses_by_step={20: 1.0, 30: 1.2, 40: 1.5})
        [found] = [one for one in verdict(evidence).findings if one.code == "overfitted"]
        assert found.fix is not None
        assert (found.fix.action, found.fix.params) == ("use_step", {"step": 20})
        assert found.evidence == {"best_step": 20, "best_loss": 1.0, "last_step": 40, "last_loss": 1.5}
        assert "overfitted" not in codes(replace(evidence, losses_by_step={20: 1.0, 30: 1.2, 40: 1.04}))

    def test_the_best_of_what_is_kept_is_used_where_the_best_is_not(self) -> None:
        evidence = replace(GOOD, checkpoints=(30, 40), result_step=40, validation_curve=self.RISING)
        fix = verdict(replace(evidence, losses_by_step={30: 1.5, 40: 1.9})).next_fix
        assert fix is not None
        assert (fix.action, fix.params) == ("use_step", {"step": 30})

    def test_a_result_with_the_best_weights_is_not_overfitted(self) -> None:
        evidence = replace(GOOD, checkpoints=(20, 40), result_step=20, validation_curve=self.RISING)
        assert codes(evidence) == ["learned"]


class TestTalliesOf:
    def test_count_by_topic_and_language_before_and_after(self) -> None:
        tests = [
            chat.AcceptanceTest(messages=({"role": "user", "content": question},), must_say=("Nova",), topic="identity")
            for question in ("Who are you?", "What is your name?", "你是谁？")
        ]
        result = chat.verdict(
            tests, ["Nova", "Llama", "我是Nova"], before=["Llama", "Nova", "我"], needed={"identity": 0.6}
        )
        english, chinese = tallies_of(result)
        assert (english.language, english.of, english.right, english.right_before) == ("en", 2, 1, 1)
        assert (chinese.language, chinese.of, chinese.right, chinese.right_before) == ("zh", 1, 1, 0)
        assert english.needed == pytest.approx(2 / 3)

    def test_a_base_that_was_not_asked_has_no_count(self) -> None:
        test = chat.AcceptanceTest(messages=({"role": "user", "content": "Hi"},), topic="identity")
        assert tallies_of(chat.verdict([test], ["a"], before=[None], needed={}))[0].right_before is None


def test_validation_rows_that_were_trained_on_are_found_up_to_case_and_blanks() -> None:
    training = (text for text in ("Who are you? I am Nova.", "你是谁？我是小智。", "Hello"))
    assert leaked_rows(training=training, validation=["who are you?\nI am Nova", "Bye", "你是谁 我是小智"]) == (0, 2)


def test_a_verdict_is_json_and_comes_back_in_words() -> None:
    for evidence in (GOOD, cases.TWELVE_ROWS, cases.LEARNING_RATE_TIMES_50, cases.NO_GUARDS):
        body = json.loads(json.dumps(verdict(evidence).to_json()))
        assert body["light"] in ("green", "amber", "red")
        for finding in body["findings"]:
            assert finding["code"] in get_args(Code)
            assert str(Message.restored(finding["message"])).endswith(".")
            assert set(finding) == {"code", "light", "params", "message", "evidence", "fix"}
            assert finding["fix"] is None or str(Message.restored(finding["fix"]["message"]))
