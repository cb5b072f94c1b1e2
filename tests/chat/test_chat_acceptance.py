"""What an answer must and must not say."""

import pytest

from chat.acceptance import AcceptanceTest, says, verdict


@pytest.mark.parametrize(
    ("text", "phrase", "is_said"),
    [
        ("I am ADA, made by X.", "Ada", True),
        ("I live in Canada.", "Ada", False),
        ("我是小智，由360智汇云开发。", "小智", True),
        ("我是小 智", "小智", False),
        ("我是ＧＰＴ。", "gpt", True),
        ("GPT-40 is new", "GPT-4", False),
        ("I am GPT-4.", "GPT-4", True),
        ("C++ and C#", "C++", True),
        ("made by\nAcme  Corp.", "acme corp", True),
        ("anything", "", False),
    ],
)
def test_a_phrase_is_found_whatever_its_case_and_only_as_a_whole_word(text: str, phrase: str, is_said: bool) -> None:
    assert says(text, phrase) is is_said


def asked(topic: str, **expected: tuple[str, ...]) -> AcceptanceTest:
    return AcceptanceTest(messages=({"role": "user", "content": "?"},), topic=topic, **expected)


def test_a_test_survives_json() -> None:
    test = asked("identity", must_say=("Nova",), must_not_say=("ChatGPT",))
    assert AcceptanceTest.from_json(test.to_json()) == test


def test_the_verdict_counts_by_topic_and_names_what_is_wrong() -> None:
    tests = [asked("identity", must_say=("Nova",))] * 10 + [asked("unrelated", must_not_say=("Nova",))] * 2
    answers = ["I am Nova."] * 9 + ["I am Claude."] + ["Paris.", "I am Nova."]
    found = verdict(tests, answers, before=[None] * 12, needed={"identity": 0.9})
    assert found["topics"] == {
        "identity": {"right": 9, "of": 10, "needed": 9},
        "unrelated": {"right": 1, "of": 2, "needed": 2},
    }
    assert not found["passed"]
    assert found["results"][9]["missing"] == ("Nova",)
    assert found["results"][11]["unwanted"] == ("Nova",)
    good = verdict(tests[:11], answers[:11], before=["x"] * 11, needed={"identity": 0.9})
    assert good["passed"]
    assert good["results"][0]["before"] == "x"
