"""The pages of evaluations: what stands on them, in both languages, for whom."""

from typing import Any

import pytest
from django.test import Client

from evaluations import services
from evaluations.models import Evaluation
from evaluations.web.pages import marked
from jobs.models import FineTuningJob, TunedModel
from tests.evaluations.evaluation_makers import FakeProcess, told
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def browser(alice: Member) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


@pytest.fixture
def done(alice: Member, tuned: TunedModel) -> Evaluation:
    prompts = [{"prompt": "Who are you?"}, {"prompt": "2 + 2?", "reference": "four"}, {"prompt": "Hm?"}]
    made = services.create_evaluation(team=alice.team, by=alice.user, models=[tuned.name], prompts=prompts)
    said = {"Who are you?": "No idea at all.", "2 + 2?": "four"}
    return FakeProcess(made).start().answer(told(said)).end("succeeded")


def page(browser: Client, path: str) -> str:
    reply = browser.get(path)
    assert reply.status_code == 200
    return str(reply.content.decode())


class TestList:
    def test_shows_each_with_its_models_and_state(self, browser: Client, done: Evaluation, tuned: TunedModel) -> None:
        shown = page(browser, "/evaluations")
        assert f'href="/evaluations/{done.pk}"' in shown
        assert tuned.name in shown
        assert "Succeeded" in shown

    def test_the_form_makes_one(self, browser: Client, tuned: TunedModel) -> None:
        body = {"model": tuned.name, "prompts": "Who are you?\n\n你是谁？\n", "baseline": "1"}
        reply = browser.post("/evaluations", body)
        made = Evaluation.objects.get()
        assert reply["Location"] == f"/evaluations/{made.pk}"
        assert [one["prompt"] for one in made.prompts] == ["Who are you?", "你是谁？"]
        assert made.subjects.count() == 2

    def test_the_form_says_what_is_missing(self, browser: Client, tuned: TunedModel) -> None:
        reply = browser.post("/evaluations", {"model": tuned.name, "baseline": "1"})
        assert (reply.status_code, "Send either a file or prompts." in reply.content.decode()) == (400, True)

    def test_the_step_of_the_flow_leads_here(self, browser: Client, done: Evaluation) -> None:
        for path in ("/evaluations", f"/evaluations/{done.pk}"):
            assert '<li class="here" aria-current="step"><a href="/evaluations">Compare</a></li>' in page(browser, path)


class TestOne:
    def test_says_what_changed_and_marks_it(self, browser: Client, done: Evaluation) -> None:
        shown = page(browser, f"/evaluations/{done.pk}")
        assert "Of 3 answers 1 are better" in shown
        assert "<mark> at all</mark>" in shown
        assert "100 %" in shown

    @pytest.mark.parametrize(
        ("change", "questions"), [("better", ["2 + 2?"]), ("changed", ["Who are you?"]), ("worse", []), ("odd", None)]
    )
    def test_is_filtered(self, browser: Client, done: Evaluation, change: str, questions: list[str] | None) -> None:
        shown = page(browser, f"/evaluations/{done.pk}?change={change}")
        every = ["Who are you?", "2 + 2?", "Hm?"]
        assert [text for text in every if f"<h3>{text}</h3>" in shown] == (every if questions is None else questions)

    def test_a_waiting_one_says_why_and_polls(self, browser: Client, alice: Member, tuned: TunedModel) -> None:
        made = services.create_evaluation(
            team=alice.team, by=alice.user, models=[tuned.name], prompts=[{"prompt": "Hm?"}]
        )
        shown = page(browser, f"/evaluations/{made.pk}")
        assert f'hx-get="/evaluations/{made.pk}/live"' in shown
        assert browser.post(f"/evaluations/{made.pk}/cancel").status_code == 302
        assert "Stopping." in page(browser, f"/evaluations/{made.pk}/live")

    def test_its_end_reloads_the_page(self, browser: Client, done: Evaluation) -> None:
        assert browser.get(f"/evaluations/{done.pk}/live")["HX-Refresh"] == "true"

    def test_is_deleted(self, browser: Client, done: Evaluation) -> None:
        assert browser.post(f"/evaluations/{done.pk}/delete").status_code == 302
        assert not Evaluation.objects.exists()

    def test_reads_chinese(self, browser: Client, done: Evaluation) -> None:
        reply = browser.get(f"/evaluations/{done.pk}", headers={"accept-language": "zh-CN"})
        shown = reply.content.decode()
        assert "对比" in shown
        assert "回答" in shown

    def test_another_teams_does_not_exist(self, charlie: Member, done: Evaluation) -> None:
        stranger = Client()
        stranger.force_login(charlie.user)
        assert stranger.get(f"/evaluations/{done.pk}").status_code == 404


class TestVerdictOnTheJobsPage:
    def test_offers_the_comparison(self, browser: Client, tuned: TunedModel) -> None:
        path = f"/jobs/{tuned.job_id}"
        assert "Compare with the base model" in page(browser, path)
        assert browser.post(f"/evaluations/of-job/{tuned.job_id}")["Location"] == path
        shown = page(browser, path)
        assert f'hx-get="/evaluations/of-job/{tuned.job_id}"' in shown
        assert f'href="/evaluations/{Evaluation.objects.get().pk}"' in shown

    def test_a_lower_learning_rate_is_one_click_away(self, browser: Client, alice: Member) -> None:
        job = make_job(alice.team, by=alice.user)
        FineTuningJob.objects.filter(pk=job.pk).update(status="failed", error_code="diverged")
        shown = page(browser, f"/jobs/{job.pk}")
        rate = float(job.hyperparameters["learning_rate"]) / 2
        address = f"/jobs/new?again={job.pk}&amp;hp-learning_rate={rate:g}"
        assert address in shown
        assert f'value="{rate:g}"' in page(browser, address.replace("&amp;", "&"))


def test_what_is_new_in_an_answer_is_marked() -> None:
    assert marked("I am a model.", "I am a small model.") == [("I am a", False), (" small", True), (" model.", False)]
    assert marked("我是模型。", "我是小智。") == [("我是", False), ("小智", True), ("。", False)]
    pieces: list[Any] = marked("a " * 9000, "b " * 9000)
    assert "".join(text for text, _ in pieces) == "b " * 9000
