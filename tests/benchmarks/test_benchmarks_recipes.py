"""The benchmark of recipes: each example is trained as the platform would, asked its test, and judged by it."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import recipes, verdicts
from benchmarks.verdicts import Bench, Question
from datasets_app.recipes.registry import RECIPES
from scoring.examined import Reply
from tests.journeys.tiny_model import write_tiny_llama


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    write_tiny_llama(tmp_path / "model")
    monkeypatch.setattr(verdicts, "run", lambda module, arguments, fails=False: None)
    return Bench(tmp_path / "model", tmp_path / "bench", threads=1)


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_that_knows_what_is_expected_passes_and_a_silent_one_does_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recipe = RECIPES[name]
    said: dict[str, str] = {}

    def ask(self: Bench, adapter: Path | None, questions: list[Question]) -> list[Reply]:
        texts = [one.messages[-1]["content"] for one in questions]
        if adapter is None:
            return [
                Reply(text=f"Arr, {text}" if len(one.messages) > 1 else "…")
                for one, text in zip(questions, texts, strict=True)
            ]
        return [Reply(text=said.get(text, "Something else.")) for text in texts]

    monkeypatch.setattr(Bench, "ask", ask)
    _, silent = recipes.judged(bench, recipe, 0)
    assert not silent["passed"]
    for test in recipe.tests(recipes.answers_of(bench, recipe)):
        said[str(test.messages[-1]["content"])] = test.expected or " ".join(test.must_say) or "Paris."
    trained, found = recipes.judged(bench, recipe, 0)
    assert found["passed"], [one for one in found["results"] if not one["passed"]]
    assert trained.values["validation_split"] == 0


def test_a_teacher_is_shown_the_sentence_and_what_is_cut_is_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(self: Bench, adapter: Path | None, questions: list[Question]) -> list[Reply]:
        asked.extend(one.messages for one in questions)
        return [Reply(text="Arr.", is_cut=number == 0) for number, _ in enumerate(questions)]

    monkeypatch.setattr(Bench, "ask", ask)
    answers = recipes.answers_of(bench, RECIPES["sentence"])
    assert {messages[0]["role"] for messages in asked} == {"system"}
    assert len(answers.replies) == len(asked) - 1
