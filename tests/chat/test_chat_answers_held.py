"""What an answer is held to besides phrases: a known answer, a form, what it must not be."""

import pytest

from chat.acceptance import LEAST_LIKENESS, AcceptanceTest, is_same, verdict
from chat.answer_form import StoredForm, fits, form_of_objects, form_of_template
from chat.likeness import likeness
from scoring.measures import measure

ASKED = ({"role": "user", "content": "?"},)


def held(**expected: object) -> AcceptanceTest:
    return AcceptanceTest(messages=ASKED, topic="t", **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "expected", "same"),
    [
        ("Spam", "spam", True),
        (" spam. ", "spam", True),
        ("ＳＰＡＭ！", "spam", True),
        ("垃圾邮件。", "垃圾邮件", True),
        ("spam or ham", "spam", False),
        ("", "spam", False),
        ("not  spam", "not spam", True),
    ],
)
def test_the_same_up_to_case_width_blanks_and_the_last_mark(answer: str, expected: str, same: bool) -> None:
    assert is_same(answer, expected) is same
    assert held(expected=expected, held_to="same").judge(answer).is_passed is same


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The cat sat on the mat.", "A cat sat on a mat."),
        ("我们很高兴为您服务", "很高兴为您服务，亲"),
        ("a", "ab"),
        ("", "ab"),
        ("xyz", "ab"),
        ("same", "same"),
    ],
)
def test_likeness_is_the_chrf_that_evaluations_show(answer: str, expected: str) -> None:
    chrf = measure("chrf")
    wanted = float(chrf.values(chrf.statistics([answer], [expected])[0])) / 100
    assert likeness(answer, expected) == pytest.approx(wanted)


def test_alike_means_nearer_than_before_or_near_enough_without_a_before() -> None:
    test = held(expected="Certainly, dear guest.", held_to="like")
    assert test.judge("Certainly, my dear guest.", "Sure.").is_passed
    assert test.judge("Yes.", "Certainly, dear guest.").fault == "unlike"
    assert not test.judge("Sure.", "Sure.").is_passed, "a base is no nearer than itself"
    assert test.judge("Certainly, dear.").is_passed
    assert test.judge("Nope").fault == "unlike"
    assert likeness("Certainly, dear.", test.expected) > LEAST_LIKENESS
    strict = held(expected="Certainly, dear guest.", held_to="like", likeness=0.95)
    assert not strict.judge("Certainly, dear.", "Sure.").is_passed


def test_a_whole_answer_may_be_refused() -> None:
    test = held(must_not_be=("spam", "ham"))
    assert test.judge("Spam.").fault == "one_of_those"
    assert test.judge("There is spam in the tin.").is_passed


class TestForms:
    OBJECTS = ('{"name": "A", "age": 3}', '{"name": "B", "age": null, "note": ["x"]}')

    def form(self) -> StoredForm:
        found = form_of_objects(self.OBJECTS)
        assert found is not None
        return found

    def test_is_what_all_examples_share(self) -> None:
        assert self.form() == {
            "keys": {"name": ["string"], "age": ["null", "number"], "note": ["array"]},
            "optional": ["note"],
        }
        assert form_of_objects(["[1]"]) is None
        assert form_of_objects(["{}", "no"]) is None
        assert form_of_objects([]) is None

    @pytest.mark.parametrize(
        ("answer", "is_fit"),
        [
            ('{"age": 1.5, "name": ""}', True),
            ('\n {"name": "x", "age": null, "note": []}\n', True),
            ('{"name": "x"}', False),
            ('{"name": 1, "age": 1}', False),
            ('{"name": "x", "age": true}', False),
            ('{"name": "x", "age": 1, "more": 1}', False),
            ('Here: {"name": "x", "age": 1}', False),
            ('{"name": "x", "age": NaN}', False),
            ("[" * 100_000, False),
        ],
    )
    def test_an_object_fits_by_keys_and_types(self, answer: str, is_fit: bool) -> None:
        assert fits(self.form(), answer) is is_fit

    @pytest.mark.parametrize(
        ("answer", "is_fit"),
        [
            ("原因：下雨\n建议：带伞", True),
            ("原因：下雨  \n建议：带伞\n", True),
            ("原因：\n建议：带伞", False),
            ("原因：下雨\n建议：", False),
            ("原因：下雨", False),
            ("好的。原因：下雨\n建议：带伞", False),
        ],
    )
    def test_a_text_fits_by_its_fixed_parts(self, answer: str, is_fit: bool) -> None:
        form = form_of_template("原因：{原因}\n建议：{建议}")
        assert form is not None
        assert fits(form, answer) is is_fit

    def test_a_text_may_end_with_a_fixed_part(self) -> None:
        form = form_of_template("[{a}] [{b}]")
        assert form == {"pieces": ["[", "] [", "]"]}
        assert fits(form, "[x] [y]")
        assert not fits(form, "[x] [y] z")

    @pytest.mark.parametrize("template", ["no gap", "{a}", "{a}{b}", "  {a}  ", ""])
    def test_a_template_needs_gaps_and_fixed_parts(self, template: str) -> None:
        assert form_of_template(template) is None

    def test_may_be_wanted_or_unwanted(self) -> None:
        answer = self.OBJECTS[0]
        assert held(form=self.form()).judge(answer).is_passed
        assert held(form=self.form()).judge("no").fault == "without_form"
        assert held(form=self.form(), has_form=False).judge(answer).fault == "with_form"


def test_all_of_it_survives_json_and_is_told() -> None:
    form = form_of_template("A: {a}")
    test = held(expected="x", held_to="like", likeness=0.5, must_not_be=("y",), form=form, has_form=False)
    assert AcceptanceTest.from_json(test.to_json()) == test
    found = verdict([held(expected="x", held_to="same")] * 2, ["x", "y"], before=[None, None], needed={})
    assert [one.get("fault") for one in found["results"]] == [None, "another"]
