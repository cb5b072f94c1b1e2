"""Use cases of fine-tuning jobs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from catalogue.foreign_names import base_named, unknown_name
from catalogue.models import BaseModel
from catalogue.services import chat_format
from chat import ChatError, SystemChoice
from common.errors import NotFound, UserError
from common.keysets import one_of
from common.texts import is_storable, sendable
from common.wake import wake
from compute.administering.choosing import pool_for, require_fit, require_still_there
from compute.models import Priority
from compute.services import request_stop
from datasets_app.models import TrainingFile
from datasets_app.storage.removal import remove_file
from jobs import tasks
from jobs.erasing import METRICS
from jobs.estimates.situations import Devices, devices_for
from jobs.hyperparameters import Asked, check_names, check_together, read_asked
from jobs.messages import message
from jobs.models import FineTuningJob, TunedModel
from jobs.training.attempts import label_of, lock_job, newest_checkpoint, queue_attempt
from jobs.training.parents import Parent, find_parent, require_unneeded
from jobs.training.reading_data import acceptance_asked, check_file, check_rows, names_of
from jobs.tuned_models import check_suffix
from ledger.storage import require_room
from wording import Message

__all__ = [
    "JobRequest", "cancel_job", "create_job", "delete_model", "finish_job_early", "get_job", "pause_job", "resume_job",
]  # fmt: skip

REPEAT_SECONDS = 60
"""An SDK that got no reply asks again within this time."""
MOST_ACCELERATORS = 4096
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512
"""Of metadata."""
STATUSES = {
    "validating_files": "status_validating_files",
    "queued": "status_queued",
    "running": "status_running",
    "succeeded": "status_succeeded",
    "failed": "status_failed",
    "cancelled": "status_cancelled",
}
"""The message of each status that a refusal names."""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What is to be trained, as it was sent; None or absent is "auto"."""

    model: str
    """A base model of the catalogue, or a tuned model or checkpoint of the team, which is trained further."""
    training_file: str
    validation_file: str | None = None
    hyperparameters: Mapping[str, object] | None = None
    """OpenAI's older form; Luthier's names are allowed here too."""
    method: Mapping[str, object] | None = None
    seed: int | None = None
    suffix: str | None = None
    metadata: dict[str, str] | None = None
    accelerators: int | str | None = None
    """A number, or "auto"."""
    pool: str | None = None
    """A pool's name; None is the default one."""
    priority: str | None = None
    """A name of compute's Priority; None is normal."""
    may_be_urgent: bool = field(default=False, compare=False)
    """Whoever asks acts as an administrator."""
    system_prompt: str | None = None
    """"default", "none", or the prompt itself."""
    fingerprint: str = field(default="", compare=False)
    """Of the HTTP request, where there was one."""
    is_repeated: bool = field(default=False, compare=False)
    """The SDK says that it has sent this request before."""


@transaction.atomic
def create_job(*, team: Team, by: User | None, job_request: JobRequest) -> FineTuningJob:
    """Make a job of `job_request`; UserError or NotFound says what prevents it.

    A request that its SDK repeats because no reply came (`is_repeated`) gets the job that its first try has made
    within REPEAT_SECONDS.
    """
    if job_request.fingerprint and (earlier := _made_before(team, job_request)) is not None:
        return earlier
    require_room(team, 1)  # else what it makes would be beyond it; a result is always stored
    base, parent = _trainable(team, job_request.model)
    files = [_file(team, job_request.training_file, "training_file")]
    if job_request.validation_file is not None:
        files.append(_file(team, job_request.validation_file, "validation_file"))
    accelerators = parse_accelerators(job_request.accelerators)
    pool = pool_for(team, job_request.pool)
    if pool is not None:
        require_fit(pool, model=base.pk, parameters=base.parameters, accelerators=accelerators)
    asked = _asked(base, parent, files, devices_for(team, accelerators, pool), job_request)
    job = FineTuningJob.objects.create(
        team=team,
        created_by=by,
        base_model=base,
        parent=parent.stored if parent is not None else {},
        training_file=files[0],
        validation_file=files[1] if len(files) > 1 else None,
        file_ids=names_of(files),
        asked=asked,
        accelerators=accelerators,
        pool=pool,
        priority=parse_priority(job_request.priority, may_be_urgent=job_request.may_be_urgent),
        seed=asked.get("seed", 0),
        suffix=check_suffix(job_request.suffix or ""),
        metadata=check_metadata(job_request.metadata),
        acceptance=acceptance_asked(files[0]),
        fingerprint=job_request.fingerprint,
    )
    require_still_there(pool)
    job.record_event(message("job_created"), status=job.status)
    AuditEvent.record(actor=by, team=team, action="job.created", target=job.pk, model=job.parent.get("name", base.pk))
    wake(tasks.read_job_data, job.pk)
    return job


def get_job(*, team: Team, job_id: str, param: str = "fine_tuning_job_id") -> FineTuningJob:
    """Return a job of `team`; NotFound for everybody else's."""
    jobs = FineTuningJob.objects.visible_to(team).select_related("base_model", "training_file", "team", "pool")
    job = one_of(jobs.filter(pk=job_id)) if is_storable(job_id) else None
    if job is None:
        raise NotFound(message("no_such_job", job=job_id[:60]), code="job_not_found", param=param)
    return job


def cancel_job(*, job: FineTuningJob, by: User | None) -> FineTuningJob:
    """Have the job stop after its current step; one that does not train yet ends at once."""
    with transaction.atomic():
        job = lock_job(job.pk)
        require_own(by=by, team=job.team, author_id=job.created_by_id)
        _require_unfinished(job, "verb_cancel")
        FineTuningJob.objects.filter(pk=job.pk).update(cancel_requested_at=job.cancel_requested_at or timezone.now())
        AuditEvent.record(actor=by, team=job.team, action="job.cancelled", target=job.pk)
        if job.status in (FineTuningJob.Status.READING_DATA, FineTuningJob.Status.PAUSED):
            job.move(FineTuningJob.Status.CANCELLED, message("job_was_cancelled"))
        elif job.cancel_requested_at is None:
            job.record_event(message("cancelling_requested"))
    # In a transaction of its own: a supervisor locks the Run before the job, and two orders would be a deadlock. What
    # a crash in between leaves undone, the reconciler repeats.
    _stop_run(job, "cancel")
    job.refresh_from_db()
    return job


def pause_job(*, job: FineTuningJob, by: User | None) -> FineTuningJob:
    """Have the job write a checkpoint after its current step and give its devices back."""
    with transaction.atomic():
        job = lock_job(job.pk)
        require_own(by=by, team=job.team, author_id=job.created_by_id)
        _require_unfinished(job, "verb_pause")
        if job.status == FineTuningJob.Status.PAUSED:
            raise UserError(message("paused_already"), code="job_paused")
        if job.cancel_requested_at is not None:
            raise UserError(message("cancelling_not_paused"), code="job_cancelling")
        if job.early_finish_requested_at is not None:
            raise UserError(message("early_finish_not_paused"), code="job_finishing_early")
        AuditEvent.record(actor=by, team=job.team, action="job.paused", target=job.pk)
        if job.status == FineTuningJob.Status.READING_DATA:
            job.move(FineTuningJob.Status.PAUSED, message("paused_before_start"))
            return job
        if job.pause_requested_at is None:
            FineTuningJob.objects.filter(pk=job.pk).update(pause_requested_at=timezone.now())
            job.record_event(message("pausing_requested"))
    _stop_run(job, "pause")
    job.refresh_from_db()
    return job


@transaction.atomic
def finish_job_early(*, job: FineTuningJob, by: User | None) -> FineTuningJob:
    """Have the job end after its current step, with the best weights so far as its result.

    Those are the ones with the lowest validation loss; where nothing is held out for validation, the newest ones. The
    trainer learns of it from its run directory, and keeps its devices until the result is written.
    """
    job = lock_job(job.pk)
    require_own(by=by, team=job.team, author_id=job.created_by_id)
    _require_unfinished(job, "verb_finish")
    if job.cancel_requested_at is not None:
        raise UserError(message("cancelling_not_finished"), code="job_cancelling")
    if not job.current_step:
        raise UserError(message("nothing_learned_yet"), code="job_not_begun")
    if job.early_finish_requested_at is not None:
        return job
    FineTuningJob.objects.filter(pk=job.pk).update(early_finish_requested_at=timezone.now())
    AuditEvent.record(actor=by, team=job.team, action="job.finished", target=job.pk)
    if job.status == FineTuningJob.Status.PAUSED:
        queue_attempt(job, message("early_finish_queued"))
    else:
        job.record_event(message("early_finish_requested"))
    job.refresh_from_db()
    return job


@transaction.atomic
def resume_job(*, job: FineTuningJob, by: User | None) -> FineTuningJob:
    """Resume a paused job from its newest checkpoint."""
    job = lock_job(job.pk)
    require_own(by=by, team=job.team, author_id=job.created_by_id)
    if job.status != FineTuningJob.Status.PAUSED:
        refused = message("not_paused", status=message(STATUSES[job.status]))
        raise UserError(refused, code="job_not_paused")
    AuditEvent.record(actor=by, team=job.team, action="job.resumed", target=job.pk)
    if not job.hyperparameters:
        job.move(FineTuningJob.Status.READING_DATA, message("data_read_again"))
        wake(tasks.read_job_data, job.pk)
    else:
        step = newest_checkpoint(job)
        queue_attempt(job, message("resumed_anew") if step is None else message("resumed_after_step", step=step))
    job.refresh_from_db()
    return job


@transaction.atomic
def delete_model(*, adapter: TunedModel, by: User | None) -> None:
    """Delete a tuned model: it can no longer be found or downloaded, and workers erase it everywhere.

    The record that it existed stays, and its job with logs and metrics.
    """
    require_own(by=by, team=adapter.team, author_id=adapter.job.created_by_id)
    require_unneeded(adapter)
    if not TunedModel.objects.live().filter(pk=adapter.pk).update(deleted_at=timezone.now()):
        return
    for file in adapter.job.result_files.exclude(filename=METRICS):
        remove_file(file, by=by)  # the model's maker's, whoever it says has made the file
    wake(tasks.erase_deleted)
    AuditEvent.record(actor=by, team=adapter.team, action="model.deleted", target=adapter.name)


def fingerprint_of(*, key_id: str, body: Any) -> str:
    """Return what distinguishes one creating request of a key from another."""
    content = json.dumps([key_id, body], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode("utf-8", "backslashreplace")).hexdigest()


def parse_accelerators(value: Any) -> int | None:
    """Return a number of accelerators, or None for "auto"."""
    if value in (None, "", "auto"):
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_ACCELERATORS:
        raise UserError(
            message("accelerators_refused", value=str(value)[:40], most=MOST_ACCELERATORS),
            code="invalid_value",
            param="accelerators",
        )
    return value


def parse_priority(value: Any, *, may_be_urgent: bool) -> Priority:
    """Return the priority of a name; urgent is an administrator's to grant."""
    if value in (None, ""):
        return Priority.NORMAL
    known = {priority.word: priority for priority in Priority}
    if not isinstance(value, str) or value not in known:
        raise UserError(message("priority_refused", value=str(value)[:40]), code="invalid_value", param="priority")
    if known[value] == Priority.URGENT and not may_be_urgent:
        raise UserError(message("urgent_is_granted"), code="invalid_value", param="priority")
    return known[value]


def check_metadata(metadata: Any) -> dict[str, str]:
    """Return OpenAI's metadata: at most 16 pairs of texts of at most 64 and 512 characters."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or len(metadata) > MOST_PAIRS:
        raise UserError(message("metadata_refused"), code="invalid_value", param="metadata")
    for key, value in metadata.items():
        is_pair = isinstance(value, str) and 1 <= len(key) <= LONGEST_KEY and len(value) <= LONGEST_VALUE
        if not is_pair or not is_storable(key + value):
            raise UserError(
                message("metadata_pair_refused", key=sendable(key)),
                code="invalid_value",
                param="metadata",
            )
    return metadata


def _made_before(team: Team, job_request: JobRequest) -> FineTuningJob | None:
    """Wait for a first try that is still at work, and return the job that it made; None for a first try."""
    number = int.from_bytes(bytes.fromhex(job_request.fingerprint)[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
    if not job_request.is_repeated:
        return None
    since = timezone.now() - timedelta(seconds=REPEAT_SECONDS)
    made = FineTuningJob.objects.visible_to(team).filter(fingerprint=job_request.fingerprint, created_at__gte=since)
    return made.order_by("-created_at").first()


def _trainable(team: Team, model: Any) -> tuple[BaseModel, Parent | None]:
    """Return the base that is trained, with the tuned model of it that the training goes on from, if any."""
    name = model if isinstance(model, str) else ""
    base = base_named(name)
    parent = find_parent(team=team, name=name) if base is None else None
    if parent is not None:
        base = parent.base_model
    if base is None:
        unknown = unknown_name(message("no_such_base_model", name=name[:80]), name)
        raise NotFound(unknown, code="model_not_found", param="model")
    require_chat_format(base, "default")
    return base, parent


def require_chat_format(base: BaseModel, system_prompt: str) -> None:
    """Refuse a model that is not here, and a system prompt that its template cannot take."""
    try:
        chat_format(base, SystemChoice.parse(system_prompt))
    except ChatError as error:
        raise UserError(error.message, code=error.code, param="system_prompt") from None


def _file(team: Team, file_id: Any, name: str) -> TrainingFile:
    """Return a file that can be trained on, or may be once it is checked."""
    known = isinstance(file_id, str) and is_storable(file_id)
    # The lock keeps it from being deleted until the job that needs it is there.
    files = TrainingFile.objects.visible_to(team).select_for_update(of=("self",))
    file = files.filter(pk=file_id).first() if known else None
    if file is None:
        raise NotFound(message("no_such_training_file", file=str(file_id)[:60]), code="file_not_found", param=name)
    if file.purpose != "fine-tune":
        raise UserError(
            message("uploaded_for_something_else", filename=file.filename, purpose=file.purpose),
            code="invalid_file_purpose",
            param=name,
        )
    check_file(file, name)
    if name == "training_file":
        check_rows(file)
    return file


def _asked(
    base: BaseModel, parent: Parent | None, files: list[TrainingFile], devices: Devices, job_request: JobRequest
) -> Asked:
    asked = read_asked(
        hyperparameters=job_request.hyperparameters,
        method=job_request.method,
        seed=job_request.seed,
        system_prompt=job_request.system_prompt,
    )
    check_together(
        parent.inherited(asked) if parent is not None else asked,
        context_length=base.context_length,
        device_kind=devices.kind,
        has_validation_file=len(files) > 1,
    )
    repositories = {str(source.get("repo")) for source in base.sources if source.get("repo")}
    check_names(
        asked, model_names={base.pk, job_request.model, *repositories}, file_names={files[0].pk, files[0].filename}
    )
    if "system_prompt" in asked:
        require_chat_format(base, asked["system_prompt"])
    return asked


def _require_unfinished(job: FineTuningJob, verb: str) -> None:
    if job.is_finished:
        ended = "been_cancelled" if job.status == FineTuningJob.Status.CANCELLED else STATUSES[job.status]
        refused = message("nothing_left_to_do", ended=message(ended), verb=message(verb))
        raise UserError(refused, code="job_finished")


def _stop_run(job: FineTuningJob, reason: str) -> None:
    attempt = job.newest_attempt
    if attempt is not None:
        request_stop(run=attempt.run, reason=reason)


def reason_to_keep(file: TrainingFile) -> Message | None:
    """Return a message that names the unfinished job that needs `file`, for refusing to delete it."""
    job = FineTuningJob.objects.needing(file).first()
    if job is None:
        return None
    return message("file_still_needed", label=label_of(job), job=job.pk, filename=file.filename)
