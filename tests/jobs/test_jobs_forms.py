"""The form of a new job, and the buttons beside it: sent twice they count once, an expired session loses nothing."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from job_makers import make_file, make_job

from datasets_app.models import TrainingFile
from deployments.models import Deployment
from jobs.models import FineTuningJob, TunedModel
from tests.console.forms import error_at, form_at, forms_of, sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PASSWORD = "a long enough one"


@pytest.fixture
def client(alice: Any) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def test_back_and_submit_again_makes_no_second_job(client: Client, alice: Any) -> None:
    make_file(alice.team)
    first, second = sent_twice(client, "/jobs/new", suffix="xiaozhi")
    assert first.url == second.url == f"/jobs/{FineTuningJob.objects.get().pk}"


def test_a_changed_form_makes_another_job_and_a_refused_one_may_be_mended(client: Client, alice: Any) -> None:
    make_file(alice.team)
    form = form_at(client, "/jobs/new")
    assert client.post("/jobs/new", {**form, "accelerators": "many"}).status_code == 400
    for suffix in ("a", "b", "b"):
        assert client.post("/jobs/new", {**form, "suffix": suffix}).status_code == 302
    assert sorted(FineTuningJob.objects.values_list("suffix", flat=True)) == ["a", "b"]


def test_another_team_is_another_wish(client: Client, alice: Any, charlie: Any) -> None:
    form = form_at(client, "/keys")
    other = Client()
    other.force_login(charlie.user)
    for browser in (client, other):
        assert browser.post("/keys", form).status_code == 200


def test_an_expired_session_brings_the_form_back_as_it_was_left(client: Client, alice: Any) -> None:
    alice.user.set_password(PASSWORD)
    alice.user.save()
    client.force_login(alice.user)
    other = make_file(alice.team, 25, name="other.jsonl")
    make_file(alice.team, 30)
    left = form_at(client, "/jobs/new", file=other.pk, suffix="小智", **{"hp-lora_dim": "4", "hp-use_dora": "true"})
    Session.objects.all().delete()
    reply = client.post("/jobs/new", left)
    assert reply.url == "/sign-in?next=/jobs/new"
    page = client.post(reply.url, {"email": "alice@example.com", "password": PASSWORD}, follow=True)
    form = next(one for one in forms_of(page, "/jobs/new") if one.action == "/jobs/new")
    told = {name: texts for name, texts in form.fields.items() if name not in ("form_key", "csrfmiddlewaretoken")}
    assert (told["file"], told["suffix"], told["hp-lora_dim"]) == ([other.pk], ["小智"], ["4"])
    assert told["hp-use_dora"] == ["true"]
    assert not FineTuningJob.objects.exists()
    assert client.post("/jobs/new", form.fields).status_code == 302
    job = FineTuningJob.objects.get()
    assert (job.training_file, job.suffix, job.asked["lora_dim"]) == (other, "小智", 4)


def test_one_click_makes_one_deployment(client: Client, alice: Any) -> None:
    job = make_job(alice.team)
    name = "ft:tiny:violins::1"
    FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded", fine_tuned_model=name)
    TunedModel.objects.create(job=job, team=alice.team, base_model=job.base_model, name=name, result="adapter")
    first, second = sent_twice(client, f"/jobs/{job.pk}", "/deployments/from-job")
    assert first.url == second.url == f"/deployments/{Deployment.objects.get().pk}"


def test_the_sample_is_stored_once(client: Client, alice: Any) -> None:
    first, second = sent_twice(client, "/", "/start-sample")
    assert first.url == second.url == f"/jobs/new?file={TrainingFile.objects.get().pk}"


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"suffix": "x" * 65}, "suffix", "at most 64 characters"),
        ({"accelerators": "many"}, "accelerators", "many"),
        ({"priority": "urgent"}, "priority", "administrator"),
        ({"hp-lora_dim": "-3"}, "hp-lora_dim", "lora_dim"),
        ({"hp-use_dora": "perhaps"}, "hp-use_dora", "use_dora"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    client: Client, alice: Any, wrong: dict[str, str], field: str, sentence: str
) -> None:
    make_file(alice.team)
    form = form_at(client, "/jobs/new", suffix="xiaozhi")
    reply = client.post("/jobs/new", {**form, **wrong})
    assert reply.status_code == 400
    assert sentence in error_at(reply, field)
    [shown] = [one for one in forms_of(reply, "/jobs/new") if one.action == "/jobs/new"]
    assert shown.fields["suffix"] == [wrong.get("suffix", "xiaozhi")]
    assert not FineTuningJob.objects.exists()


def test_data_that_is_gone_is_said_below_the_data(client: Client, alice: Any) -> None:
    file = make_file(alice.team)
    form = form_at(client, "/jobs/new")
    file.delete()
    make_file(alice.team, name="other.jsonl")
    reply = client.post("/jobs/new", form)
    assert reply.status_code == 404
    assert re.search(r'aria-describedby="file_error".*id="file_error"', reply.content.decode(), re.DOTALL)


def test_the_slider_says_what_each_stop_costs_and_asks_for_nothing_in_the_middle(client: Client, alice: Any) -> None:
    make_file(alice.team)
    page = client.get("/jobs/new").content.decode()
    steps = [int(number) for number in re.findall(r'id="effort-\w+">\s*(\d+)\s+steps', page)]
    assert len(steps) == 3
    assert steps == sorted(set(steps))
    form = form_at(client, "/jobs/new")
    assert form["hp-effort"] == ["balanced"]
    client.post("/jobs/new", {**form, "suffix": "middle"})
    client.post("/jobs/new", {**form, "suffix": "thorough", "hp-effort": "best"})
    assert {job.suffix: job.asked for job in FineTuningJob.objects.all()} == {
        "middle": {},
        "thorough": {"effort": "best"},
    }
    again = FineTuningJob.objects.get(suffix="thorough")
    assert form_at(client, f"/jobs/new?again={again.pk}")["hp-effort"] == ["best"]


def test_a_change_says_anew_what_each_stop_costs(client: Client, alice: Any) -> None:
    file = make_file(alice.team, 60)
    model = form_at(client, "/jobs/new")["model"]
    said = client.get("/jobs/estimate", {"file": file.pk, "model": model, "hp-num_train_epochs": "1"}).content.decode()
    assert len(re.findall(r'hx-swap-oob="true">\s*30\s+steps', said)) == 3


def test_a_validation_file_is_chosen_and_refused_at_its_field(client: Client, alice: Any, charlie: Any) -> None:
    training, held_out = make_file(alice.team, 25), make_file(alice.team, 30, name="held_out.jsonl")
    foreign = make_file(charlie.team, name="secret.jsonl")
    form = form_at(client, "/jobs/new", file=training.pk, validation=held_out.pk)
    assert client.post("/jobs/new", form).status_code == 302
    job = FineTuningJob.objects.get()
    assert job.validation_file == held_out
    assert form_at(client, f"/jobs/new?again={job.pk}")["validation"] == [held_out.pk]
    refused = client.post("/jobs/new", {**form, "validation": foreign.pk})
    assert refused.status_code == 404
    assert foreign.pk in error_at(refused, "validation")
    assert "secret.jsonl" not in refused.content.decode()


def test_trying_again_keeps_what_openais_names_chose(client: Client, alice: Any) -> None:
    asked = {"n_epochs": 7, "batch_size": 4, "learning_rate_multiplier": 2.0, "lora_dim": 4}
    job = make_job(alice.team, rows=30, hyperparameters=asked)
    form = form_at(client, f"/jobs/new?again={job.pk}")
    values = job.hyperparameters
    assert float(form["hp-num_train_epochs"][0]) == 7
    assert int(form["hp-per_device_train_batch_size"][0]) * int(form["hp-gradient_accumulation_steps"][0]) == 4
    assert float(form["hp-learning_rate"][0]) == values["learning_rate"]
    assert form["hp-lora_dim"] == ["4"]
    assert client.post("/jobs/new", form).status_code == 302
    again = FineTuningJob.objects.exclude(pk=job.pk).get()
    assert again.asked["num_train_epochs"] == 7
    page = client.get(f"/jobs/{job.pk}").content.decode()
    chosen = page[: page.index("All values, and why")]
    assert all(f"<code>{name}</code>" in chosen for name in ("num_train_epochs", "learning_rate", "lora_dim"))


def test_a_job_whose_data_was_never_read_is_tried_again_with_what_it_asked(client: Client, alice: Any) -> None:
    job = make_job(alice.team, rows=30, is_queued=False, hyperparameters={"n_epochs": 7, "batch_size": 4})
    form = form_at(client, f"/jobs/new?again={job.pk}")
    assert (form["hp-num_train_epochs"], form["hp-per_device_train_batch_size"]) == (["7"], ["4"])


def test_an_older_validation_file_stays_chosen(client: Client, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.web.form.SHOWN_FILES", 1)
    held_out = make_file(alice.team, 30, name="held_out.jsonl")
    training = make_file(alice.team, 25)
    job = make_job(alice.team, training_file=training.pk, validation_file=held_out.pk)
    form = form_at(client, f"/jobs/new?again={job.pk}")
    assert (form["file"], form["validation"]) == ([training.pk], [held_out.pk])


def test_what_no_database_takes_is_nothing_to_try_again(client: Client, alice: Any) -> None:
    make_file(alice.team)
    for query in ("again=%00", "model=%00", "file=%00", "validation=%00"):
        assert client.get(f"/jobs/new?{query}").status_code == 200
        assert client.get(f"/jobs/estimate?{query}").status_code == 200
