"""Rows of a data set that somebody has read: changed or removed, as a new version."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from accounts.models import User
from chat import ChatError, parse_row
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.shapes.examples import as_copy
from datasets_app.storage import new_files
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import new_version, repaired_name, source_of
from datasets_app.versions.questions import require_answered

MOST_EDITS = 1_000
"""At once."""
Edited = Sequence[Mapping[str, Any]] | None
"""OpenAI's `messages`; None removes the row."""


def edit_rows(*, file: TrainingFile, edits: Mapping[int, Edited], by: User | None, reason: str = "") -> TrainingFile:
    """Make the next version of `file`, in which rows, by their numbers from 0, are others or gone.

    Of a large set a worker makes it. UserError names a row that is not there, or that cannot be learned from.
    """
    require_processed(file)
    require_answered(file)
    stored = {str(number): _checked(file, number, row) for number, row in sorted(edits.items())}
    if not 1 <= len(stored) <= MOST_EDITS:
        raise UserError(message("edits_to_make", most=MOST_EDITS), code="invalid_value", param="edits")
    dropped = sum(row is None for row in stored.values())
    if dropped == file.num_rows:
        raise UserError(message("no_row_left"), code="nothing_left", param="edits")
    made = TrainingFile(
        team=file.team,
        created_by=by,
        filename=repaired_name(file.filename),
        purpose=file.purpose,
        reason=reason[:300],
        made={
            "how": "edit",
            "of": file.pk,
            "edits": stored,
            "changed": len(stored) - dropped,
            "dropped": dropped,
        },
    )

    def join_family() -> None:
        new_version(made, parent=file)

    if new_files.is_large(file.bytes):
        return new_files.save_unmade(made, before=join_family)
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        made.made |= write_edited(made, spool.write)
        return new_files.save_new(made, spool, before=join_family)


@writes("edit")
def write_edited(file: TrainingFile, write: Write) -> Made:
    """Write the rows of the source, with those that were changed in the place of the old ones."""
    edits = file.made["edits"]
    for number, example in enumerate(read_examples(source_of(file))):
        row: Any = as_copy(example)
        if str(number) in edits:
            if edits[str(number)] is None:
                continue
            row["messages"] = json.loads(edits[str(number)])
        write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return {"edits": {}}  # they are in the file now


def _checked(file: TrainingFile, number: int, row: Edited) -> str | None:
    """Return the row as JSON: written out it may hold what the database does not take inside of an object."""
    if not 0 <= number < (file.num_rows or 0):
        raise UserError(message("no_such_row", filename=file.filename, row=number), param=f"edits.{number}")
    if row is None:
        return None
    try:
        parse_row({"messages": list(row)})
    except ChatError as error:
        raise UserError(error.message, code=error.code, param=f"edits.{number}") from None
    return json.dumps([dict(said) for said in row])
