"""Versions of a data set: immutable files of one family, each with its parent, author, reason and how it was made."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Max

from accounts.models import User
from common.errors import UserError
from datasets_app.formats import NAMES as FORMAT_NAMES
from datasets_app.formats.encodings import ENCODINGS
from datasets_app.formats.streams import BLOCK
from datasets_app.messages import message
from datasets_app.models import EVERY_KEY, Made, TrainingFile
from datasets_app.shapes import NAMES as SHAPE_NAMES
from datasets_app.shapes.examples import Example, as_copy
from datasets_app.storage import new_files, store
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool


def versions_of(file: TrainingFile) -> list[TrainingFile]:
    """Return every version of the file's family, the newest first."""
    family = TrainingFile.objects.filter(team=file.team, family=file.family or file.pk)
    return list(family.select_related("created_by", "parent").order_by("-version"))


def source_of(file: TrainingFile) -> TrainingFile:
    """Return the file that `file` is made of; UserError when it is gone."""
    source = TrainingFile.objects.filter(team=file.team, pk=file.made.get("of") or "").first()
    if source is None:
        raise UserError(message("source_deleted"), code="source_missing")
    return source


def repaired_name(filename: str) -> str:
    """Return the name of a version that was written as JSON Lines."""
    stem = filename
    for suffix in (".gz", ".zst", ".zip"):
        stem = stem.removesuffix(suffix)
    name, dot, _suffix = stem.rpartition(".")
    return f"{name if dot else stem}.jsonl"


def read_again(*, file: TrainingFile, reading: Mapping[str, Any], by: User | None, reason: str = "") -> TrainingFile:
    """Make a version of the same bytes that is read as the user says: {"format", "shape", "encoding", "columns"}."""
    return version_read_as(file=file, reading=_checked_reading(reading), by=by, reason=reason)


def version_read_as(
    *,
    file: TrainingFile,
    reading: Mapping[str, object],
    by: User | None,
    reason: str = "",
    left_out: Sequence[str] = (),
) -> TrainingFile:
    """Make a version of the same bytes with a reading that is known to be one.

    A worker copies those of a large file.
    """
    store.require_made(file)
    made = TrainingFile(
        team=file.team,
        created_by=by,
        filename=file.filename,
        purpose=file.purpose,
        reason=reason[:300],
        reading=reading,
        left_out=list(left_out),
        made={"how": "reading", "of": file.pk, "reading": reading},
    )
    if new_files.is_large(file.bytes):
        return new_files.save_unmade(made, num_bytes=file.bytes, before=lambda: new_version(made, parent=file))
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        _copy(file, spool.write)
        return new_files.save_new(made, spool, before=lambda: new_version(made, parent=file))


@writes("reading")
def write_same(file: TrainingFile, write: Write) -> Made:
    """Write the bytes of the file that is read again."""
    _copy(source_of(file), write)
    return {}


def _copy(source: TrainingFile, write: Write) -> None:
    with store.open_content(source) as content:
        while block := content.read(BLOCK):
            write(block)


def _checked_reading(reading: Mapping[str, Any]) -> dict[str, object]:
    known = {"format": FORMAT_NAMES, "shape": SHAPE_NAMES, "encoding": ENCODINGS}
    chosen: dict[str, Any] = {name: value for name, value in reading.items() if value}
    for name, value in chosen.items():
        if name in known and value not in known[name]:
            unknown = message("unknown_reading", value=repr(str(value)[:40]), name=name, known=list(known[name]))
            raise UserError(unknown, code="bad_reading", param=name)
    columns = {name: column for name, column in (chosen.pop("columns", None) or {}).items() if column}
    if columns:
        if not {"prompt", "answer"} <= set(columns) <= {"prompt", "answer", "system"}:
            raise UserError(message("name_the_columns"), code="bad_reading", param="columns")
        chosen["columns"] = columns
    if not chosen:
        raise UserError(message("say_how_to_read"), code="bad_reading", param="reading")
    return chosen


def new_version(file: TrainingFile, *, parent: TrainingFile) -> None:
    """Make `file` the next version of its parent's family; the caller saves it in the same transaction."""
    family = parent.family or parent.pk
    if not parent.family:
        TrainingFile.objects.filter(pk=parent.pk).update(family=family)
    # All of them locked, so that two versions made at once get two numbers, whichever of the family is gone.
    list(TrainingFile.objects.select_for_update().filter(family=family).values_list("pk", flat=True))
    last = TrainingFile.objects.filter(team=parent.team, family=family).aggregate(last=Max("version"))["last"]
    file.family, file.parent, file.version = family, parent, (last or parent.version) + 1
    file.recipe = file.recipe or parent.recipe
    # An answer for every key is one for these bytes; a key that is answered by its name stays so.
    has_other_bytes = file.made.get("how") == "upload"
    inherited = [name for name in parent.left_out if not (has_other_bytes and name == EVERY_KEY)]
    file.left_out = sorted({*file.left_out, *inherited})


def new_family(like: TrainingFile, filename: str, *, by: User | None, made: Made) -> TrainingFile:
    """Return a file that starts its own family, with the recipe of the one that it resembles."""
    file = TrainingFile(
        team=like.team, created_by=by, filename=filename, purpose=like.purpose, made=made, recipe=like.recipe
    )
    file.family = file.pk
    return file


def line_of(example: Example) -> bytes:
    """Return the row as a line of OpenAI's `messages`."""
    return json.dumps(as_copy(example), ensure_ascii=False).encode() + b"\n"
