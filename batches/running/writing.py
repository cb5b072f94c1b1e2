"""Writes the answers of a batch into its files, and ends it: each step is done once, whoever does it."""

import json
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import override

from batches.messages import message
from batches.models import Batch, BatchAnswer
from common.ids import new_id
from common.wording import in_words
from datasets_app.models import TrainingFile
from datasets_app.storage.new_files import save_new
from datasets_app.storage.spool import Spool

OUTPUT = "batch_output"
LANGUAGE = "en"
"""Of what a file says."""


class Lost(Exception):
    """Another worker has taken the batch over."""


def finish(batch: Batch) -> None:
    """Write both files, as far as they are not there, and give the batch its last status; Lost where it is not ours."""
    is_whole = not batch.answers.filter(status_code=None).exists()
    _write(batch, "output_file_id", f"{batch.pk}_output.jsonl", is_good=True)
    _write(batch, "error_file_id", f"{batch.pk}_error.jsonl", is_good=False)
    with transaction.atomic():
        if not batch.lock_mine():
            raise Lost
        if batch.status == Batch.Status.CANCELLING:
            batch.move(Batch.Status.CANCELLED)
        else:
            batch.move(Batch.Status.COMPLETED if is_whole else Batch.Status.EXPIRED)
        batch.answers.all().delete()


def note_expired(batch: Batch, missing: Iterable[tuple[int, str]]) -> None:
    """Note for each request (line, custom_id) that has no answer that there will be none."""
    for number, custom_id in missing:
        answer = BatchAnswer(number=number, custom_id=custom_id, error=message("batch_expired"))
        if not batch.record(answer):
            raise Lost


def _write(batch: Batch, column: str, filename: str, *, is_good: bool) -> None:
    """Write the answers that are good, or those that are not, into a file of the team, unless there are none."""
    answers = batch.answers.filter(status_code=200) if is_good else batch.answers.exclude(status_code=200)
    if getattr(batch, column) or not answers.exists():
        return
    seconds = batch.keep_output_seconds
    file = TrainingFile(
        team=batch.team,
        created_by=batch.created_by,
        filename=filename,
        purpose=OUTPUT,
        status=TrainingFile.Status.PROCESSED,
        expires_at=timezone.now() + timedelta(seconds=seconds) if seconds is not None else None,
    )

    def note() -> None:
        if not batch.lock_mine() or getattr(batch, column):
            raise Lost
        Batch.objects.filter(pk=batch.pk).update(**{column: file.pk})
        setattr(batch, column, file.pk)

    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool, override(LANGUAGE):
        for answer in answers.order_by("number").iterator(chunk_size=200):
            spool.write(line_of(answer))
        save_new(file, spool, before=note)


def line_of(answer: BatchAnswer) -> bytes:
    """Return the answer as OpenAI writes it, with the body to the letter as it was answered."""
    response, error = "null", "null"
    if answer.status_code is None:
        why = {"code": answer.error.code if answer.error else None, "message": in_words(answer.error)}
        error = json.dumps(why, ensure_ascii=False)
    else:
        request_id = json.dumps(answer.request_id)
        response = f'{{"status_code": {answer.status_code}, "request_id": {request_id}, "body": {answer.body}}}'
    head = f'"id": "{new_id("batch_req")}", "custom_id": {json.dumps(answer.custom_id, ensure_ascii=False)}'
    return f'{{{head}, "response": {response}, "error": {error}}}\n'.encode()
