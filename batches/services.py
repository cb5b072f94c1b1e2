"""Use cases of batches."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from batches import tasks
from batches.messages import message
from batches.models import WINDOW, Batch
from batches.running.lines import ENDPOINTS
from common.errors import NotFound, UserError
from common.texts import is_storable, sendable
from common.wake import wake
from datasets_app.models import TrainingFile
from datasets_app.services import ExpiresAfter, delete_file, expiry_of
from datasets_app.storage.counting import BATCH
from jobs.services import check_metadata
from ledger.storage import require_room
from wording import Message

COMPLETION_WINDOW = "24h"
MOST_UNFINISHED = 100
"""Batches of a team."""
FORGOTTEN_AT_ONCE = 100
Result = Literal["output", "errors"]


@transaction.atomic
def create_batch(
    *,
    team: Team,
    by: User | None,
    input_file_id: str,
    endpoint: str,
    completion_window: str = COMPLETION_WINDOW,
    metadata: Mapping[str, str] | None = None,
    output_expires_after: ExpiresAfter | None = None,
) -> Batch:
    """Have the requests of a file answered; UserError or NotFound says what prevents it.

    The lines themselves are checked by a worker, and the batch fails with what is wrong with them.
    """
    _check_endpoint(endpoint)
    if completion_window != COMPLETION_WINDOW:
        said = message("batch_window_unsupported", window=sendable(completion_window))
        raise UserError(said, code="invalid_value", param="completion_window")
    expiry_of(output_expires_after, name="output_expires_after")
    require_room(team, 1)  # the answers are stored whatever they come to
    Team.objects.select_for_update(of=("self",)).get(pk=team.pk)  # so that two at once are counted one after the other
    if Batch.objects.visible_to(team).unfinished().count() >= MOST_UNFINISHED:
        raise UserError(message("too_many_batches", most=MOST_UNFINISHED), code="too_many_batches", status=409)
    file = _requests(team, input_file_id)
    now = timezone.now()
    keep = int(output_expires_after.get("seconds") or 0) if output_expires_after is not None else None
    batch = Batch.objects.create(
        team=team,
        created_by=by,
        endpoint=endpoint,
        input_file_id=file.pk,
        input_filename=file.filename,
        keep_output_seconds=keep,
        metadata=check_metadata(dict(metadata) if metadata is not None else None),
        created_at=now,
        expires_at=now + WINDOW,
    )
    AuditEvent.record(actor=by, team=team, action="batch.created", target=batch.pk)
    wake(tasks.drive)
    return batch


def get_batch(*, team: Team, batch_id: str, param: str = "batch_id") -> Batch:
    """Return a batch of `team`; NotFound for everybody else's."""
    batches = Batch.objects.visible_to(team).select_related("team", "created_by")
    batch = batches.filter(pk=batch_id).first() if is_storable(batch_id) else None
    if batch is None:
        raise NotFound(message("batch_not_found", id=sendable(batch_id)[:60]), code="batch_not_found", param=param)
    return batch


@transaction.atomic
def cancel_batch(*, batch: Batch, by: User | None) -> Batch:
    """Ask nothing more of a batch; what is under way is finished, and all that is done is kept."""
    require_own(by=by, team=batch.team, author_id=batch.created_by_id)
    if batch.move(Batch.Status.CANCELLING):
        AuditEvent.record(actor=by, team=batch.team, action="batch.cancelled", target=batch.pk)
        wake(tasks.drive)
    elif batch.is_finished:
        raise UserError(message("batch_finished"), code="batch_finished", status=409)
    return batch


@transaction.atomic
def delete_batch(*, batch: Batch, by: User | None) -> None:
    """Delete a batch that has ended with the files of its answers; the file of requests stays."""
    require_own(by=by, team=batch.team, author_id=batch.created_by_id)
    if not batch.is_finished:
        raise UserError(message("batch_unfinished"), code="batch_unfinished", status=409)
    for file in TrainingFile.objects.filter(team=batch.team, pk__in=_results_of(batch)):
        delete_file(file=file, by=None)  # the batch's maker's, whoever it says has made the file
    AuditEvent.record(actor=by, team=batch.team, action="batch.deleted", target=batch.pk)
    batch.delete()


def result_of(batch: Batch, kind: Result) -> TrainingFile:
    """Return the file of a batch's answers, or of what failed; NotFound where there is none."""
    file_id = batch.output_file_id if kind == "output" else batch.error_file_id
    file = TrainingFile.objects.visible_to(batch.team).filter(pk=file_id).first() if file_id else None
    if file is None:
        raise NotFound(message("batch_result_missing"), code="file_not_found")
    return file


def forget(before: datetime) -> None:
    """Delete some of the batches that have ended before that moment; their files stay, by rules of their own."""
    over = Batch.objects.finished().filter(created_at__lt=before).order_by("created_at")
    Batch.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])).delete()


def reason_to_keep(file: TrainingFile) -> Message | None:
    """Return a message that names the unfinished batch that needs `file`, for refusing to delete it."""
    batch = Batch.objects.needing(file.pk).first()
    if batch is None:
        return None
    return message("file_needed_by_batch", batch=batch.pk, filename=file.filename)


def _check_endpoint(endpoint: str) -> None:
    if endpoint in ENDPOINTS:
        return
    if endpoint == "/v1/embeddings":
        said = message("batch_embeddings_unsupported")
    else:
        said = message("batch_endpoint_unsupported", endpoint=sendable(endpoint))
    raise UserError(said, code="unsupported_endpoint", param="endpoint")


def _requests(team: Team, file_id: str) -> TrainingFile:
    """Return the file, locked, so that it is not deleted until the batch that needs it is there."""
    files = TrainingFile.objects.visible_to(team).select_for_update(of=("self",))
    file = files.filter(pk=file_id).first() if is_storable(file_id) else None
    if file is None:
        said = message("batch_file_not_found", file=sendable(file_id)[:60])
        raise NotFound(said, code="file_not_found", param="input_file_id")
    if file.purpose != BATCH:
        said = message("batch_file_purpose", filename=file.filename, purpose=file.purpose)
        raise UserError(said, code="invalid_file_purpose", param="input_file_id")
    return file


def _results_of(batch: Batch) -> list[str]:
    return [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
