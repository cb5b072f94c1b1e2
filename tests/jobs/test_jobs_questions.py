"""No job is made of a file that holds text or a mask that nothing reads, until somebody has said what to do with it."""

import json
from typing import Any

import pytest
from django.test import Client
from job_makers import make_file, row

from datasets_app import services
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from jobs.models import FineTuningJob
from jobs.training import reading_data
from jobs.web.command import is_read_by_hand

pytestmark = pytest.mark.django_db

JOBS = "/v1/fine_tuning/jobs"
ROWS = [{**row(number), "context": "Made in Cremona, long ago."} for number in range(12)]


def create(member: Any, file: TrainingFile, **body: Any) -> Any:
    job_request = {"model": "tiny", "training_file": file.pk, **body}
    return member.client.post(JOBS, json.dumps(job_request), content_type="application/json")


def answer(member: Any, file: TrainingFile, **unused: str) -> Any:
    body = json.dumps({"unused": unused})
    return member.client.post(f"/api/v1/files/{file.pk}/reading", body, content_type="application/json").json()


class TestByTheApi:
    def test_is_refused_in_openais_shape_until_it_is_answered(self, alice: Any) -> None:
        file = make_file(alice.team, ROWS)
        reply = create(alice, file)
        assert reply.status_code == 400
        assert reply.json()["error"] == {
            "message": "chats.jsonl contains text or training masks that are not used (number of rows in parentheses): "
            "context (12). Choose what to do with them on the file's page, or by POST "
            f"/api/v1/files/{file.pk}/reading with "
            '{"unused": {"context": "leave_out"}}.',
            "type": "invalid_request_error",
            "param": "training_file",
            "code": "unanswered_question",
        }
        assert not FineTuningJob.objects.exists()
        answer(alice, file, context="leave_out")
        assert create(alice, file).status_code == 200

    def test_many_keys_are_told_shortly(self, alice: Any) -> None:
        file = make_file(alice.team, [{**one, **{f"note_{n}": "Made by hand." for n in range(9)}} for one in ROWS])
        message = create(alice, file).json()["error"]["message"]
        assert "context (12), note_0 (12), note_1 (12), …" in message
        assert '{"unused": {"*": "leave_out"}}' in message

    def test_of_a_validation_file(self, alice: Any) -> None:
        reply = create(alice, make_file(alice.team), validation_file=make_file(alice.team, ROWS).pk)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "validation_file")

    def test_a_job_that_came_before_the_check_fails_with_the_sentence(self, alice: Any) -> None:
        file = make_file(alice.team, ROWS, is_checked=False)
        job_id = create(alice, file).json()["id"]
        recording.check_file(file.pk)
        reading_data.advance(job_id)
        found = alice.client.get(f"{JOBS}/{job_id}").json()
        assert (found["status"], found["error"]["code"]) == ("failed", "unanswered_question")
        assert "context (12)" in found["error"]["message"]

    def test_one_that_was_answered_beforehand_is_trained(self, alice: Any) -> None:
        file = make_file(alice.team, ROWS, is_checked=False)
        TrainingFile.objects.filter(pk=file.pk).update(left_out=["*"])
        job_id = create(alice, file).json()["id"]
        recording.check_file(file.pk)
        reading_data.advance(job_id)
        assert alice.client.get(f"{JOBS}/{job_id}").json()["status"] == "queued"


class TestUses:
    def test_a_text_that_is_used_is_learned_from(self, alice: Any) -> None:
        file = make_file(alice.team, ROWS)
        made = TrainingFile.objects.get(pk=answer(alice, file, context="question")["id"])
        recording.check_file(made.pk)
        made.refresh_from_db()
        job_id = create(alice, made).json()["id"]
        reading_data.advance(job_id)
        job = FineTuningJob.objects.get(pk=job_id)
        assert job.status == "queued"
        plain = services.ensure_tokens(**_cut(job, make_file(alice.team, [row(n) for n in range(12)], name="p.jsonl")))
        used = services.ensure_tokens(**_cut(job, made))
        assert used.meta["train"]["tokens"] > plain.meta["train"]["tokens"]
        assert not is_read_by_hand(made)


def _cut(job: FineTuningJob, file: TrainingFile) -> dict[str, Any]:
    chat = reading_data.chat_format(job.base_model, reading_data.SystemChoice.parse("default"))
    rest = {"max_seq_len": 256, "data_split": "10,0,0", "validation_share": 0.0, "seed": 0}
    return {"file": file, "validation_file": None, "chat": chat, **rest}


class TestOnThePage:
    def test_the_form_says_so_and_leads_to_the_question(self, alice: Any, plain_static: None) -> None:
        file = make_file(alice.team, ROWS)
        page = Client()
        page.force_login(alice.user)
        shown = page.get("/jobs/new").content.decode()
        assert f'<a href="/datasets/{file.pk}">Needs your answer</a>' in shown
        reply = page.post("/jobs/new", {"model": "tiny", "file": file.pk})
        assert reply.status_code == 400
        assert "context (12)" in reply.content.decode()
        assert not FineTuningJob.objects.exists()
