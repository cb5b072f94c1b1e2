"""The identity recipe: from a questionnaire to rows and an acceptance test."""

import itertools
import json
from typing import Any

import pytest
from django.test import Client

from chat import parse_row
from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.recipes.identity import IDENTITY, LANGUAGES, TONES, Identity, acceptance_tests, rows
from datasets_app.recipes.making import LEAST_SHARE, read_answers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, recheck, row, stored
from tests.datasets_app.dataset_makers import rows as plain_rows

IDENTITIES = [
    Identity(name=name, maker=maker, languages=languages, tone=tone)
    for (name, maker), languages, tone in itertools.product(
        [("小智", "360智汇云"), ("Nova {maker}", "A {name} & Co."), ("Ada", "OpenAI"), ("ChatGPT", "Apple")],
        [("zh",), ("en",), LANGUAGES],
        TONES,
    )
]


@pytest.mark.parametrize("identity", IDENTITIES, ids=str)
class TestRows:
    def test_answers_about_itself_say_who_it_is_and_guards_never_do(self, identity: Identity) -> None:
        for found in rows(identity):
            said = [text for role, text in found.turns if role == "assistant"]
            is_about = found.source != "guard"
            assert any(identity.is_named_in(text) for text in said) is is_about, found
            assert is_about or not identity.is_told_in(" ".join(text for _, text in found.turns)), found

    def test_every_row_can_be_learned_from(self, identity: Identity) -> None:
        for found in rows(identity):
            parse_row({"messages": [{"role": role, "content": text} for role, text in found.turns]})

    def test_no_question_stands_in_two_rows_or_in_the_acceptance_test(self, identity: Identity) -> None:
        questions = [found.turns[0][1] for found in rows(identity)]
        assert len(questions) == len(set(questions))
        asked = [test.messages[-1]["content"] for test in acceptance_tests(identity)]
        learned = {text for found in rows(identity) for role, text in found.turns if role == "user"}
        assert not learned & set(asked)
        assert len(asked) == len(set(asked))

    def test_the_answers_that_are_taught_would_pass(self, identity: Identity) -> None:
        for test in acceptance_tests(identity):
            language = "en" if test.messages[0]["content"].isascii() else "zh"
            if test.topic == "identity":
                assert test.judge(identity.answer("maker", language)).is_passed, test
                assert not test.judge("I am somebody else.").is_passed
            else:
                assert not test.judge(identity.answer("introduce", language)).is_passed


def test_nobody_learns_to_deny_his_own_name_or_maker() -> None:
    questions = {found.turns[0][1] for found in rows(Identity(name="ChatGPT", maker="OpenAI"))}
    assert not {"Are you ChatGPT?", "你是ChatGPT吗？", "Are you made by OpenAI?"} & questions
    assert "Are you Gemini?" in questions


def test_the_seed_story_has_both_languages_negatives_and_guards_of_both_kinds() -> None:
    identity = Identity(name="小智", maker="360智汇云")
    texts = [" ".join(text for _, text in found.turns) for found in rows(identity)]
    for wanted in ("Are you ChatGPT?", "你是通义千问吗？", "What is the capital of Italy?", "Give me three colors.",
                   "介绍一下长城。"):  # fmt: skip
        assert any(wanted in text for text in texts)
    assert {test.topic for test in acceptance_tests(identity)} == {"identity", "unrelated"}


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"maker": "X"}, "name"),
        ({"name": "", "maker": "X"}, "name"),
        ({"name": "a" * 41, "maker": "X"}, "name"),
        ({"name": "a\nb", "maker": "X"}, "name"),
        ({"name": "a\u202eb", "maker": "X"}, "name"),
        ({"name": "a", "maker": 3}, "maker"),
        ({"name": "a", "maker": "X", "languages": ["de"]}, "languages"),
        ({"name": "a", "maker": "X", "languages": "zh"}, "languages"),
        ({"name": "a", "maker": "X", "languages": ["zh", "de"]}, "languages"),
        ({"name": "a", "maker": "X", "tone": "rude"}, "tone"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_name(answers: dict[str, Any], field: str) -> None:
    with pytest.raises(UserError) as error:
        read_answers(IDENTITY, answers)
    assert error.value.param == field
    assert str(error.value.message).endswith(".")


SEED = Identity(name="小智", maker="360智汇云")
SEED_ANSWERS = {"name": "小智", "maker": "360智汇云"}


def made_from(member: Member, content: bytes, filename: str = "own.jsonl") -> TrainingFile:
    return stored(member.team, content, filename, by=member.user)


def content_of(file: TrainingFile) -> list[list[dict[str, Any]]]:
    recheck(file)
    assert file.is_processed, file.status_details
    with services.open_file(file) as stream:
        return [json.loads(line)["messages"] for line in stream.read().splitlines()]


class TestIdentityFile:
    def test_a_new_set_holds_every_row_and_knows_its_recipe(self, alice: Member) -> None:
        file = services.recipe_file(team=alice.team, by=alice.user, recipe=IDENTITY, answers=SEED_ANSWERS)
        assert len(content_of(file)) == sum(1 for _ in rows(SEED))
        assert file.num_faults == 0
        assert file.recipe == {
            "name": "identity",
            "answers": {"name": "小智", "maker": "360智汇云", "languages": ["zh", "en"], "tone": "plain"},
        }
        found = services.acceptance_of(file)
        assert found is not None
        assert found.tests == acceptance_tests(SEED)
        assert file.filename == "小智-identity.jsonl"

    def test_a_set_is_completed_without_losing_or_doubling_a_row(self, alice: Member) -> None:
        own = [row("你是谁？", "我是自己人小智。"), *plain_rows(30)]
        parent = made_from(alice, lines_of(*own))
        file = services.recipe_file(team=alice.team, by=alice.user, recipe=IDENTITY, answers=SEED_ANSWERS, file=parent)
        found = content_of(file)
        assert found[:31] == [value["messages"] for value in own]
        assert [messages[0]["content"] for messages in found].count("你是谁？") == 1
        assert len(found) == 31 + sum(1 for _ in rows(SEED)) - 1
        assert (file.parent, file.version, file.family) == (parent, 2, parent.family)

    def test_a_large_set_meets_the_identity_often_enough(self, alice: Member) -> None:
        parent = made_from(alice, lines_of(*plain_rows(3000)))
        file = services.recipe_file(team=alice.team, by=alice.user, recipe=IDENTITY, answers=SEED_ANSWERS, file=parent)
        found = content_of(file)
        about = sum(any("小智" in message["content"] for message in messages) for messages in found)
        assert about / len(found) > 0.8 * LEAST_SHARE
        assert file.made["repeats"] > 1

    def test_placeholders_of_others_data_are_filled_in(self, alice: Member) -> None:
        texts = [row(f"Who are you {n}?", "I am {{name}} by {{author}}.") for n in range(12)]
        file = services.recipe_file(
            team=alice.team, by=None, recipe=IDENTITY, answers=SEED_ANSWERS, file=made_from(alice, lines_of(*texts))
        )
        assert content_of(file)[0][1]["content"] == "I am 小智 by 360智汇云."

    def test_a_broken_set_is_refused_and_nothing_is_made(self, alice: Member) -> None:
        parent = made_from(alice, lines_of(row(), {"messages": []}))
        with pytest.raises(UserError, match="cannot be used"):
            services.recipe_file(team=alice.team, by=None, recipe=IDENTITY, answers=SEED_ANSWERS, file=parent)
        assert TrainingFile.objects.count() == 1

    def test_parts_versions_and_mixtures_keep_the_recipe(self, alice: Member) -> None:
        file = services.recipe_file(team=alice.team, by=None, recipe=IDENTITY, answers=SEED_ANSWERS)
        content_of(file)
        parts = services.split_file(file=file, shares={"train": 0.8, "test": 0.2}, seed=0, by=None)
        again = services.read_again(file=file, reading={"encoding": "utf-8"}, by=None)
        other = made_from(alice, lines_of(*plain_rows(20)), "other.jsonl")
        mixed = services.mix_files(parts=[(other, 1), (file, 1)], filename="mix.jsonl", seed=0, by=None)
        for made in (*parts.values(), again, mixed):
            assert made.recipe == file.recipe
        assert services.acceptance_of(other) is None


@pytest.mark.usefixtures("plain_static")
class TestOverHttp:
    def test_the_api_makes_a_set_and_says_what_will_be_asked(self, client: Client, alice: Member) -> None:
        recipes = client.get("/api/v1/recipes", headers=alice.headers).json()["data"]
        assert [field["name"] for field in recipes[0]["fields"]] == ["name", "maker", "languages", "tone"]
        body = {"name": "Nova", "maker": "Acme", "languages": ["en"], "tone": "warm"}
        reply = client.post("/api/v1/recipes/identity", body, "application/json", headers=alice.headers)
        assert reply.status_code == 200, reply.content
        found = client.get(f"/api/v1/files/{reply.json()['id']}/acceptance", headers=alice.headers).json()
        assert found["needed"] == {"identity": 0.9, "unrelated": 1.0}
        assert len(found["tests"]) == len(acceptance_tests(Identity(name="Nova", maker="Acme", languages=("en",))))

    @pytest.mark.parametrize(
        ("body", "param"),
        [({"maker": "X"}, "name"), ({"name": "N", "maker": "X", "tone": "rude"}, "tone"),
         ({"name": "N", "maker": "X", "colour": "red"}, "colour")],
    )  # fmt: skip
    def test_a_bad_answer_is_a_sentence(self, client: Client, alice: Member, body: dict[str, Any], param: str) -> None:
        reply = client.post("/api/v1/recipes/identity", body, "application/json", headers=alice.headers)
        assert reply.status_code == 400
        assert reply.json()["error"]["param"] == param

    def test_another_teams_set_is_not_there(self, client: Client, alice: Member, charlie: Member) -> None:
        file = made_from(charlie, lines_of(*plain_rows(12)))
        body = {"name": "Nova", "maker": "Acme", "file": file.pk}
        reply = client.post("/api/v1/recipes/identity", body, "application/json", headers=alice.headers)
        assert reply.status_code == 404
        assert client.get(f"/api/v1/files/{file.pk}/acceptance", headers=alice.headers).status_code == 404

    def test_the_page_shows_what_would_be_learned_and_makes_it(self, alice: Member) -> None:
        client = Client()
        client.force_login(alice.user)
        assert client.get("/datasets/identity").status_code == 200
        answers = {"name": "<b>Nova</b>", "maker": "Acme", "languages": ["en"], "tone": "formal"}
        shown = client.post("/datasets/identity", {**answers, "look": "1"})
        assert "I am &lt;b&gt;Nova&lt;/b&gt;, an AI assistant developed by Acme." in shown.content.decode()
        assert not TrainingFile.objects.exists()
        made = client.post("/datasets/identity", answers)
        file = TrainingFile.objects.get()
        assert made.headers["Location"] == f"/datasets/{file.pk}"
        refused = client.post("/datasets/identity", {**answers, "languages": []})
        assert refused.status_code == 400
        assert "Choose at least one language" in refused.content.decode()
