"""Rows put at the end of a data set: a new version of it, or a set that begins with them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Team, User
from chat import ChatError, parse_row
from common.errors import UserError
from datasets_app.formats.streams import BLOCK
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.storage import new_files, store
from datasets_app.storage.counting import TRAINING
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import line_of, new_version, repaired_name, source_of
from datasets_app.versions.questions import require_answered

MOST_ROWS = 1_000
"""At once."""
Row = Sequence[Mapping[str, Any]]
"""OpenAI's `messages`."""


@transaction.atomic
def append_rows(*, file: TrainingFile, rows: Sequence[Row], by: User | None, reason: str = "") -> TrainingFile:
    """Make the next version of the data set that `file` is a version of: its newest rows, and `rows` after them.

    Of a large set a worker makes it. Two who append at once wait for each other, so that neither's rows are lost.
    """
    appended = _checked(rows)
    family = TrainingFile.objects.filter(team=file.team, family=file.family or file.pk)
    list(family.select_for_update().values_list("pk", flat=True))
    newest = family.order_by("-version").first() or file
    if newest.purpose != TRAINING:
        raise UserError(message("no_data_set", filename=newest.filename), param="file_id")
    if not _is_ours(newest):
        require_processed(newest)
        require_answered(newest)
    store.require_made(newest)
    made = TrainingFile(
        team=newest.team,
        created_by=by,
        filename=repaired_name(newest.filename),
        purpose=newest.purpose,
        reason=reason[:300],
        reading={"shape": "messages"},
        made={"how": "append", "of": newest.pk, "appended": appended, "added": len(appended)},
    )
    if new_files.is_large(newest.bytes):
        return new_files.save_unmade(made, before=lambda: new_version(made, parent=newest))
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        made.made |= write_appended(made, spool.write)
        return new_files.save_new(made, spool, before=lambda: new_version(made, parent=newest))


def file_of_rows(*, team: Team, by: User | None, filename: str, rows: Sequence[Row]) -> TrainingFile:
    """Make a data set that begins with `rows`."""
    appended = _checked(rows)
    file = TrainingFile(team=team, created_by=by, filename=filename[-255:], purpose=TRAINING)
    file.family, file.reading = file.pk, {"shape": "messages"}
    file.made = {"how": "append", "of": None, "appended": appended, "added": len(appended)}
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        file.made |= write_appended(file, spool.write)
        return new_files.save_new(file, spool)


@writes("append")
def write_appended(file: TrainingFile, write: Write) -> Made:
    """Write the rows that were there, and those that come after them."""
    if file.made["of"]:
        source = source_of(file)
        for block in _blocks(source) if _is_ours(source) else map(line_of, read_examples(source)):
            write(block)
    for row in file.made["appended"]:
        write(json.dumps({"messages": row}, ensure_ascii=False).encode() + b"\n")
    return {"appended": []}  # they are in the file now


def _is_ours(source: TrainingFile) -> bool:
    """Whether it was written here as lines of OpenAI's `messages`, which may be read before their check has ended."""
    return source.made.get("how") == "append"


def _blocks(source: TrainingFile) -> Iterator[bytes]:
    with store.open_content(source) as content:
        while block := content.read(BLOCK):
            yield block


def _checked(rows: Sequence[Row]) -> list[list[dict[str, Any]]]:
    """Return rows that can be learned from; UserError says which cannot and why."""
    if not 1 <= len(rows) <= MOST_ROWS:
        raise UserError(message("rows_to_append", most=MOST_ROWS), code="invalid_value", param="rows")
    for number, row in enumerate(rows):
        try:
            parse_row({"messages": list(row)})
        except ChatError as error:
            raise UserError(error.message, code=error.code, param=f"rows.{number}") from None
    return [[dict(said) for said in row] for row in rows]
