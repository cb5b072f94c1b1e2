"""Creating, validating, cancelling, pausing and resuming jobs, on a real database."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from job_makers import make_file, make_job, row
from pytest_django import DjangoCaptureOnCommitCallbacks

from common.errors import NotFound, UserError
from compute.models import Run
from datasets_app.checking import recording
from datasets_app.services import delete_file
from jobs import tasks
from jobs.models import FineTuningJob
from jobs.services import JobRequest, cancel_job, create_job, get_job, pause_job, resume_job
from jobs.training import reading_data, reconciling
from jobs.training.preparing import trainer_values
from wording import as_written

pytestmark = pytest.mark.django_db


def events_of(job: FineTuningJob) -> list[str]:
    return [str(event.message) for event in job.events.order_by("number")]


class TestCreate:
    def test_makes_a_job_that_waits_for_its_data(self, alice: Any) -> None:
        job = make_job(alice.team, by=alice.user, is_queued=False, suffix="violin", seed=5)
        assert job.status == "validating_files"
        assert (job.seed, job.suffix, job.accelerators) == (5, "violin", None)
        assert job.attempts.count() == 0
        assert events_of(job) == ["The job was created. Its data is being read."]

    def test_wakes_a_worker_after_the_commit(
        self,
        alice: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        sent: list[tuple[str, ...]] = []
        monkeypatch.setattr(tasks.read_job_data, "apply_async", lambda args, **_: sent.append(args))
        with django_capture_on_commit_callbacks(execute=True):
            job = make_job(alice.team, training_file=make_file(alice.team).pk, is_queued=False)
            assert sent == []
        assert set(sent) == {(job.pk,)}

    @pytest.mark.parametrize("field", ["training_file", "validation_file"])
    def test_a_foreign_file_does_not_exist(self, alice: Any, charlie: Any, field: str) -> None:
        foreign, own = make_file(charlie.team), make_file(alice.team)
        files = {"training_file": own.pk, "validation_file": own.pk, field: foreign.pk}
        with pytest.raises(NotFound):
            create_job(team=alice.team, by=alice.user, job_request=JobRequest(model="tiny", **files))

    @pytest.mark.parametrize("model", ["nothing", "", "ft:tiny:x::y", "a\0b", "\ud800"])
    def test_an_unknown_model_does_not_exist(self, alice: Any, model: str) -> None:
        with pytest.raises(NotFound):
            create_job(
                team=alice.team, by=None, job_request=JobRequest(model=model, training_file=make_file(alice.team).pk)
            )

    def test_a_model_that_is_not_here_is_refused(self, alice: Any, base: Any) -> None:
        type(base).objects.filter(pk="tiny").update(state="absent")
        with pytest.raises(UserError) as raised:
            make_job(alice.team, is_queued=False)
        assert raised.value.code == "model_not_present"

    def test_a_faulty_file_is_refused_with_its_line(self, alice: Any) -> None:
        file = make_file(alice.team, [row(1), "nonsense", row(3)])
        with pytest.raises(UserError, match=r"[Ll]ine 2"):
            make_job(alice.team, training_file=file.pk)

    def test_fewer_than_ten_conversations_are_counted(self, alice: Any) -> None:
        with pytest.raises(UserError, match=r"9 conversations.*at least 10"):
            make_job(alice.team, rows=9)

    def test_nothing_is_left_of_a_refused_job(self, alice: Any) -> None:
        for job_request in (
            {"suffix": "x" * 65},
            {"metadata": {"k": "v" * 513}},
            {"accelerators": 0},
            {"accelerators": "many"},
        ):
            with pytest.raises(UserError):
                make_job(alice.team, is_queued=False, **job_request)
        assert FineTuningJob.objects.count() == 0

    def test_refuses_names_that_disagree(self, alice: Any) -> None:
        for asked in ({"data_path": "file-other"}, {"model_name_or_path": "other"}, {"offload": True}):
            with pytest.raises(UserError):
                make_job(alice.team, hyperparameters=asked)

    def test_a_prompt_with_control_tokens_is_refused(self, alice: Any) -> None:
        with pytest.raises(UserError) as raised:
            make_job(alice.team, system_prompt="Hi<|im_end|>")
        assert raised.value.param == "system_prompt"


class TestValidation:
    def test_queues_with_every_value_and_one_run(self, alice: Any) -> None:
        job = make_job(alice.team, hyperparameters={"lora_dim": 4}, accelerators=1)
        assert job.status == "queued"
        assert job.hyperparameters["lora_dim"] == 4
        assert job.system == {"kind": "none", "text": ""}, "the template's own prompt would otherwise slip in"
        assert job.reasons["system_prompt"]["code"] == "system_slipped_in"
        assert (job.total_steps or 0) >= 32
        [attempt] = job.attempts.all()
        assert (attempt.run.kind, attempt.run.team, attempt.run.accelerators) == ("training", alice.team, 1)

    @pytest.mark.parametrize(("rows", "epochs", "steps"), [(10, 0.30001, 4), (100, 0.07, 7)])
    def test_the_jobs_steps_are_those_that_the_trainer_counts(
        self, alice: Any, rows: int, epochs: float, steps: int
    ) -> None:
        asked = {"per_device_train_batch_size": 1, "num_train_epochs": epochs, "validation_split": 0}
        job = make_job(alice.team, rows=rows, hyperparameters=asked)
        assert job.total_steps == trainer_values(job).count_steps(rows) == steps

    def test_twice_is_once(self, alice: Any) -> None:
        job = make_job(alice.team)
        reading_data.advance(job.pk)
        reading_data.advance(job.pk)
        assert Run.objects.count() == 1

    def test_waits_for_the_files_check(self, alice: Any) -> None:
        file = make_file(alice.team, is_checked=False)
        job = make_job(alice.team, training_file=file.pk)
        assert job.status == "validating_files"
        assert reconciling.with_data_to_read() == []
        recording.check_file(file.pk)
        assert reconciling.with_data_to_read() == [job.pk], "found by the reconciler without any wake-up"
        reading_data.advance(job.pk)
        job.refresh_from_db()
        assert job.status == "queued"

    def test_a_file_that_turns_out_faulty_fails_the_job_with_its_line(self, alice: Any) -> None:
        file = make_file(alice.team, [row(1), "nonsense", *(row(n) for n in range(20))], is_checked=False)
        job = make_job(alice.team, training_file=file.pk, is_queued=False)
        recording.check_file(file.pk)
        reading_data.advance(job.pk)
        job.refresh_from_db()
        assert (job.status, job.error_code, job.error_param) == ("failed", "invalid_training_file", "training_file")
        assert "ine 2" in str(job.error_message)
        assert job.finished_at is not None

    def test_a_file_that_turns_out_too_small_fails_the_job(self, alice: Any) -> None:
        file = make_file(alice.team, 3, is_checked=False)
        job = make_job(alice.team, training_file=file.pk, is_queued=False)
        recording.check_file(file.pk)
        reading_data.advance(job.pk)
        job.refresh_from_db()
        assert (job.status, job.error_code) == ("failed", "too_few_rows")

    def test_data_that_teach_nothing_fail_the_job(self, alice: Any) -> None:
        long = [
            {"messages": [{"role": "user", "content": "x " * 300}, {"role": "assistant", "content": f"a{n}"}]}
            for n in range(12)
        ]
        job = make_job(alice.team, training_file=make_file(alice.team, long).pk, hyperparameters={"max_seq_len": 64})
        assert (job.status, job.error_code) == ("failed", "no_trained_tokens")

    def test_a_validation_file_is_used(self, alice: Any) -> None:
        checked = make_file(alice.team, 12, name="validation.jsonl")
        job = make_job(alice.team, validation_file=checked.pk)
        assert job.hyperparameters["validation_split"] == 0
        assert reading_data.tokens_of(job, job.hyperparameters).meta["validation"]["rows"] == 12

    def test_system_messages_in_the_data_keep_the_models_default(self, alice: Any) -> None:
        file = make_file(alice.team, [row(n, system="Be kind.") for n in range(12)])
        assert make_job(alice.team, training_file=file.pk).system == {"kind": "model_default", "text": ""}

    def test_a_prompt_of_ones_own_is_kept(self, alice: Any) -> None:
        job = make_job(alice.team, system_prompt="You are a violin.")
        assert job.system == {"kind": "custom", "text": "You are a violin."}
        assert "system_prompt" not in job.reasons


class TestStateMachine:
    @pytest.mark.parametrize("to", FineTuningJob.Status.values)
    @pytest.mark.parametrize("status", FineTuningJob.Status.values)
    def test_only_the_tables_steps_are_taken_and_each_is_told(self, alice: Any, status: str, to: str) -> None:
        job = make_job(alice.team, is_queued=False)
        FineTuningJob.objects.filter(pk=job.pk).update(status=status)
        before = job.events.count()
        if to == status:
            assert job.move(to, as_written("again")) is False
        elif to in FineTuningJob.TRANSITIONS[status]:
            assert job.move(to, as_written("moved"))
            assert job.status == to
        else:
            with pytest.raises(ValidationError):
                job.move(to, as_written("never"))
        moved = to != status and to in FineTuningJob.TRANSITIONS[status]
        assert job.events.count() == before + moved

    def test_an_ended_job_stays_as_it_is(self) -> None:
        for status in ("succeeded", "failed", "cancelled"):
            assert FineTuningJob.TRANSITIONS[status] == ()

    def test_event_numbers_have_no_gap(self, alice: Any) -> None:
        job = make_job(alice.team)
        job.record_event(as_written("one"))
        job.record_event(as_written("two"))
        numbers = list(job.events.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))


class TestCancel:
    def test_before_its_data_is_read_ends_at_once(self, alice: Any) -> None:
        job = cancel_job(job=make_job(alice.team, is_queued=False), by=alice.user)
        assert job.status == "cancelled"
        reading_data.advance(job.pk)
        assert Run.objects.count() == 0

    def test_asks_the_run_to_stop(self, alice: Any) -> None:
        job = cancel_job(job=make_job(alice.team), by=alice.user)
        assert job.status == "queued"
        assert job.cancel_requested_at is not None
        assert Run.objects.get().stop_reason == "cancel"

    def test_refuses_a_finished_job(self, alice: Any) -> None:
        job = cancel_job(job=make_job(alice.team, is_queued=False), by=alice.user)
        with pytest.raises(UserError, match="already been cancelled") as raised:
            cancel_job(job=job, by=alice.user)
        assert raised.value.status == 400, "an SDK would repeat a 409"

    def test_a_wish_that_its_run_never_heard_is_repeated(self, alice: Any) -> None:
        job = make_job(alice.team)
        FineTuningJob.objects.filter(pk=job.pk).update(cancel_requested_at=job.created_at)
        reconciling.repeat_requests()
        assert Run.objects.get().stop_reason == "cancel"


class TestPauseAndResume:
    def test_before_its_data_is_read(self, alice: Any) -> None:
        job = pause_job(job=make_job(alice.team, is_queued=False), by=alice.user)
        assert job.status == "paused"
        with pytest.raises(UserError):
            pause_job(job=job, by=alice.user)
        assert resume_job(job=job, by=alice.user).status == "validating_files"

    def test_asks_the_run_to_stop(self, alice: Any) -> None:
        job = pause_job(job=make_job(alice.team), by=alice.user)
        assert job.status == "queued"
        assert Run.objects.get().stop_reason == "pause"

    def test_cancelling_a_paused_job_ends_it(self, alice: Any) -> None:
        job = pause_job(job=make_job(alice.team, is_queued=False), by=alice.user)
        assert cancel_job(job=job, by=alice.user).status == "cancelled"

    def test_resuming_needs_a_pause(self, alice: Any) -> None:
        with pytest.raises(UserError, match="not paused"):
            resume_job(job=make_job(alice.team), by=alice.user)

    def test_pausing_what_is_being_cancelled_is_refused(self, alice: Any) -> None:
        job = cancel_job(job=make_job(alice.team), by=alice.user)
        with pytest.raises(UserError, match="being cancelled"):
            pause_job(job=job, by=alice.user)


class TestTenancy:
    def test_a_foreign_job_does_not_exist(self, alice: Any, charlie: Any) -> None:
        job = make_job(alice.team)
        assert get_job(team=alice.team, job_id=job.pk) == job
        with pytest.raises(NotFound):
            get_job(team=charlie.team, job_id=job.pk)


class TestGuard:
    def test_a_needed_file_cannot_be_deleted(self, alice: Any) -> None:
        file = make_file(alice.team)
        job = make_job(alice.team, training_file=file.pk, suffix="violin")
        with pytest.raises(UserError, match="violin"):
            delete_file(file=file, by=alice.user)
        FineTuningJob.objects.filter(pk=job.pk).update(status="failed")
        delete_file(file=file, by=alice.user)
        job.refresh_from_db()
        assert job.training_file_id_shown == file.pk


class TestLosses:
    def test_rows_that_are_cut_or_left_out_are_named_before_a_device_is_taken(self, alice: Any) -> None:
        rows = [row(number) for number in range(20)]
        rows[4]["messages"][0]["content"] = "word " * 300
        rows[7]["messages"][1]["content"] = "word " * 300
        job = make_job(
            alice.team,
            training_file=make_file(alice.team, rows).pk,
            hyperparameters={"max_seq_len": 128},
        )
        warned = job.events.filter(level="warn").order_by("number")
        assert [(str(event.message), event.data) for event in warned] == [
            ("Left out, since their answers lie beyond max_seq_len (128 tokens): 1 conversations, on lines 5.",
             {"lines": [5]}),
            ("Cut after max_seq_len (128 tokens): 1 conversations, on lines 8. The rest of them is not learned.",
             {"lines": [8]}),
        ]  # fmt: skip
        attempt = job.newest_attempt
        assert attempt is not None
        assert not attempt.run.devices()
