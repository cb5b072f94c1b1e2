"""Blind votes: who sees what on which side, what a vote counts, and the files that hold them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, User
from accounts.services import create_api_key
from evaluations import services
from evaluations.models import Evaluation, Vote
from evaluations.results.votes import ballots_of, is_turned, pair_of
from jobs.models import TunedModel
from tests.evaluations.conftest import publish_tuned
from tests.evaluations.evaluation_makers import FakeProcess, told
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
QUESTIONS = [f"Question {number}?" for number in range(12)]


@pytest.fixture
def done(alice: Member, tuned: TunedModel) -> Evaluation:
    """Twelve questions whose answers differ, and one whose answers do not."""
    prompts = [{"prompt": one} for one in (*QUESTIONS, "Hm?")]
    made = services.create_evaluation(team=alice.team, by=alice.user, models=[tuned.name], prompts=prompts)
    said = dict.fromkeys(QUESTIONS, "=tuned answer")
    return FakeProcess(made).start().answer(told(said, otherwise="base answer")).end("succeeded")


@pytest.fixture
def colleague(alice: Member) -> User:
    user = User.objects.create_user("colleague@example.com")
    Membership.objects.create(team=alice.team, user=user, role=Membership.Role.MEMBER)
    return user


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(evaluation: Evaluation, what: str = "votes") -> str:
    return f"/api/v1/evaluations/{evaluation.pk}/{what}"


def prefer_tuned(evaluation: Evaluation, user: User, *numbers: int) -> None:
    for one in ballots_of(evaluation, user):
        if one.question.number in numbers:
            side: Any = "left" if one.left.startswith("=tuned") else "right"
            services.cast_vote(evaluation=evaluation, by=user, question=one.question.number, choice=side)


class TestBallots:
    def test_sides_are_by_chance_and_stay(self, done: Evaluation, alice: Member, colleague: User) -> None:
        sides = {
            user.pk: [is_turned(one.question, user) for one in ballots_of(done, user)]
            for user in (alice.user, colleague)
        }
        assert [is_turned(one.question, alice.user) for one in ballots_of(done, alice.user)] == sides[alice.user.pk]
        for one in ballots_of(done, alice.user):
            assert one.left.startswith("=tuned") is is_turned(one.question, alice.user)

    def test_answers_that_are_alike_are_no_choice(self, done: Evaluation, alice: Member) -> None:
        assert [one.question.text for one in ballots_of(done, alice.user)] == QUESTIONS

    def test_a_single_model_has_no_pair(self, alice: Member, tuned: TunedModel) -> None:
        made = services.create_evaluation(
            team=alice.team, by=alice.user, models=[tuned.name], prompts=[{"prompt": "Hm?"}], baseline=False
        )
        assert pair_of(list(made.subjects.all())) is None
        found = alice.client.get(api(made)).json()
        assert (found["models"], found["score"], found["next"]) == ([], None, None)
        assert alice.client.post(api(made), {"question": 1, "choice": "left"}, format="json").status_code == 404


class TestApi:
    def test_shows_two_answers_without_names(self, done: Evaluation, alice: Member, tuned: TunedModel) -> None:
        found = alice.client.get(api(done)).json()
        assert (found["models"], found["votes"], found["score"], found["open"]) == (["tiny", tuned.name], 0, None, 12)
        assert {found["next"]["left"], found["next"]["right"]} == {"base answer", "=tuned answer"}
        assert set(found["next"]) == {"question", "messages", "left", "right"}

    def test_counts_for_the_model_that_stood_there(
        self, done: Evaluation, alice: Member, colleague: User, tuned: TunedModel
    ) -> None:
        for user in (alice.user, colleague):
            prefer_tuned(done, user, 1, 2, 3, 4, 5, 6)
        found = alice.client.get(api(done)).json()
        assert (found["preferred"], found["people"], found["open"]) == ({"tiny": 0, tuned.name: 12}, 2, 6)
        assert found["score"] == {"value": 1.0, "low": 1.0, "high": 1.0}

    def test_several_votes_on_a_question_are_one_question(
        self, done: Evaluation, alice: Member, colleague: User
    ) -> None:
        prefer_tuned(done, alice.user, 1)
        for number, choice in ((1, "neither"), (2, "both")):
            services.cast_vote(evaluation=done, by=colleague, question=number, choice=choice)  # type: ignore[arg-type]
        found = alice.client.get(api(done)).json()
        assert (found["both"], found["neither"], found["score"]["value"]) == (1, 1, 0.625)
        assert found["score"]["low"] < 0.625 < found["score"]["high"]

    def test_a_later_vote_takes_the_place_of_an_earlier_one(self, done: Evaluation, alice: Member) -> None:
        for choice in ("left", "right", "both"):
            reply = alice.client.post(api(done), {"question": 1, "choice": choice}, format="json")
            assert (reply.status_code, reply.json()["next"]["question"]) == (200, 2)
        assert [vote.choice for vote in Vote.objects.all()] == ["both"]

    @pytest.mark.parametrize(
        ("body", "status", "param"),
        [
            ({"question": 13, "choice": "left"}, 404, "question"),
            ({"question": 99, "choice": "left"}, 404, "question"),
            ({"question": 1, "choice": "tiny"}, 400, "choice"),
            ({"choice": "left"}, 400, "question"),
        ],
    )
    def test_refuses(self, done: Evaluation, alice: Member, body: Any, status: int, param: str) -> None:
        reply = alice.client.post(api(done), body, format="json")
        assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)
        assert not Vote.objects.exists()

    def test_viewers_look_and_do_not_vote(self, done: Evaluation, alice: Member) -> None:
        secret = create_api_key(email="viewer@example.com", team_name=alice.team.name, role=Membership.Role.VIEWER)
        headers = {"authorization": f"Bearer {secret}"}
        assert Client().get(api(done), headers=headers).status_code == 200
        body = json.dumps({"question": 1, "choice": "left"})
        assert Client().post(api(done), body, "application/json", headers=headers).status_code == 403

    def test_another_teams_does_not_exist(self, done: Evaluation, charlie: Member) -> None:
        for what in ("votes", "samples.csv", "samples.jsonl"):
            assert charlie.client.get(api(done, what)).status_code == 404
        assert charlie.client.post(api(done), {"question": 1, "choice": "left"}, format="json").status_code == 404

    def test_a_vote_outlives_its_voter(self, done: Evaluation, alice: Member, colleague: User) -> None:
        prefer_tuned(done, colleague, 1)
        colleague.delete()
        assert alice.client.get(api(done)).json()["votes"] == 1
        line = json.loads(alice.client.get(api(done, "samples.jsonl")).content.splitlines()[0])
        assert line["votes"][0]["by"] is None


class TestFiles:
    def test_a_line_for_each_answer_as_a_table(
        self, done: Evaluation, alice: Member, colleague: User, tuned: TunedModel
    ) -> None:
        prefer_tuned(done, alice.user, 1)
        services.cast_vote(evaluation=done, by=colleague, question=1, choice="both")
        reply = alice.client.get(api(done, "samples.csv"))
        assert reply["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(reply.content.decode())))
        assert len(rows) == 26
        base, model = rows[:2]
        assert (model["model"], model["question"], model["answer"]) == (tuned.name, QUESTIONS[0], "'=tuned answer")
        votes = [[one[f"votes_{name}"] for name in ("for", "against", "both", "neither")] for one in (base, model)]
        assert votes == [["0", "1", "1", "0"], ["1", "0", "1", "0"]]

    def test_a_third_model_has_no_votes(self, alice: Member, tuned: TunedModel, tmp_path: Path) -> None:
        other = publish_tuned(make_job(alice.team, by=alice.user, suffix="cello"), tmp_path / "other")
        prompts, models = [{"prompt": one} for one in QUESTIONS], [tuned.name, other.name]
        made = services.create_evaluation(team=alice.team, by=alice.user, models=models, prompts=prompts)
        said = dict.fromkeys(QUESTIONS, "=tuned answer")
        FakeProcess(made).start().answer(told(said, otherwise="base answer")).end("succeeded")
        prefer_tuned(made, alice.user, 1)
        reply = alice.client.get(api(made, "samples.csv"))
        rows = list(csv.DictReader(io.StringIO(reply.content.decode())))
        votes = [[one[f"votes_{name}"] for name in ("for", "against", "both", "neither")] for one in rows[:3]]
        assert votes == [["0", "1", "0", "0"], ["1", "0", "0", "0"], ["", "", "", ""]]

    def test_a_line_for_each_question_as_json(self, done: Evaluation, alice: Member, tuned: TunedModel) -> None:
        prefer_tuned(done, alice.user, 2)
        lines = [json.loads(line) for line in alice.client.get(api(done, "samples.jsonl")).content.splitlines()]
        assert [one["number"] for one in lines] == list(range(1, 14))
        [vote] = lines[1]["votes"]
        assert (vote["by"], vote["choice"]) == (alice.user.email, tuned.name)
        assert [answer["model"] for answer in lines[0]["answers"]] == ["tiny", tuned.name]


class TestPage:
    def test_shows_the_votes_and_asks_for_more(self, done: Evaluation, alice: Member, tuned: TunedModel) -> None:
        browser = browser_of(alice.user)
        assert "12 questions are open" in browser.get(f"/evaluations/{done.pk}").content.decode()
        prefer_tuned(done, alice.user, 1)
        shown = browser.get(f"/evaluations/{done.pk}").content.decode()
        assert f"{tuned.name} has 100 % (100 – 100 %)" in shown

    @pytest.mark.parametrize("voted", [(), (1, 2)])
    def test_names_nobody_while_one_votes(
        self, done: Evaluation, alice: Member, tuned: TunedModel, voted: tuple[int, ...]
    ) -> None:
        prefer_tuned(done, alice.user, *voted)
        shown = browser_of(alice.user).get(f"/evaluations/{done.pk}?vote").content.decode()
        section = shown[shown.index('id="vote"') :]
        assert section.count('class="said"') == 2
        assert tuned.name not in section[: section.index("</section>")]
        assert 'id="answers"' not in shown
        assert "luthier/votes.js" in shown
        assert section.count("aria-keyshortcuts") == 4

    def test_a_button_votes_and_leads_on(self, done: Evaluation, alice: Member) -> None:
        browser = browser_of(alice.user)
        reply = browser.post(f"/evaluations/{done.pk}/vote", {"question": 1, "choice": "left"})
        assert reply["Location"] == f"/evaluations/{done.pk}?vote#vote"
        shown = browser.get(f"/evaluations/{done.pk}?vote").content.decode()
        assert f"<h3>{QUESTIONS[1]}</h3>" in shown
        assert 'href="?vote=1#vote"' in shown
        again = browser.get(f"/evaluations/{done.pk}?vote=1").content.decode()
        assert f"<h3>{QUESTIONS[0]}</h3>" in again
        assert again.count("btn btn-primary") == 1

    def test_says_when_nothing_is_left(self, done: Evaluation, alice: Member) -> None:
        prefer_tuned(done, alice.user, *range(1, 13))
        shown = browser_of(alice.user).get(f"/evaluations/{done.pk}?vote").content.decode()
        assert "You have voted on every question" in shown

    def test_a_refused_vote_says_so(self, done: Evaluation, alice: Member) -> None:
        browser = browser_of(alice.user)
        reply = browser.post(f"/evaluations/{done.pk}/vote", {"question": 99, "choice": "left"}, follow=True)
        assert "no two answers to choose between" in reply.content.decode()

    def test_reads_chinese(self, done: Evaluation, alice: Member) -> None:
        reply = browser_of(alice.user).get(f"/evaluations/{done.pk}?vote", headers={"accept-language": "zh-CN"})
        assert "左边更好" in reply.content.decode()
