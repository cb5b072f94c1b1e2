"""A platform with something of everything, and ever more of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from batches.models import Batch
from catalogue.folders import identity
from catalogue.models import BaseModel
from compute.models import Allocation, Device, Maintenance, Node, Pool, Quota, Run
from datasets_app.models import Fault, TrainingFile, Upload, UploadPart
from deployments.models import Deployment, Replica
from evaluations.models import Eval, EvalRun, Evaluation, Question, Sample, Subject, Vote
from jobs.models import Attempt, Checkpoint, FineTuningJob, JobEvent, TunedModel
from notifications.models import Notice
from playground.models import Share
from playground.talks import DEFAULTS
from tests.datasets_app.dataset_makers import lines_of, rows, stored
from webhooks.models import Delivery, Webhook
from wording import as_written


class World:
    """A platform in which there is ever more of everything."""

    def __init__(self, chat_folder: Path) -> None:
        self.user = User.objects.create_user("0@example.com", is_staff=True, is_superuser=True)
        self.team = Team.create(name="Violins")
        Membership.objects.create(team=self.team, user=self.user, role=Membership.Role.OWNER)
        self.chat_folder = chat_folder
        self.base = self.model("tiny")
        Node.objects.create(name="tiny", queue="tiny")  # what addresses with a name in them are about
        self.file = stored(self.team, lines_of(*rows(20)), by=self.user)
        self.other = stored(self.team, lines_of(*rows(12)), by=self.user)
        self.faulty = stored(self.team, b"no JSON\n" + lines_of(*rows(20)), by=self.user)
        self.upload = self.new_upload()
        self.job = self.new_job("running")
        self.deployment = self.deploy("one", self.base)
        self.evaluation = self.evaluate()
        self.adapter = self.tuned(self.new_job("succeeded"), 0)
        self.shared = self.share()
        self.batch = self.new_batch()
        self.eval_run = self.run_eval()
        self.webhook = self.call()
        ApiKey.issue(user=self.user, team=self.team)
        self.size = 0

    def grow(self, size: int) -> None:
        while self.size < size:
            self.size += 1
            self._add(self.size)

    def _add(self, n: int) -> None:
        person = User.objects.create_user(f"{n}@example.com")
        Membership.objects.create(team=self.team, user=person)
        Membership.objects.create(team=Team.create(name=f"Team {n}"), user=self.user)
        team = Team.objects.get(name=f"Team {n}")
        Quota.objects.create(team=team, ceiling=n)
        ApiKey.issue(user=person, team=self.team, name=f"key {n}")
        AuditEvent.record(actor=person, team=team, action="test", target=str(n))
        base = self.model(f"tiny-{n}")
        node = Node.objects.create(name=f"node-{n}", queue=f"q{n}", last_seen_at=timezone.now())
        Pool.objects.create(name=f"pool-{n}")
        begins_at = timezone.now() + timedelta(hours=n)
        Maintenance.objects.create(node=node, begins_at=begins_at, ends_at=begins_at + timedelta(hours=1))
        self.data_set(f"free-{n}.jsonl", created_by=person)
        self.data_set(f"next-{n}.jsonl", family=self.file.pk, version=n + 1, parent=self.file, made={"how": "upload"})
        Fault.objects.create(
            file=self.faulty, number=n + 1, row=n, line=n, kind="not_json", message=as_written("This is no JSON.")
        )
        self.new_upload()
        UploadPart.objects.create(upload=self.upload, bytes=1, storage_name=f"part-{n}")
        for status in FineTuningJob.Status.values:
            job = self.new_job(status, by=person)
            attempt = job.attempts.get()
            device = Device.objects.create(node=node, index=node.devices.count(), kind="cpu")
            if status == "running":
                Allocation.objects.create(run=attempt.run, device=device)
                Run.objects.filter(pk=attempt.run_id).update(node=node)
            if status == "succeeded":
                adapter = self.tuned(job, n)
                job.result_files.add(self.data_set("adapter.zip", purpose="fine-tune-results"))
                self.deploy(f"tuned-{n}", base, adapter)
        self.new_attempt(self.job)
        JobEvent.write(
            job=self.job, message=as_written("Paused."), level="warn", attempt=self.job.attempts.first(), seq=n
        )
        JobEvent.write(
            job=self.job, message=as_written(f"Step {n}."), type="metrics", data={"step": n, "train_loss": 1.0}
        )
        Checkpoint.objects.create(
            job=self.job, attempt=self.job.attempts.first(), step=n, published_at=timezone.now(),
            metrics={"valid_loss": 1.0 / n, "train_loss": 1.0}, storage_name=f"c/{n}",
        )  # fmt: skip
        self.deploy(f"base-{n}", base)
        self.deploy(f"adapter-{n}", self.base, self.adapter)
        self.share(by=person)
        self.new_batch()
        self.run_eval()
        self.call(by=person)
        self.deliver(n)
        Notice.objects.create(user=self.user, team=team, kind="deployment.failed", because=as_written("No."))
        Notice.objects.create(user=self.user, team=self.team, kind="deployment.failed")
        self.evaluate()
        self.ask(self.evaluation, n)

    def model(self, model_id: str) -> BaseModel:
        return BaseModel.objects.create(
            id=model_id, display_name=model_id, family="llama", parameters=134_000_000, context_length=512,
            hidden_size=576, num_layers=2, vocab_size=300, licence="none", template="own", state="present",
            sha256=identity(self.chat_folder), folder=str(self.chat_folder), present_at=timezone.now(),
        )  # fmt: skip

    def data_set(self, filename: str, **fields: Any) -> TrainingFile:
        found = {
            "team": self.team, "created_by": self.user, "filename": filename, "purpose": "fine-tune", "bytes": 100,
            "sha256": "0" * 64, "status": "processed", "format": "jsonl", "shape": "messages", "use": "chat",
            "num_rows": 20, "num_faults": 0, **fields,
        }  # fmt: skip
        file = TrainingFile(**found)
        file.family = file.family or file.pk
        file.save(force_insert=True)
        return file

    def new_upload(self) -> Upload:
        later = timezone.now() + timedelta(hours=1)
        return Upload.objects.create(
            team=self.team, created_by=self.user, filename="large.jsonl", purpose="fine-tune", bytes=9, expires_at=later
        )

    def new_job(self, status: str, *, by: User | None = None) -> FineTuningJob:
        job = FineTuningJob.objects.create(
            team=self.team, created_by=by or self.user, base_model=self.base, training_file=self.file, status=status,
            file_ids={"training": self.file.pk, "training_name": "0.jsonl", "validation": None},
            current_step=3, total_steps=9,
        )  # fmt: skip
        self.new_attempt(job, state="waiting" if status == "queued" else "running")
        return job

    def new_attempt(self, job: FineTuningJob, *, state: str = "running") -> Attempt:
        run = Run.objects.create(kind="training", team=self.team, state=state, label="a job")
        return Attempt.objects.create(job=job, number=job.attempts.count() + 1, run=run)

    def tuned(self, job: FineTuningJob, n: int) -> TunedModel:
        name = f"ft:tiny:violins:x:{n}"
        FineTuningJob.objects.filter(pk=job.pk).update(fine_tuned_model=name)
        return TunedModel.objects.create(
            job=job, team=self.team, base_model=self.base, name=name, result="adapter", storage_name=f"adapters/{n}"
        )

    def deploy(self, name: str, base: BaseModel, adapter: TunedModel | None = None) -> Deployment:
        """Return one that waits for room."""
        made = Deployment.objects.create(
            team=self.team, name=name, model=base.pk, base_model=base, adapter=adapter, created_by=self.user
        )
        run = Run.objects.create(kind="serving", team=self.team, label=name, explanation={"code": "queued"})
        Replica.create(run=run, base_model=base, full_model=None, deployment=made)
        return made

    def share(self, *, by: User | None = None) -> Share:
        turns = [{"prompt": "Who are you?", "left": "I am tiny.", "right": None}]
        return Share.objects.create(
            team=self.team, created_by=by or self.user, left="tiny", turns=turns, settings=DEFAULTS
        )

    def new_batch(self) -> Batch:
        return Batch.objects.create(
            team=self.team, created_by=self.user, endpoint="/v1/completions", input_file_id=self.file.pk,
            input_filename="a.jsonl", output_file_id=self.file.pk, error_file_id=self.file.pk,
            status="completed", expires_at=timezone.now(),
        )  # fmt: skip

    def call(self, *, by: User | None = None) -> Webhook:
        made = Webhook(team=self.team, created_by=by or self.user, name="a program", event_types=["a", "b"])
        made.url = "https://example.com/luthier"
        made.take_new_secret()
        made.save()
        return made

    def deliver(self, n: int) -> None:
        Delivery.objects.create(
            webhook=self.webhook, event_id=f"evt-{n}", event_type="a", status="failed", last_error=as_written("No.")
        )

    def run_eval(self) -> EvalRun:
        """Return a run of the one eval, with an answer."""
        known = Eval.objects.first() or Eval.objects.create(team=self.team, name="e", item_schema={}, criteria=[])
        made = self.evaluate()
        self.ask(made, 1)
        return EvalRun.objects.create(eval=known, evaluation=made, data_source={"model": "tiny"}, max_tokens=1)

    def evaluate(self) -> Evaluation:
        run = Run.objects.create(kind="evaluation", team=self.team, label="evaluation", explanation={"code": "queued"})
        made = Evaluation.objects.create(team=self.team, created_by=self.user, name="evaluation", run=run)
        for position, kind in enumerate(("base", "tuned")):
            Subject.objects.create(evaluation=made, position=position, name=kind, kind=kind, base_model=self.base)
        return made

    def ask(self, evaluation: Evaluation, number: int) -> None:
        messages = [{"role": "user", "content": "Who are you?"}]
        question = Question.objects.create(evaluation=evaluation, number=number, kind="prompt", messages=messages)
        for subject in evaluation.subjects.all():
            change = "better" if subject.kind == "tuned" else ""
            Sample.objects.create(
                question=question, subject=subject, stop_reason="stop", change=change, answer=subject.name
            )
        for member in self.team.memberships.select_related("user"):
            Vote.objects.create(question=question, voter=member.user, choice="first")

    def ids(self) -> dict[str, str]:
        """Return of each part of an address what is behind it."""
        return {
            "team": self.team.slug, "team_id": str(self.team.pk), "member_id": str(self.user.pk),
            "model_id": "tiny", "number": "0",
            "file_id": self.file.pk, "upload_id": self.upload.pk, "job_id": self.job.pk, "name": "tiny",
            "deployment_id": self.deployment.pk, "run": self.job.attempts.get(number=1).run_id,
            "evaluation_id": self.evaluation.pk, "webhook_id": self.webhook.pk, "share_id": self.shared.pk,
            "batch_id": self.batch.pk,
            "eval_id": self.eval_run.eval_id, "run_id": self.eval_run.pk, "item_id": f"{self.eval_run.pk}-1",
            "key_id": self.user.api_keys.latest("created_at").pk,
        }  # fmt: skip
