"""A configuration is tried once: what fits starts at once the next time, what does not is replaced step by step."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from job_makers import FakeTrainer, end, make_job

from compute.models import Device, Node, Run
from jobs.hyperparameters.memory_savings import next_saving
from jobs.models import FineTuningJob, Rehearsal
from jobs.training.work import Training
from trainer.spec import TrainingSpec

VALUES = {
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
    "gradient_checkpointing": False,
    "zero_stage": 0,
    "offload": False,
}
FOUND = {"seconds_per_step": 1.5, "tokens": 400, "peak_memory_bytes": 2_000, "checkpoint_bytes": 300}


class TestLadder:
    def climb(self, *, device_kind: str, world_size: int, asked: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the changes of every saving up to the last."""
        values, found = dict(VALUES), []
        while saving := next_saving(values, asked or {}, device_kind=device_kind, world_size=world_size):
            values |= saving.changes
            found.append(saving.changes)
            assert str(saving.message).startswith("Continuing with")
        return found

    def test_on_several_gpus_everything_is_tried_in_order(self) -> None:
        names = [sorted(changes) for changes in self.climb(device_kind="cuda", world_size=4)]
        batch = ["gradient_accumulation_steps", "per_device_train_batch_size"]
        assert names == [
            batch,
            batch,
            ["gradient_checkpointing"],
            ["zero_stage"],
            ["zero_stage"],
            ["offload", "zero_stage"],
        ]

    def test_keeps_the_batch_of_a_step(self) -> None:
        for changes in self.climb(device_kind="cpu", world_size=1)[:2]:
            assert changes["per_device_train_batch_size"] * changes["gradient_accumulation_steps"] == 8

    def test_on_a_processor_it_ends_with_recomputing(self) -> None:
        assert self.climb(device_kind="cpu", world_size=1)[-1] == {"gradient_checkpointing": True}

    def test_what_the_user_switched_off_stays_off(self) -> None:
        asked = {"gradient_checkpointing": False, "offload": False, "zero_stage": 1}
        found = self.climb(device_kind="cuda", world_size=4, asked=asked)
        assert all("per_device_train_batch_size" in changes for changes in found)


@pytest.mark.django_db
class TestJobs:
    def run_of(self, job: FineTuningJob) -> Run:
        attempt = job.newest_attempt
        assert attempt is not None
        node, _ = Node.objects.get_or_create(name="node", defaults={"kind": "cpu", "queue": "node"})
        device, _ = Device.objects.get_or_create(node=node, index=0, defaults={"kind": "cpu", "name": "a core"})
        attempt.run.allocations.filter(released_at=None).delete()
        device.allocations.filter(released_at=None).update(released_at=timezone.now())
        attempt.run.allocations.create(device=device)
        attempt.run.node = node
        attempt.run.save(update_fields=["node"])
        return attempt.run

    def prepared(self, job: FineTuningJob) -> tuple[Run, TrainingSpec]:
        run = self.run_of(job)
        Training().prepare(run, run.directory)
        return run, TrainingSpec.from_json(run.directory.read_spec())

    def lose_to_memory(self, run: Run, *, outcome: str = "failed") -> None:
        end(run, outcome, code="out_of_memory", message="Memory ran out at step 1.")
        Training().conclude(run, run.directory, outcome)

    def test_the_first_of_a_kind_is_rehearsed_and_the_next_is_not(self, alice: Any) -> None:
        run, spec = self.prepared(make_job(alice.team))
        assert spec.rehearse
        trainer = FakeTrainer(run).start().write("rehearsed", "Rehearsed.", **FOUND)
        Training().record(run, trainer.events)
        [known] = Rehearsal.objects.all()
        assert (known.fits, known.seconds_per_step, known.peak_memory_bytes) == (True, 1.5, 2_000)
        assert not self.prepared(make_job(alice.team))[1].rehearse

    def test_another_rank_is_another_kind(self, alice: Any) -> None:
        run, _ = self.prepared(make_job(alice.team))
        Training().record(run, FakeTrainer(run).start().write("rehearsed", "Rehearsed.", **FOUND).events)
        assert self.prepared(make_job(alice.team, hyperparameters={"lora_dim": 64}))[1].rehearse

    @pytest.mark.parametrize("outcome", ["failed", "lost"])
    def test_memory_that_ran_out_queues_the_job_with_less(self, alice: Any, outcome: str) -> None:
        job = make_job(alice.team, hyperparameters={"batch_size": 8})
        run, spec = self.prepared(job)
        self.lose_to_memory(run, outcome=outcome)
        job.refresh_from_db()
        assert job.status == "queued"
        assert any("conversations at a time instead of 8" in str(event.message) for event in job.events.all())
        _, less = self.prepared(job)
        before, after = spec.hyperparameters, less.hyperparameters
        assert after.per_device_train_batch_size == before.per_device_train_batch_size // 2
        assert after.gradient_accumulation_steps == before.gradient_accumulation_steps * 2
        assert job.reasons["per_device_train_batch_size"]["code"] == "memory_ran_out_without"

    def test_the_next_job_of_this_kind_begins_on_the_higher_rung(self, alice: Any) -> None:
        job = make_job(alice.team, hyperparameters={"batch_size": 8})
        run, _ = self.prepared(job)
        self.lose_to_memory(run)
        _, spec = self.prepared(make_job(alice.team, hyperparameters={"batch_size": 8}))
        assert (spec.hyperparameters.per_device_train_batch_size, spec.hyperparameters.gradient_accumulation_steps) == (
            4,
            2,
        )

    def test_after_a_week_the_lower_rung_is_tried_again(self, alice: Any) -> None:
        run, _ = self.prepared(make_job(alice.team, hyperparameters={"batch_size": 8}))
        self.lose_to_memory(run)
        Rehearsal.objects.update(seen_at=timezone.now() - timedelta(days=8))
        _, spec = self.prepared(make_job(alice.team, hyperparameters={"batch_size": 8}))
        assert spec.hyperparameters.per_device_train_batch_size == 8
        assert spec.rehearse

    def test_without_a_higher_rung_the_job_fails_and_says_so(self, alice: Any) -> None:
        job = make_job(alice.team, hyperparameters={"batch_size": 2})
        for _ in range(3):
            run, _ = self.prepared(job)
            self.lose_to_memory(run)
            job.refresh_from_db()
        assert (job.status, job.error_code) == ("failed", "out_of_memory")
        assert "Every way to use less memory has been tried." in str(job.error_message)

    def test_a_cancelled_job_is_not_queued_again(self, alice: Any) -> None:
        job = make_job(alice.team, hyperparameters={"batch_size": 8})
        run, _ = self.prepared(job)
        FineTuningJob.objects.filter(pk=job.pk).update(cancel_requested_at=timezone.now())
        self.lose_to_memory(run)
        job.refresh_from_db()
        assert job.status == "cancelled"
