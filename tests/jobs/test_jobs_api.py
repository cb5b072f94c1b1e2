"""OpenAI's surface, held to the SDK's own types in strict validation, and Luthier's own routes."""

import json
import shlex
from typing import Any

import pytest
from django.utils import timezone
from job_makers import FakeTrainer, end, make_file, make_job
from openai._models import validate_type
from openai.types.fine_tuning import FineTuningJob as SdkJob
from openai.types.fine_tuning import FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from compute.models import Run
from jobs.models import FineTuningJob, JobEvent
from jobs.training import reading_data
from jobs.training.work import Training
from jobs.web.wire import event_as_json
from wording import as_written

pytestmark = pytest.mark.django_db

JOBS = "/v1/fine_tuning/jobs"


def strict(kind: Any, value: Any) -> Any:
    """Read `value` as the SDK does with _strict_response_validation."""
    return validate_type(type_=kind, value=value)


def create(member: Any, *, headers: dict[str, str] | None = None, **body: Any) -> Any:
    body.setdefault("model", "tiny")
    if "training_file" not in body:
        body["training_file"] = make_file(member.team).pk
    return member.client.post(JOBS, json.dumps(body), content_type="application/json", headers=headers or {})


def trained(member: Any) -> FineTuningJob:
    """Return a succeeded job with two checkpoints."""
    job = make_job(member.team, by=member.user, suffix="violin")
    trainer = FakeTrainer(Run.objects.get(attempt__job=job)).start()
    for step in range(1, 11):
        trainer.step(step)
    trainer.checkpoint(5).checkpoint(10).succeed()
    trainer.directory.log.write_text("09:00:00 你好\n09:00:01 bye\n")
    work = Training()
    work.record(trainer.run, trainer.events)
    work.attend(trainer.run, trainer.directory)
    work.conclude(end(trainer.run, "succeeded"), trainer.directory, "succeeded")
    return FineTuningJob.objects.get(pk=job.pk)


class TestCreate:
    def test_answers_as_openai_does(self, alice: Any) -> None:
        reply = create(alice, suffix="violin", metadata={"a": "b"}, seed=3)
        assert reply.status_code == 200, reply.json()
        job = strict(SdkJob, reply.json())
        assert (job.status, job.seed, job.object, job.organization_id) == (
            "validating_files", 3, "fine_tuning.job", "violins"
        )  # fmt: skip
        assert job.hyperparameters.n_epochs == "auto"
        assert job.method.type == "supervised"
        assert job.metadata == {"a": "b"}

    def test_names_of_both_kinds_come_back_with_the_values_used(self, alice: Any) -> None:
        hyperparameters = {
            "n_epochs": 3,
            "batch_size": 4,
            "learning_rate_multiplier": 0.5,
            "lora_dim": 4,
            "zero_stage": 2,
        }
        method = {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
        job_id = create(alice, method=method).json()["id"]
        reading_data.advance(job_id)
        job = strict(SdkJob, alice.client.get(f"{JOBS}/{job_id}").json())
        for shown in (job.hyperparameters, job.method.supervised.hyperparameters):
            assert (shown.batch_size, shown.n_epochs, shown.learning_rate_multiplier) == (4, 3, 0.5)
            extra = shown.model_extra
            assert (extra["lora_dim"], extra["zero_stage"], extra["num_train_epochs"]) == (4, 2, 3.0)
            assert extra["data_path"] == job.training_file
            assert extra["model_name_or_path"] == "tiny"

    def test_the_older_form_and_our_own_fields(self, alice: Any) -> None:
        body = {"hyperparameters": {"n_epochs": "auto", "lora_dim": 16}, "accelerators": 2, "system_prompt": "none"}
        reply = create(alice, **body).json()
        assert reply["hyperparameters"]["lora_dim"] == 16
        assert (reply["accelerators"], reply["system_prompt"]) == (2, "none")

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"method": {"type": "dpo"}}, "method.type"),
            ({"method": {"type": "reinforcement", "reinforcement": {}}}, "method.type"),
            ({"hyperparameters": {"lora_dimm": 8}}, "lora_dimm"),
            ({"hyperparameters": {"output_dir": "/x"}}, "output_dir"),
            ({"hyperparameters": [1]}, "hyperparameters"),
            ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, "integrations"),
            ({"metadata": {"a": 1}}, "metadata"),
            ({"metadata": {"a": "\ud800"}}, "metadata"),
            ({"metadata": {"\ud800": "a"}}, "metadata"),
            ({"\ud800": "a"}, None),
            ({"hyperparameters": {"\ud800": "a"}}, "hyperparameters"),
            ({"hyperparameters": {"data_path": "\ud800"}}, "hyperparameters"),
            ({"suffix": "\ud800"}, "suffix"),
            ({"suffix": 3}, "suffix"),
            ({"suffix": "a\nb"}, "suffix"),
            ({"seed": -1}, "seed"),
            ({"seed": "x"}, "seed"),
            ({"lora_dim": 8}, "lora_dim"),
            ({"accelerators": 0}, "accelerators"),
            ({"accelerators": 1.5}, "accelerators"),
            ({"training_file": None}, "training_file"),
            ({"model": 3}, "model"),
            ({"system_prompt": "x<|im_end|>"}, "system_prompt"),
        ],
    )
    def test_what_cannot_be_honoured_is_refused_by_name(
        self, alice: Any, body: dict[str, Any], param: str | None
    ) -> None:
        reply = create(alice, **body)
        assert reply.status_code == 400, reply.json()
        assert reply.json()["error"]["param"] == param
        assert FineTuningJob.objects.count() == 0

    def test_a_body_that_is_no_object_is_refused(self, alice: Any) -> None:
        assert alice.client.post(JOBS, [1], format="json").status_code == 400

    def test_a_foreign_file_is_a_404(self, alice: Any, charlie: Any) -> None:
        reply = create(alice, training_file=make_file(charlie.team).pk)
        assert (reply.status_code, reply.json()["error"]["param"]) == (404, "training_file")

    def test_without_a_key_there_is_nothing(self, alice: Any) -> None:
        alice.client.credentials()
        assert create(alice).status_code == 401


class TestDroppedReply:
    def test_the_sdks_own_repetition_gets_the_job_that_was_made(self, alice: Any) -> None:
        file_id = make_file(alice.team).pk
        first = create(alice, training_file=file_id, headers={"x-stainless-retry-count": "0"}).json()
        again = create(alice, training_file=file_id, headers={"x-stainless-retry-count": "1"}).json()
        assert again["id"] == first["id"]
        assert FineTuningJob.objects.count() == 1

    def test_without_the_count_each_create_makes_a_job(self, alice: Any) -> None:
        file_id = make_file(alice.team).pk
        assert create(alice, training_file=file_id).json()["id"] != create(alice, training_file=file_id).json()["id"]

    @pytest.mark.parametrize("change", ["body", "key", "time"])
    def test_only_the_same_request_of_the_same_key_within_a_minute(
        self, alice: Any, charlie: Any, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        file_id = make_file(alice.team).pk
        first = create(alice, training_file=file_id).json()
        who, body = alice, {"training_file": file_id}
        if change == "body":
            body["suffix"] = "other"
        elif change == "key":
            who, body = charlie, {"training_file": make_file(charlie.team).pk}
        else:
            monkeypatch.setattr("jobs.services.REPEAT_SECONDS", 0)
        assert create(who, **body, headers={"x-stainless-retry-count": "2"}).json()["id"] != first["id"]

    def test_an_idempotency_key_gives_the_first_reply(self, alice: Any) -> None:
        file_id = make_file(alice.team).pk
        headers = {"Idempotency-Key": "once"}
        first = create(alice, training_file=file_id, headers=headers).json()
        assert create(alice, training_file=file_id, headers=headers).json() == first
        assert create(alice, training_file=file_id, suffix="other", headers=headers).status_code == 409
        assert FineTuningJob.objects.count() == 1


class TestRead:
    def test_a_succeeded_job_passes_the_sdks_strict_types(self, alice: Any) -> None:
        job = trained(alice)
        read = strict(SdkJob, alice.client.get(f"{JOBS}/{job.pk}").json())
        assert (read.status, read.fine_tuned_model, read.trained_tokens) == ("succeeded", job.fine_tuned_model, 500)
        assert len(read.result_files) == 2
        assert read.error is None

    def test_a_failed_job_says_why(self, alice: Any) -> None:
        job = make_job(alice.team)
        job.move("failed", as_written("No."), error_code="disk_full", error_message=as_written("The disk is full."))
        read = strict(SdkJob, alice.client.get(f"{JOBS}/{job.pk}").json())
        assert (read.error.code, read.error.message) == ("disk_full", "The disk is full.")

    def test_jobs_are_listed_newest_first_in_pages(self, alice: Any, charlie: Any) -> None:
        made = [make_job(alice.team, is_queued=False, metadata={"n": str(n % 2)}).pk for n in range(5)]
        make_job(charlie.team, is_queued=False)
        first = alice.client.get(JOBS, {"limit": 3}).json()
        rest = alice.client.get(JOBS, {"limit": 3, "after": first["data"][-1]["id"]}).json()
        assert [job["id"] for job in first["data"] + rest["data"]] == made[::-1]
        assert (first["has_more"], rest["has_more"]) == (True, False)
        for job in first["data"]:
            strict(SdkJob, job)
        some = alice.client.get(JOBS, {"metadata[n]": "1"}).json()
        assert [job["id"] for job in some["data"]] == [made[3], made[1]]

    def test_events_are_listed_newest_first_in_pages(self, alice: Any) -> None:
        job = trained(alice)
        url, seen, after = f"{JOBS}/{job.pk}/events", [], {}
        while True:
            page = alice.client.get(url, {"limit": 7, **after}).json()
            seen += [strict(FineTuningJobEvent, event) for event in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": page["data"][-1]["id"]}
        assert len(seen) == job.events.count() == len({event.id for event in seen})
        assert [event.data["step"] for event in seen if event.type == "metrics"] == list(range(10, 0, -1))
        assert seen[-1].message.startswith("The job was created")

    def test_an_event_without_words_keeps_to_the_sdks_type(self) -> None:
        event = JobEvent(pk="ftevent-1", created_at=timezone.now())
        assert strict(FineTuningJobEvent, event_as_json(event)).message == ""

    def test_checkpoints_are_listed_once_they_lie_in_storage(self, alice: Any) -> None:
        job = trained(alice)
        page = alice.client.get(f"{JOBS}/{job.pk}/checkpoints").json()
        found = [strict(FineTuningJobCheckpoint, item) for item in page["data"]]
        assert [item.step_number for item in found] == [10, 5]
        assert found[0].fine_tuned_model_checkpoint == f"{job.fine_tuned_model}:ckpt-step-10"
        assert page["data"][0]["metrics"] == {
            "step": 10, "train_loss": 0.5, "train_mean_token_accuracy": None, "valid_loss": None,
            "valid_mean_token_accuracy": None, "full_valid_loss": None, "full_valid_mean_token_accuracy": None,
        }  # fmt: skip
        job.checkpoints.update(published_at=None)
        assert alice.client.get(f"{JOBS}/{job.pk}/checkpoints").json()["data"] == []

    @pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}])
    def test_bad_pages_are_refused(self, alice: Any, query: dict[str, Any]) -> None:
        assert alice.client.get(JOBS, query).status_code == 400

    def test_an_unknown_place_to_go_on_from_is_a_404(self, alice: Any) -> None:
        job = make_job(alice.team)
        for url in (JOBS, f"{JOBS}/{job.pk}/events", f"{JOBS}/{job.pk}/checkpoints"):
            assert alice.client.get(url, {"after": "nothing"}).status_code == 404


class TestChange:
    def test_pausing_a_queued_job_stays_within_the_sdks_types(self, alice: Any) -> None:
        job = make_job(alice.team)
        strict(SdkJob, alice.client.post(f"{JOBS}/{job.pk}/pause").json())

    def test_cancel(self, alice: Any) -> None:
        job = make_job(alice.team, is_queued=False)
        assert strict(SdkJob, alice.client.post(f"{JOBS}/{job.pk}/cancel").json()).status == "cancelled"
        assert alice.client.post(f"{JOBS}/{job.pk}/cancel").status_code == 400

    @pytest.mark.parametrize("verb", ["cancel", "pause", "finish", "resume"])
    def test_fields_where_none_is_read_are_refused_by_name(self, alice: Any, verb: str) -> None:
        job = make_job(alice.team)
        reply = alice.client.post(f"/v1/fine_tuning/jobs/{job.pk}/{verb}", {"n_epochs": 3}, format="json")
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "n_epochs")
        assert FineTuningJob.objects.get(pk=job.pk).status == job.status

    def test_a_wrong_after_names_after(self, alice: Any) -> None:
        reply = alice.client.get("/v1/fine_tuning/jobs?after=ftjob-none")
        assert (reply.status_code, reply.json()["error"]["param"]) == (404, "after")

    def test_resume(self, alice: Any) -> None:
        job = make_job(alice.team, is_queued=False)
        alice.client.post(f"{JOBS}/{job.pk}/pause")
        assert alice.client.post(f"{JOBS}/{job.pk}/resume").json()["status"] == "validating_files"


class TestTenancy:
    def test_a_foreign_job_is_a_404_on_every_route(self, alice: Any, charlie: Any) -> None:
        job = trained(alice)
        for verb in ("cancel", "pause", "resume"):
            assert charlie.client.post(f"{JOBS}/{job.pk}/{verb}").status_code == 404
        for url in (JOBS, "/api/v1/jobs"):
            for tail in ("", "/events", "/checkpoints") if url == JOBS else ("/command", "/log"):
                assert charlie.client.get(f"{url}/{job.pk}{tail}").status_code == 404
                assert alice.client.get(f"{url}/{job.pk}{tail}").status_code == 200


class TestOurOwnRoutes:
    def test_the_command_says_every_value(self, alice: Any) -> None:
        job = make_job(
            alice.team, hyperparameters={"lora_dim": 4, "data_split": "2,4,4", "validation_split": 0.2}, rows=60
        )
        found = alice.client.get(f"/api/v1/jobs/{job.pk}/command").json()
        assert shlex.split(found["command"].replace("\\\n", "")) == found["argv"]
        pairs = dict(zip(found["argv"], found["argv"][1:], strict=False))
        assert found["argv"][0] == "deepspeed"
        assert (pairs["--lora_dim"], pairs["--data_split"], pairs["--validation_share"]) == ("4", "2,4,4", "0.2")
        assert pairs["--data_path"] == "chats.jsonl"

    @pytest.mark.parametrize("is_plain", [True, False])
    def test_rows_of_other_formats_are_downloaded_as_json_lines(self, alice: Any, is_plain: bool) -> None:
        job = make_job(alice.team)
        change = {} if is_plain else {"format": "csv", "shape": "question_answer", "filename": "pairs.csv.gz"}
        kept = {"format": "jsonl", "shape": "messages", "filename": "chats.jsonl"} | change
        type(job.training_file).objects.filter(pk=job.training_file.pk).update(**kept)
        found = alice.client.get(f"/api/v1/jobs/{job.pk}/command").json()
        name = found["argv"][found["argv"].index("--data_path") + 1]
        assert name == ("chats.jsonl" if is_plain else "pairs.jsonl")
        assert found["data_url"].endswith("/content" if is_plain else "/examples")

    def test_there_is_no_command_before_the_values_are_known(self, alice: Any) -> None:
        job = make_job(alice.team, is_queued=False)
        assert alice.client.get(f"/api/v1/jobs/{job.pk}/command").json()["command"] == ""

    def test_the_log_in_parts_and_after_the_folder_is_gone(self, alice: Any, home: Any) -> None:
        job = trained(alice)
        url = f"/api/v1/jobs/{job.pk}/log"
        whole = alice.client.get(url).json()
        assert (whole["text"], whole["next_offset"], whole["attempt"]) == ("09:00:00 你好\n09:00:01 bye\n", 29, 1)
        assert alice.client.get(url, {"offset": 16}).json()["text"] == "09:00:01 bye\n"
        assert alice.client.get(url, {"offset": -13}).json()["text"] == "09:00:01 bye\n"
        assert alice.client.get(url, {"attempt": 2}).status_code == 404
        Run.objects.get(attempt__job=job).directory.log.unlink()
        assert alice.client.get(url).json()["text"] == "09:00:00 你好\n09:00:01 bye\n"

    def test_hyperparameters_with_their_reasons(self, alice: Any) -> None:
        file = make_file(alice.team)
        found = alice.client.get("/api/v1/hyperparameters", {"model": "tiny", "file": file.pk}).json()["data"]
        rate = next(item for item in found if item["name"] == "learning_rate")
        assert rate["auto"] > 0
        assert rate["reason"]
        assert rate["sentence"]
        assert all(item["managed"] or item["auto"] is not None for item in found if item["group"] != "managed")

    def test_hyperparameters_of_a_foreign_file_are_a_404(self, alice: Any, charlie: Any) -> None:
        query = {"model": "tiny", "file": make_file(charlie.team).pk}
        assert alice.client.get("/api/v1/hyperparameters", query).status_code == 404

    def test_an_estimate_makes_no_job(self, alice: Any) -> None:
        body = {
            "model": "tiny",
            "training_file": make_file(alice.team, 40).pk,
            "hyperparameters": {"n_epochs": 2, "batch_size": 4},
        }
        found = alice.client.post("/api/v1/jobs/estimate", body, format="json").json()
        assert (found["rows"], found["steps"], found["batch_size"], found["seconds"]) == (40, 20, 4, None)
        assert found["tokens"] > 0
        assert FineTuningJob.objects.count() == 0

    def test_an_estimate_knows_the_time_from_earlier_jobs(self, alice: Any) -> None:
        trained(alice)
        body = {"model": "tiny", "training_file": make_file(alice.team, 40).pk}
        assert alice.client.post("/api/v1/jobs/estimate", body, format="json").json()["seconds"] >= 1

    @pytest.mark.parametrize(
        ("field", "value", "status"),
        [
            ("suffix", "x" * 100, 400),
            ("suffix", "a\0", 400),
            ("metadata", [1], 400),
            ("metadata", {"a": 1}, 400),
            ("validation_file", "file-nothing", 404),
            ("validation_file", "", 404),
        ],
    )
    def test_an_estimate_refuses_what_the_job_would_be_refused_for(
        self, alice: Any, field: str, value: Any, status: int
    ) -> None:
        body = {"model": "tiny", "training_file": make_file(alice.team).pk, field: value}
        for path in ("/api/v1/jobs/estimate", JOBS):
            reply = alice.client.post(path, body, format="json")
            assert (reply.status_code, reply.json()["error"]["param"]) == (status, field), path

    def test_an_estimate_knows_no_foreign_validation_file(self, alice: Any, charlie: Any) -> None:
        body = {"model": "tiny", "training_file": make_file(alice.team).pk}
        foreign = {**body, "validation_file": make_file(charlie.team).pk}
        assert alice.client.post("/api/v1/jobs/estimate", foreign, format="json").status_code == 404
        own = {**body, "validation_file": make_file(alice.team).pk}
        assert alice.client.post("/api/v1/jobs/estimate", own, format="json").status_code == 200
