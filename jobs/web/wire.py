"""Jobs, events and checkpoints as OpenAI's API writes them; what goes beyond it are extra fields."""

from datetime import datetime
from typing import Annotated, Literal, NotRequired, TypedDict

from chat.acceptance import Count, Result, StoredTest
from common.wording import MessageObject, in_words, on_the_wire
from compute.models import Priority
from compute.models.shares import DEFAULT_POOL
from jobs.hyperparameters import AUTO, PARAMETERS, Value, openai_values
from jobs.models import Checkpoint, FineTuningJob, JobEvent
from jobs.training.checkpoints import name_of
from jobs.web.logs import LogPart, said


class JobError(TypedDict):
    """Why a job has failed; the whole log is for administrators."""

    code: str
    message: str
    param: str | None
    log: str | None
    raw_log: NotRequired[str | None]


class SupervisedMethod(TypedDict):
    """The hyperparameters of OpenAI's supervised method."""

    hyperparameters: dict[str, Value | None]


class Method(TypedDict):
    """OpenAI's `method`."""

    type: Literal["supervised"]
    supervised: SupervisedMethod


class AcceptanceSummary(TypedDict):
    """How many questions are asked after the training, and what they came to; null before."""

    tests: int
    passed: bool | None
    topics: dict[str, Count] | None


class AcceptanceObject(AcceptanceSummary):
    """A `fine_tuning.job.acceptance`: every question, with its answers once they were asked."""

    object: Literal["fine_tuning.job.acceptance"]
    fine_tuning_job_id: str
    results: list[StoredTest] | list[Result]


class FineTuningJobObject(TypedDict):
    """A `fine_tuning.job`: OpenAI's fields, then Luthier's."""

    id: str
    object: Literal["fine_tuning.job"]
    created_at: int
    finished_at: int | None
    estimated_finish: int | None
    model: str
    parent: str | None
    """The tuned model that is trained further; null where it is the base."""
    fine_tuned_model: str | None
    organization_id: str
    status: Annotated[str, FineTuningJob.Status]
    error: JobError | None
    training_file: str | None
    validation_file: str | None
    result_files: list[str]
    trained_tokens: int | None
    seed: int | None
    hyperparameters: dict[str, Value | None]
    method: Method
    integrations: None
    metadata: dict[str, str] | None
    suffix: str | None
    accelerators: int | str
    pool: str
    priority: str
    system_prompt: str
    objective: Literal["text", "conversations"]
    acceptance: AcceptanceSummary | None
    current_step: int
    total_steps: int | None
    result_step: int | None


class JobEventObject(MessageObject):
    """A `fine_tuning.job.event`."""

    id: str
    object: Literal["fine_tuning.job.event"]
    created_at: int
    level: str
    type: Annotated[str, JobEvent.Type]
    data: dict[str, object]


class CheckpointMetrics(TypedDict):
    """What was measured at the step of a checkpoint, in OpenAI's names; null where nothing was.

    Each look at the validation data is a look at all of them, so that both of OpenAI's kinds are one.
    """

    step: int
    train_loss: float | None
    train_mean_token_accuracy: float | None
    valid_loss: float | None
    valid_mean_token_accuracy: float | None
    full_valid_loss: float | None
    full_valid_mean_token_accuracy: float | None


class CheckpointObject(TypedDict):
    """A `fine_tuning.job.checkpoint`."""

    id: str
    object: Literal["fine_tuning.job.checkpoint"]
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: CheckpointMetrics
    bytes: int
    is_result: bool


class CommandObject(TypedDict):
    """A job as the command that trains the same by hand, and where its rows are downloaded from."""

    object: Literal["command"]
    argv: list[str]
    command: str
    data_url: str | None


class LogObject(TypedDict):
    """Part of the trainer's log, from byte `offset` on; administrators get it word for word as `raw_text`."""

    object: Literal["log"]
    attempt: int
    offset: int
    next_offset: int
    size: int
    text: str
    raw_text: NotRequired[str]


def job_as_json(job: FineTuningJob, *, is_admin: bool = False) -> FineTuningJobObject:
    """Return a `fine_tuning.job`. Times are unix seconds; every hyperparameter is listed beside OpenAI's.

    What the trainer's process has written besides its sentences is for an administrator alone.
    """
    hyperparameters = hyperparameters_as_json(job)
    return {
        "id": job.pk,
        "object": "fine_tuning.job",
        "created_at": int(job.created_at.timestamp()),
        "finished_at": _seconds(job.finished_at),
        "estimated_finish": _seconds(job.estimated_finish),
        "model": job.parent.get("name", job.base_model_id),
        "parent": job.parent.get("name"),
        "fine_tuned_model": job.fine_tuned_model,
        "organization_id": job.team.slug,
        "status": job.status,
        "error": _error(job, is_admin=is_admin),
        "training_file": job.training_file_id_shown,
        "validation_file": job.validation_file_id_shown,
        "result_files": [file.pk for file in sorted(job.result_files.all(), key=lambda file: file.filename)],
        "trained_tokens": job.trained_tokens,
        "seed": job.seed,
        "hyperparameters": hyperparameters,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        "integrations": None,
        "metadata": job.metadata or None,
        "suffix": job.suffix or None,
        "accelerators": job.accelerators or AUTO,
        "pool": job.pool.name if job.pool else DEFAULT_POOL,
        "priority": Priority(job.priority).word,
        "system_prompt": job.hyperparameters.get("system_prompt", job.asked.get("system_prompt", AUTO)),
        "objective": "text" if job.training_file is not None and job.training_file.use == "text" else "conversations",
        "acceptance": acceptance_summary(job),
        "current_step": job.current_step,
        "total_steps": job.total_steps,
        "result_step": job.result_step,
    }


def hyperparameters_as_json(job: FineTuningJob) -> dict[str, Value | None]:
    """Return the values in use under Luthier's and OpenAI's names; "auto" where one is not known yet or managed."""
    values = job.hyperparameters or job.asked
    shown: dict[str, Value | None] = {one.name: values.get(one.name, AUTO) for one in PARAMETERS}
    shown |= {"data_path": job.training_file_id_shown, "model_name_or_path": job.base_model_id}
    return openai_values(job.asked, job.hyperparameters, batch_size=_batch_size(job)) | shown


def acceptance_summary(job: FineTuningJob) -> AcceptanceSummary | None:
    """Return how many questions are asked after the training and what they came to; None without any."""
    if not job.acceptance:
        return None
    found = job.verdict or {}
    return {
        "tests": len(job.acceptance["tests"]),
        "passed": found.get("passed"),
        "topics": found.get("topics"),
    }


def acceptance_as_json(job: FineTuningJob) -> AcceptanceObject:
    """Return every question with what is expected; with "before", "answer" and "passed" once they were asked."""
    summary = acceptance_summary(job) or AcceptanceSummary(tests=0, passed=None, topics=None)
    results = job.verdict["results"] if job.verdict else job.acceptance.get("tests", [])
    return {"object": "fine_tuning.job.acceptance", "fine_tuning_job_id": job.pk, **summary, "results": results}


def event_as_json(event: JobEvent) -> JobEventObject:
    return {
        "id": event.pk,
        "object": "fine_tuning.job.event",
        "created_at": int(event.created_at.timestamp()),
        "level": event.level,
        "type": event.type,
        **on_the_wire(event.message),
        "message": in_words(event.message),  # of OpenAI's event never null
        "data": event.data,
    }


def checkpoint_as_json(checkpoint: Checkpoint, job: FineTuningJob) -> CheckpointObject:
    return {
        "id": checkpoint.pk,
        "object": "fine_tuning.job.checkpoint",
        "created_at": int(checkpoint.created_at.timestamp()),
        "fine_tuned_model_checkpoint": name_of(checkpoint),
        "fine_tuning_job_id": job.pk,
        "step_number": checkpoint.step,
        "metrics": _metrics(checkpoint),
        "bytes": checkpoint.bytes,
        "is_result": job.result_step == checkpoint.step,
    }


def _metrics(checkpoint: Checkpoint) -> CheckpointMetrics:
    measured = checkpoint.metrics.get
    loss, accuracy = measured("valid_loss"), measured("valid_mean_token_accuracy")
    return {
        "step": checkpoint.step,
        "train_loss": measured("train_loss"),
        "train_mean_token_accuracy": None,  # no training step counts right guesses
        "valid_loss": loss,
        "valid_mean_token_accuracy": accuracy,
        "full_valid_loss": loss,
        "full_valid_mean_token_accuracy": accuracy,
    }


def log_as_json(part: LogPart, *, is_admin: bool) -> LogObject:
    """Return part of the log: its sentences, and for an administrator all of it besides."""
    shown: LogObject = {
        "object": "log",
        "attempt": part.attempt,
        "offset": part.offset,
        "next_offset": part.next_offset,
        "size": part.size,
        "text": part.said,
    }
    if is_admin:
        shown["raw_text"] = part.text
    return shown


def _batch_size(job: FineTuningJob) -> int | None:
    if job.batch_size is not None or not job.hyperparameters:
        return job.batch_size
    values = job.hyperparameters
    return int(values["per_device_train_batch_size"] * values["gradient_accumulation_steps"])


def _error(job: FineTuningJob, *, is_admin: bool) -> JobError | None:
    if job.status != FineTuningJob.Status.FAILED:
        return None
    error: JobError = {
        "code": job.error_code or "failed",
        "message": in_words(job.error_message),
        "param": job.error_param or None,
        "log": said(job.error_log) or None,
    }
    if is_admin:
        error["raw_log"] = job.error_log or None
    return error


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
