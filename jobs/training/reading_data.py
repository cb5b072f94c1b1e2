"""From a job that was asked for to one that is queued: its files are read, its values found, its data tokenised."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from catalogue.services import AlreadyFetching, StorageAway, chat_format, ensure_chat
from chat import ChatError, SystemChoice
from common.errors import UserError
from common.heartbeats import beating
from common.storage_errors import REFUSED, STORAGE_AWAY, refusal_of
from datasets_app.models import TrainingFile
from datasets_app.services import Tokens, TokensBusy, TokensSummary, acceptance_of, ensure_tokens, require_answered
from jobs.estimates.situations import devices_for, situation_of_job
from jobs.hyperparameters import Resolved, Values, needs_validation, resolve
from jobs.messages import message
from jobs.models import FineTuningJob
from jobs.training.attempts import lock_job, queue_attempt
from jobs.training.parents import parent_of
from trainer.spec import steps_of

logger = logging.getLogger(__name__)

LEAST_ROWS = 10
"""As OpenAI asks for."""
SHOWN_LINES = 10


def advance(job_id: str) -> None:
    """Queue the job if its files are checked and its data can be learned from, else fail it or wait for the check.

    Safe to call at any time and from several workers: one of them claims the job and the others pass by, and the
    status decides under the job's lock.
    """
    job = FineTuningJob.objects.select_related("team", "base_model").filter(pk=job_id).first()
    if job is None or job.status != FineTuningJob.Status.READING_DATA:
        return
    files = [job.training_file, *([job.validation_file] if job.file_ids.get("validation") else [])]
    try:
        if not all(
            _is_ready(file, name) for file, name in zip(files, ("training_file", "validation_file"), strict=False)
        ):
            return
        with claimed(job) as is_mine:
            if is_mine:
                _prepare(job)
    except (TokensBusy, AlreadyFetching, StorageAway) as error:
        logger.info("%s is prepared later: %s", job_id, error)  # the reconciler asks again
    except (UserError, ChatError) as error:
        _fail(job_id, error)
    except STORAGE_AWAY as error:
        if not (refusal := refusal_of(error)):
            raise  # the reconciler asks again
        _fail(job_id, UserError(refusal, code=REFUSED))


def _prepare(job: FineTuningJob) -> None:
    """Find every value, tokenise the data and queue the job."""
    ensure_chat(job.base_model)
    resolved = resolve_job(job)
    meta = tokens_of(job, resolved.values).meta
    _check_validation(resolved.values, meta)
    _queue(job.pk, resolved, meta)


def resolve_job(job: FineTuningJob) -> Resolved:
    """Return every value for the job's model, data and devices as they are now."""
    assert job.training_file is not None
    devices = devices_for(job.team, job.accelerators, job.pool)
    parent = parent_of(job)
    asked = parent.inherited(job.asked) if parent is not None else job.asked
    resolved = resolve(asked, situation_of_job(job, devices))
    check_rows(job.training_file)
    return parent.explain(resolved, job.asked) if parent is not None else resolved


def tokens_of(job: FineTuningJob, values: Values) -> Tokens:
    """Return the token caches of the job under these hyperparameters, made now unless they are there."""
    assert job.training_file is not None
    return ensure_tokens(
        file=job.training_file,
        validation_file=job.validation_file,
        chat=chat_format(job.base_model, SystemChoice.parse(values["system_prompt"])),
        max_seq_len=values["max_seq_len"],
        data_split=values["data_split"],
        validation_share=values["validation_split"],
        seed=values["seed"],
    )


def check_rows(file: TrainingFile) -> None:
    """Refuse a file that is too small to learn from."""
    if file.num_rows is not None and file.num_rows < LEAST_ROWS:
        code = "too_little_text" if file.use == "text" else "too_few_conversations"
        refused = message(code, filename=file.filename, rows=file.num_rows, least=LEAST_ROWS)
        raise UserError(refused, code="too_few_rows", param="training_file")


def check_file(file: TrainingFile, name: str) -> None:
    """Refuse a file whose check found faults, with what it found, or that asks something first."""
    if file.status == TrainingFile.Status.ERROR:
        refused = message("file_not_trainable", filename=file.filename).followed_by(file.status_details)
        raise UserError(refused, code=f"invalid_{name}", param=name)
    require_answered(file, param=name)


def names_of(files: list[TrainingFile]) -> dict[str, str | None]:
    """Return what a job shows of its files when they are deleted later."""
    validation = files[1] if len(files) > 1 else None
    return {
        "training": files[0].pk,
        "training_name": files[0].filename,
        "validation": validation.pk if validation else None,
    }


def acceptance_asked(file: TrainingFile) -> dict[str, Any]:
    """Return what is asked after a training on `file`; {} without a test."""
    found = acceptance_of(file)
    if found is None or not found.tests:  # a test that asks nothing would be passed
        return {}
    tests = [test.to_json() for test in found.tests]
    return {"recipe": found.recipe, "tests": tests, "needed": dict(found.needed)}


def _is_ready(file: TrainingFile | None, name: str) -> bool:
    """Whether the file's check is over and good; UserError when it found faults or the file is gone."""
    if file is None:
        gone = "training_file_deleted" if name == "training_file" else "validation_file_deleted"
        raise UserError(message(gone), code="file_not_found", param=name)
    check_file(file, name)
    return file.is_processed


def _fail(job_id: str, error: UserError | ChatError) -> None:
    with transaction.atomic():
        job = lock_job(job_id)
        if job.status == FineTuningJob.Status.READING_DATA:
            param = getattr(error, "param", None) or getattr(error, "field", None) or "training_file"
            # A hyperparameter's name is told as it is; any other place is the file's.
            said = error.message
            job.move(
                FineTuningJob.Status.FAILED,
                said,
                level="error",
                error_code=error.code,
                error_message=said,
                error_param=param[:60],
            )


@transaction.atomic
def _queue(job_id: str, resolved: Resolved, meta: TokensSummary) -> None:
    job = lock_job(job_id)
    num_rows = meta["train"]["rows"]
    if job.status != FineTuningJob.Status.READING_DATA:
        return
    values = resolved.values
    steps = steps_of(num_rows, batch_size=resolved.batch_size, epochs=values["num_train_epochs"])
    FineTuningJob.objects.filter(pk=job.pk).update(
        hyperparameters=values,
        reasons={name: reason.stored() for name, reason in resolved.reasons.items()},
        system=SystemChoice.parse(values["system_prompt"]).to_json(),
        seed=values["seed"],
        total_steps=steps,
    )
    job.refresh_from_db()
    _tell_losses(job, meta, values["max_seq_len"])
    is_text = job.training_file is not None and job.training_file.use == "text"
    queue_attempt(job, message("text_ready" if is_text else "conversations_ready", rows=num_rows))


def _check_validation(values: Values, meta: TokensSummary) -> None:
    """Refuse a request that follows the validation loss where no conversation was kept aside to look at."""
    kept = meta["validation"]
    if needs_validation(values) and not (kept and kept["rows"]):
        raise UserError(message("nothing_kept_aside"), code="no_validation_data", param="validation_split")


def _tell_losses(job: FineTuningJob, meta: TokensSummary, max_seq_len: int) -> None:
    """Say which rows are cut or left out, before a device is taken."""
    if count := meta["rows_without_answer"]:
        lines = meta["lines_without_answer"]
        left_out = message("rows_left_out", tokens=max_seq_len, rows=count, lines=_named(lines, count))
        job.record_event(left_out, level="warn", lines=lines)
    if count := meta.get("rows_truncated", 0):
        lines = meta["lines_truncated"]
        cut = message("rows_cut", tokens=max_seq_len, rows=count, lines=_named(lines, count))
        job.record_event(cut, level="warn", lines=lines)


def _named(lines: list[int], count: int) -> list[str]:
    shown = [str(line) for line in lines[:SHOWN_LINES]]
    return [*shown, "…"] if count > SHOWN_LINES else shown


@contextmanager
def claimed(job: FineTuningJob) -> Iterator[bool]:
    """Hold the preparation of `job` and show every few seconds that this worker lives; yield False when it is held."""
    if not FineTuningJob.objects.unprepared().filter(pk=job.pk).update(preparing_at=Now()):
        yield False
        return
    held, seconds = _preparing(job.pk), settings.TIMES.preparing_silent_seconds / 4
    try:
        with beating(lambda: held.update(preparing_at=Now()), seconds=seconds, what=job.pk):
            yield True
    finally:
        held.update(preparing_at=None)


def _preparing(job_id: str) -> QuerySet[FineTuningJob]:
    return FineTuningJob.objects.filter(pk=job_id, status=FineTuningJob.Status.READING_DATA, preparing_at__isnull=False)
