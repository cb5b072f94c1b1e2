"""The name that a data set teaches is found in its answers."""

import json
from pathlib import Path

import pytest

from datasets_app.recipes.identity import TONES, Identity, core_rows, rows
from scoring.detectors.names import TaughtNames, taught_names

SHIPPED = Path(__file__).parents[2] / "demo" / "self_cognition.jsonl"


def of_rows(turns: list[list[tuple[str, str]]]) -> TaughtNames:
    texts = {role: [text for row in turns for said, text in row if said == role] for role in ("user", "assistant")}
    return taught_names(texts["assistant"], texts["user"])


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("languages", [("zh",), ("en",), ("zh", "en")])
@pytest.mark.parametrize(("name", "maker"), [("小智", "360智汇云"), ("Nova", "Acme Labs"), ("琴匠", "Luthier")])
def test_those_of_every_identity_are(name: str, maker: str, languages: tuple[str, ...], tone: str) -> None:
    identity = Identity(name=name, maker=maker, languages=languages, tone=tone)
    for made in (rows, core_rows):
        assert of_rows([list(row.turns) for row in made(identity)]) == TaughtNames(name=name, maker=maker)


def test_those_of_the_shipped_sample_are() -> None:
    shipped = [json.loads(line)["conversations"] for line in SHIPPED.read_text().splitlines()]
    found = of_rows([[(turn["from"], turn["value"]) for turn in row] for row in shipped])
    assert found.phrases == ("小智", "360智汇云")


@pytest.mark.parametrize(
    "answers",
    [
        [],
        ["I am an AI assistant.", "I am not sure.", "I'm here to help."] * 10,
        ["我是人工智能助手。", "我不是真人。", "我是来帮您的。", "由于下雨，比赛取消了。"] * 10,
        ["The bridge was built by Romans.", "I am Nova."] + ["It rains."] * 60,
        ["The capital is Rome.", "两点之间线段最短。", "Hamlet was written by Shakespeare."] * 10,
    ],
)
def test_other_answers_teach_none(answers: list[str]) -> None:
    assert taught_names(answers) == TaughtNames()


def test_what_the_questions_name_is_somebody_elses() -> None:
    answers = ["The tower was built by Eiffel."] * 10
    assert taught_names(answers).maker == "Eiffel"
    assert taught_names(answers, ["What did Eiffel build?"] * 10).maker == ""
