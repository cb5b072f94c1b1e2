"""What the end of an attempt means: a tuned model, another attempt, or the job's own end. Repeatable at any point."""

import json
import logging
import os
import shutil
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from common import artifacts
from common.folders import link_file
from common.storage_errors import AWAY, STORAGE_AWAY
from compute.administering.idle_work import idle_minutes
from compute.models import Run
from compute.work import TryAgain, WorkError, trouble
from datasets_app.services import create_result_file
from jobs import hooks
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob, TunedModel
from jobs.training import rehearsals
from jobs.training.attempts import close, close_unless_cancelled, is_hopeless, lock_job, mark_closed, queued_again
from jobs.training.storage_errors import PATIENCE, goes_on_waiting
from jobs.tuned_models import adapter_id, model_name
from rundir import RunDirectory, read_events, sha256_of_file, write_manifest
from rundir.manifest import NAME as MANIFEST
from wording import Message

logger = logging.getLogger(__name__)

STOPPED: dict[str, str] = {
    Run.StopReason.HOURS: "attempt_stopped_for_hours",
    Run.StopReason.PREEMPT: "attempt_preempted",
    Run.StopReason.BY_ADMIN: "attempt_preempted_by_hand",
    Run.StopReason.DRAIN: "attempt_drained",
}
"""What is said of an attempt that was stopped, by why."""
LOG_LINES = 40
LOG_BYTES = 16_000
LOST_CODE = "trainer_lost"
KEPT = ("log.txt", "events.jsonl", "metrics.csv", "spec.json", "chat", "lease", "supervisor.lock")
"""What stays of a finished job's run directories."""


class _IsThere(Exception):
    """Another process that concludes the same attempt has stored the file meanwhile."""


def conclude(attempt: Attempt, directory: RunDirectory, outcome: str) -> None:
    """Do what follows from how `attempt` ended; TryAgain while object storage is away."""
    if attempt.closed_at is not None:
        return
    try:
        _decide(attempt, directory, outcome)
    except (TryAgain, WorkError) as error:
        if goes_on_waiting(attempt, error):
            raise TryAgain(str(error)) from error
        _give_up(attempt, directory, error)
    else:
        _tidy(attempt.job_id)
    PATIENCE.forget(attempt.run_id)


def _decide(attempt: Attempt, directory: RunDirectory, outcome: str) -> None:
    if outcome == Run.Outcome.SUCCEEDED:
        _succeed(attempt, directory)
    elif attempt.run.outcome_code == rehearsals.OUT_OF_MEMORY:
        _try_with_less(attempt, directory)
    elif outcome == Run.Outcome.FAILED:
        _fail(attempt, directory, attempt.run.outcome_code, _told(attempt))
    elif outcome == Run.Outcome.LOST:
        _retry_or_give_up(attempt, directory)
    else:
        _stopped(attempt)


def _stopped(attempt: Attempt) -> None:
    """Queue the job again and say why its attempt was stopped; what would only be stopped again is paused."""
    run = attempt.run
    if run.stop_reason == Run.StopReason.LIMIT and run.started_at and run.stop_requested_at:
        minutes = max(1, round((run.stop_requested_at - run.started_at).total_seconds() / 60))
        close(attempt, retry_message=message("paused_after_longest", minutes=minutes), pauses=True)
        return
    if run.stop_reason == Run.StopReason.IDLE:
        close(attempt, retry_message=message("paused_after_idle", minutes=idle_minutes()), pauses=True)
        return
    stopped = message(STOPPED.get(run.stop_reason, "attempt_stopped"), number=attempt.number)
    close(attempt, retry_message=stopped.followed_by(queued_again(attempt.job)))


def _give_up(attempt: Attempt, directory: RunDirectory, error: TryAgain | WorkError) -> None:
    """Fail a job whose result storage does not take; what was made stays on its node."""
    logger.error("The result of %s was not stored and stays in %s: %s", attempt.job_id, directory.root, error)
    reason = error.message if isinstance(error, WorkError) else message("storage_silent_too_long")
    code = error.code if isinstance(error, WorkError) else AWAY
    _fail(attempt, directory, code, reason.followed_by(message("result_not_stored")))


def _succeed(attempt: Attempt, directory: RunDirectory) -> None:
    """Publish the result, then make the job's end known in one transaction."""
    result = _publish_result(attempt.job, directory)
    if result is None:
        close(attempt, retry_message=message("result_lost").followed_by(queued_again(attempt.job)))
        return
    for filename, path in _result_files(directory, result):
        _store_result_file(attempt.job, filename, path)
    told = _told_at_the_end(directory)
    with transaction.atomic():
        job = lock_job(attempt.job_id)
        if not mark_closed(attempt) or job.is_finished:
            return
        adapter = _make_adapter(job, result)
        job.move(
            FineTuningJob.Status.SUCCEEDED,
            message("model_ready", name=adapter.name),
            fine_tuned_model=adapter.name,
            trained_tokens=int(told.get("trained_tokens") or 0),
            tokens=int(told.get("tokens") or 0),
            current_step=told.get("steps") or job.total_steps or job.current_step,
            result_step=told.get("result_step"),
        )
        hooks.notify_succeeded(job)


def _publish_result(job: FineTuningJob, directory: RunDirectory) -> Path | None:
    """Copy adapter/ or model/ to storage and to this node's cache; return its folder, None when it is not here."""
    folder = next((path for path in (directory.adapter, directory.model) if path.is_dir()), None)
    if folder is None:
        return None
    try:
        if not (folder / MANIFEST).exists():
            write_manifest(folder)
        artifacts.publish_folder(folder, storage_name_of(job))
        _keep_local(folder, job)
    except STORAGE_AWAY as error:
        raise trouble(f"Object storage did not take the result of {job.pk}", error) from error
    return folder


def storage_name_of(job: FineTuningJob) -> str:
    """Return where the job's result is stored."""
    return f"adapters/{adapter_id(job)}"


def _keep_local(folder: Path, job: FineTuningJob) -> None:
    """Link the result into this node's cache, so that a server that starts here need not fetch it."""
    target = settings.LUTHIER_HOME / "adapters" / adapter_id(job)
    if (target / MANIFEST).exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        shutil.copytree(folder, draft, copy_function=link_file, dirs_exist_ok=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _result_files(directory: RunDirectory, result: Path) -> list[tuple[str, Path]]:
    """Return (filename, path): the packed result is made when it is asked for."""
    return [(f"{result.name}.zip", result), ("metrics.csv", directory.metrics)]


def _store_result_file(job: FineTuningJob, filename: str, path: Path) -> None:
    """Give the job a result file of this name unless it has one."""
    if job.result_files.filter(filename=filename).exists() or not path.exists():
        return

    def require_first() -> None:
        lock_job(job.pk)
        if job.result_files.filter(filename=filename).exists():
            raise _IsThere

    packed = _pack(path) if path.is_dir() else None
    try:
        with suppress(_IsThere), transaction.atomic():
            file = create_result_file(
                team=job.team, by=job.created_by, filename=filename, path=packed or path, before=require_first
            )
            job.result_files.add(file)
    except STORAGE_AWAY as error:
        raise trouble(f"Object storage did not take {filename} of {job.pk}", error) from error
    finally:
        if packed is not None:
            packed.unlink(missing_ok=True)


def _pack(folder: Path) -> Path:
    """Write the files of `folder` into a zip file without a top folder; weights do not shrink, so none is deflated."""
    scratch = settings.LUTHIER_HOME / "tmp"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=scratch, suffix=".zip")
        with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.name != MANIFEST:
                    archive.write(path, path.relative_to(folder).as_posix())
    except OSError as error:
        raise trouble("The result cannot be packed", error) from error
    return Path(name)


def _make_adapter(job: FineTuningJob, folder: Path) -> TunedModel:
    card = json.loads((folder / "luthier.json").read_bytes())
    fields: dict[str, Any] = {
        "job": job,
        "team": job.team,
        "base_model": job.base_model,
        "result": "model" if folder.name == "model" else "adapter",
        "storage_name": storage_name_of(job),
        "sha256": sha256_of_file(folder / MANIFEST),
        "chat_hash": card["chat_hash"],
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }
    try:
        with transaction.atomic():
            return TunedModel.objects.get_or_create(pk=adapter_id(job), defaults={**fields, "name": model_name(job)})[0]
    except IntegrityError:  # the short id of another job with the same base, team and suffix
        return TunedModel.objects.create(pk=adapter_id(job), **fields, name=model_name(job, is_long=True))


def _told_at_the_end(directory: RunDirectory) -> dict[str, Any]:
    last = next((event for event in reversed(read_events(directory.events)) if event.type == "succeeded"), None)
    return last.data if last is not None else {}


@transaction.atomic
def _fail(attempt: Attempt, directory: RunDirectory, code: str, reason: Message | None) -> None:
    job = close_unless_cancelled(attempt)
    if job is None:
        return
    said = reason or message("failed_silently").followed_by(message("start_once_more"))
    job.move(
        FineTuningJob.Status.FAILED,
        said,
        level="error",
        error_code=code or "trainer_error",
        error_message=said,
        error_log=last_lines(directory),
    )


@transaction.atomic
def _try_with_less(attempt: Attempt, directory: RunDirectory) -> None:
    """Queue the job again with the next way to save memory; it has failed when none is left."""
    reason = _told(attempt) or message("trainer_ran_out_of_memory")
    saving = rehearsals.climb(attempt)
    if saving is None:
        _fail(attempt, directory, rehearsals.OUT_OF_MEMORY, reason.followed_by(message("nothing_takes_less")))
        return
    job = lock_job(attempt.job_id)
    if not job.is_finished and job.cancel_requested_at is None:
        rehearsals.change(job, saving, message("memory_ran_out").followed_by(saving.message))
    close(attempt, retry_message=message("queued_again"))


def _retry_or_give_up(attempt: Attempt, directory: RunDirectory) -> None:
    reason = _told(attempt) or message("trainer_gone")
    if is_hopeless(attempt.job):
        _fail(
            attempt,
            directory,
            attempt.run.outcome_code or LOST_CODE,
            reason.followed_by(message("given_up"), message("start_once_more")),
        )
        return
    close(attempt, retry_message=reason.followed_by(queued_again(attempt.job)))


def _told(attempt: Attempt) -> Message | None:
    """Return what its Run says about how it ended."""
    return attempt.run.outcome_message


def last_lines(directory: RunDirectory) -> str:
    """Return the end of the log, for people."""
    try:
        with directory.log.open("rb") as stream:
            stream.seek(max(0, directory.log.stat().st_size - LOG_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.replace("\0", "").splitlines()[-LOG_LINES:])


def _tidy(job_id: str) -> None:
    """Free this node's disk of a finished job's data and checkpoints; its logs and chat files stay."""
    job = FineTuningJob.objects.get(pk=job_id)
    if not job.is_finished:
        return
    for attempt in job.attempts.select_related("run"):
        tidy(attempt.run.directory.root)


def tidy(root: Path) -> None:
    """Delete the folders of a run directory that hold data, checkpoints or results."""
    for path in root.iterdir() if root.is_dir() else ():
        if path.is_dir() and path.name not in KEPT:
            shutil.rmtree(path, ignore_errors=True)
