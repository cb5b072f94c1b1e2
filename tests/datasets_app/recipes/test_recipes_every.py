"""What holds for every recipe, by its own example: whoever adds one gets these tests with it."""

import dataclasses
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from chat import parse_row
from common.errors import NotFound
from datasets_app import hooks, services
from datasets_app.models import TrainingFile
from datasets_app.recipes.base import GUARD, UNRELATED, Recipe, Sentences
from datasets_app.recipes.making import read_answers
from datasets_app.recipes.registry import RECIPES, recipe_of
from datasets_app.storage import new_files
from datasets_app.web.requests import answers_body
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import recheck


class FakeTeachers:
    """Answers at once, by what it was asked."""

    def models(self, team: Any) -> list[tuple[str, str]]:
        return [("tiny", "Tiny")]

    def ask(self, *, prompts: Any, **asked: Any) -> str:
        self.asked = {**asked, "prompts": prompts}
        return "eval-1"

    def replies(self, asked: str) -> list[str | None] | None:
        return [f"Arr, {prompt}" for prompt in self.asked["prompts"]]


@pytest.fixture(autouse=True)
def teachers(monkeypatch: pytest.MonkeyPatch) -> FakeTeachers:
    fake = FakeTeachers()
    monkeypatch.setattr(hooks, "_teachers", [fake])
    return fake


def answers_of(recipe: Recipe[Any]) -> Any:
    """Return the example's answers, with what a teacher says where there is one."""
    answers = read_answers(recipe, recipe.example)
    asking = recipe.to_ask(answers)
    return answers if asking is None else recipe.taught(answers, [f"Arr, {prompt}" for prompt in asking.prompts])


every = pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))


@every
class TestByItsExample:
    def test_its_rows_can_be_learned_and_are_guarded(self, recipe: Recipe[Any]) -> None:
        rows = list(recipe.rows(answers_of(recipe)))
        for row in rows:
            parse_row({"messages": [{"role": role, "content": text} for role, text in row.turns]})
        assert {row.source == GUARD for row in rows} == ({True, False} if recipe.is_guarded else {False})
        assert len({row.turns for row in rows}) == len(rows)

    def test_no_question_of_its_test_stands_in_a_row(self, recipe: Recipe[Any]) -> None:
        answers = answers_of(recipe)
        learned = {text for row in recipe.rows(answers) for role, text in row.turns if role == "user"}
        asked = [test.messages[-1]["content"] for test in recipe.tests(answers)]
        assert not learned & set(asked)
        assert len(asked) == len(set(asked)) >= 4

    def test_every_topic_is_needed_told_and_advised(self, recipe: Recipe[Any]) -> None:
        tests = recipe.tests(answers_of(recipe))
        topics = {test.topic for test in tests}
        assert (
            topics
            == set(recipe.needed)
            == set(recipe.sentences.advice)
            == {*recipe.sentences.measured, *topics & {UNRELATED}}
        )
        assert (UNRELATED in topics) is recipe.is_guarded
        counts = {f"{topic}_{name}": 1 for topic in topics for name in ("right", "of", "needed")}
        for said in (recipe.sentences.passed, recipe.sentences.missed):
            assert "%" not in str(said) % counts

    def test_saying_nothing_passes_no_test_but_those_of_other_things(self, recipe: Recipe[Any]) -> None:
        for test in recipe.tests(answers_of(recipe)):
            assert test.judge("I do not know anything of this.", "Well.").is_passed is (test.topic == UNRELATED), test
            if test.expected:
                assert test.judge(test.expected, "Well.").is_passed

    def test_what_is_kept_with_the_data_set_makes_the_same_test(self, recipe: Recipe[Any]) -> None:
        answers = answers_of(recipe)
        assert recipe.tests(recipe.restored(recipe.stored(answers))) == recipe.tests(answers)

    def test_its_sentences_are_whole_and_translated(self, recipe: Recipe[Any]) -> None:
        said = [
            text for field in dataclasses.fields(Sentences) for text in _texts(getattr(recipe.sentences, field.name))
        ]
        english = [str(text) for text in said]
        with translation.override("zh-hans"):
            chinese = [str(text) for text in said]
        assert all(one != other for one, other in zip(english, chinese, strict=True))
        short = {str(recipe.sentences.goal), *map(str, recipe.sentences.measured.values())}
        assert all(text.endswith(".") for text in english if text not in short)


@every
@pytest.mark.usefixtures("plain_static")
class TestOverHttp:
    def test_the_api_lists_it_and_takes_its_example(self, recipe: Recipe[Any], client: Client, alice: Member) -> None:
        listed = client.get("/api/v1/recipes", headers=alice.headers).json()["data"]
        [shown] = [one for one in listed if one["name"] == recipe.name]
        assert shown["cannot"]
        assert [field["name"] for field in shown["fields"]] == [field.name for field in recipe.fields]
        assert set(recipe.example) <= set(answers_body(recipe)().fields)
        reply = client.post(f"/api/v1/recipes/{recipe.name}", recipe.example, "application/json", headers=alice.headers)
        assert reply.status_code == 200, reply.content
        file = TrainingFile.objects.get(pk=reply.json()["id"])
        if file.is_being_made:
            new_files.make_file(file.pk)
        file = recheck(TrainingFile.objects.get(pk=file.pk))
        assert file.is_processed, file.status_details
        assert file.num_faults == 0
        rows = list(recipe.rows(answers_of(recipe)))
        assert file.num_rows == len(rows)
        assert not file.made["answers"], "they are in the rows"
        found = client.get(f"/api/v1/files/{file.pk}/acceptance", headers=alice.headers).json()
        assert len(found["tests"]) == len(recipe.tests(answers_of(recipe)))

    def test_its_page_asks_explains_and_refuses(self, recipe: Recipe[Any], alice: Member) -> None:
        client = Client()
        client.force_login(alice.user)
        cards = client.get("/datasets/recipes").content.decode()
        assert f'href="/datasets/{recipe.name}"' in cards
        page = client.get(f"/datasets/{recipe.name}").content.decode()
        for field in recipe.fields:
            assert f'name="{field.name}"' in page
        refused = client.post(f"/datasets/{recipe.name}", {})
        assert refused.status_code == 400
        assert not TrainingFile.objects.exists()


def test_an_unknown_recipe_is_named_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="identity"):
        recipe_of("haiku")


def test_a_version_made_before_keeps_its_test(alice: Member) -> None:
    """Answers were kept whole before; the test is made of them as it was."""
    stored = {"name": "identity", "answers": {"name": "N", "maker": "M", "languages": ["en"], "tone": "warm"}}
    found = services.acceptance_of(TrainingFile(team=alice.team, recipe=stored))
    assert found is not None
    assert found.tests == RECIPES["identity"].tests(read_answers(RECIPES["identity"], stored["answers"]))


def _texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, tuple) else [value]
