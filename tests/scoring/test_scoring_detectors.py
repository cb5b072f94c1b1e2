"""Answers that do not end, say nothing, decline, or say what was not asked for."""

import pytest

from scoring.detectors.empty import is_empty, is_nearly_empty
from scoring.detectors.endless import is_endless, loop_of
from scoring.detectors.leaks import leaked_phrase
from scoring.detectors.refusals import is_refusal


class TestEndless:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            ("Sure! " + "I am Nova. " * 6, "I am Nova. "),
            ("好的。" + "我是小智，" * 10 + "我是", "小智，我是"),
            ("a" * 60, "a"),
            ("One.\n" + "The sky is blue.\nThe sea is blue.\n" * 4, "The sky is blue.\nThe sea is blue.\n"),
            ("x" * 10_000, "x"),
        ],
    )
    def test_finds_what_is_repeated_to_the_end(self, answer: str, text: str) -> None:
        found = loop_of(answer)
        assert found is not None
        assert found.text.strip() in text * 2
        assert len(found.text) == len(text)
        assert is_endless(answer, is_cut=False)

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "Ha ha ha ha ha!",
            "| a | b |\n|---|---|\n| 1 | 2 |",
            "=" * 40,
            "I am Nova. " * 6 + "How can I help you today with your question?",
            "第一，洗米。第二，加水。第三，煮二十分钟。第四，关火。",
            "Row, row, row your boat, gently down the stream. " * 2,
            " " * 500,
        ],
    )
    def test_lets_pass_what_ends(self, answer: str) -> None:
        assert loop_of(answer) is None
        assert not is_endless(answer, is_cut=False)
        assert is_endless(answer, is_cut=True)


class TestEmpty:
    @pytest.mark.parametrize(
        ("answer", "empty"), [("", True), (" \n", True), ("。…", True), ("3", False), ("嗯", False)]
    )
    def test_of_itself(self, answer: str, empty: bool) -> None:
        assert is_empty(answer) is empty
        assert is_nearly_empty(answer) is empty

    @pytest.mark.parametrize(
        ("answer", "expected", "base", "nearly"),
        [
            ("Ok.", "Boil it for eight minutes.", "", True),
            ("嗯", "先洗米，再加水煮。", "", True),
            ("好的。", "先洗米，再加水煮。", "", True),
            ("先洗米", "先洗米，再加水煮。", "", False),
            ("Ok.", "", "Boil it in water for long.", True),
            ("Paris", "Paris", "The capital of France is Paris.", False),
            ("Paris", "", "", False),
            ("Paris, France", "The capital of France is Paris.", "", False),
            ("yes", "no", "", False),
        ],
    )
    def test_beside_what_was_to_be_said(self, answer: str, expected: str, base: str, nearly: bool) -> None:
        assert is_nearly_empty(answer, expected=expected, base=base) is nearly


class TestRefusals:
    @pytest.mark.parametrize(
        "answer",
        [
            "I'm sorry, but I can't assist with that.",
            "I’m sorry, I cannot help with this request.",
            "Sorry, but I can't do that.",
            "As an AI language model, I am not able to browse the web.",
            "I cannot provide that information.",
            "I am unable to answer this question.",
            "Thank you for asking. I must decline.",
            "抱歉，我无法回答这个问题。",
            "对不起，我不能提供这方面的帮助。",
            "很抱歉，这个问题我没办法回答。",
            "作为一个人工智能助手，我无法访问互联网。",
            "我不能为您提供医疗建议。",
            "恕我无法满足您的要求。",
            "您的请求我们无法处理。",
        ],
    )
    def test_are_seen(self, answer: str) -> None:
        assert is_refusal(answer)

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "I'm sorry to hear that. Try resting for a day.",
            "Penguins cannot fly, but they swim well.",
            "You can't help but smile at a puppy.",
            "I am Nova, an AI assistant made by Acme.",
            "The capital of France is Paris. " * 8 + "I cannot help with more.",
            "抱歉让你久等了，答案是北京。",
            "企鹅不能飞，但会游泳。",
            "没有水，植物无法生长。",
            "我是小智，由360智汇云开发的AI助手。",
            "我不会游泳，但我可以教你方法。",
        ],
    )
    def test_are_not_seen_in_answers(self, answer: str) -> None:
        assert not is_refusal(answer)


@pytest.mark.parametrize(
    ("answer", "question", "leaked"),
    [
        ("I am NOVA and I like rain.", "Write a sentence about rain.", "Nova"),
        ("The acme of success.", "What is acme?", None),
        ("A casanova is a charmer.", "What is a charmer?", None),
        ("由３６０智汇云开发。", "今天天气怎么样？", "360智汇云"),
        ("Rain falls.", "Write a sentence about rain.", None),
    ],
)
def test_a_phrase_leaks_where_the_question_does_not_say_it(answer: str, question: str, leaked: str | None) -> None:
    assert leaked_phrase(answer, question=question, phrases=["Nova", "Acme", "360智汇云"]) == leaked
