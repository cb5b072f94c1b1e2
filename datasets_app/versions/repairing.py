"""Repairs of whole files: looked at first, then made into a new version."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accounts.models import User
from common.errors import UserError
from datasets_app.formats.base import Item, RawRow
from datasets_app.formats.concatenated import raw_objects
from datasets_app.formats.json_array import raw_elements
from datasets_app.formats.json_values import too_long
from datasets_app.formats.streams import TooFar, lines, within
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile
from datasets_app.shapes.examples import Opened, open_examples
from datasets_app.storage import new_files, store
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import new_version, repaired_name, source_of
from datasets_app.versions.repairs import NAMES, OF_MESSAGES, UNWRAP, Outcome, repaired
from datasets_app.versions.unwrapping import KEPT, chats_in_lines

SHOWN_CHANGES = 20
PREVIEWED_BYTES = 16 * 2**20
"""How much of a file a preview reads: enough to judge by, and quick for any size."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What repairs would do."""

    outcome: Outcome
    is_partial: bool
    """True where only the first PREVIEWED_BYTES were looked at."""


def preview_repairs(*, file: TrainingFile, names: list[str], values: Mapping[str, str] | None = None) -> Preview:
    """Return what the repairs would do to the file's beginning, with the first changes; nothing is stored."""
    _check_names(names)
    outcome, is_partial = Outcome(), False
    with store.open_content(file) as content:
        opened = open_examples(content, file.filename, file.reading, most_bytes=PREVIEWED_BYTES)
        items = _raw_items(opened, skips_commas="strip_commas" in names)
        # What is read is counted, not what is left of it: repairs may leave out every row.
        near = within(items, most_bytes=PREVIEWED_BYTES)
        try:
            for _line in repaired(near, opened, names, values or {}, outcome, shown=SHOWN_CHANGES):
                pass
        except TooFar:
            is_partial = True
    return Preview(outcome=outcome, is_partial=is_partial)


def repair_file(
    *, file: TrainingFile, names: list[str], values: Mapping[str, str] | None = None, by: User | None, reason: str = ""
) -> tuple[TrainingFile, Outcome | None]:
    """Make a new version with the repairs and have it checked; UserError where they would change nothing.

    For a large file a worker makes it: then there is no outcome yet, and a version that would be useless says so.
    """
    _check_names(names)
    store.require_made(file)
    made = _version_of(file, by=by, reason=reason, names=names, values=values or {})
    if new_files.is_large(file.bytes):
        return new_files.save_unmade(made, before=lambda: new_version(made, parent=file)), None
    outcome = Outcome()
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        made.made |= _write(file, made, spool.write, outcome)
        return new_files.save_new(made, spool, before=lambda: new_version(made, parent=file)), outcome


def _version_of(
    parent: TrainingFile, *, by: User | None, reason: str, names: list[str], values: Mapping[str, str]
) -> TrainingFile:
    file = TrainingFile(
        team=parent.team,
        created_by=by,
        filename=repaired_name(parent.filename),
        purpose=parent.purpose,
        reason=reason[:300],
        made={"how": "repair", "of": parent.pk, "repairs": names, "values": dict(values)},
    )
    if _makes_messages(parent, names):
        file.reading = {"shape": "messages"}
        if parent.use == "text" and "unused" in parent.reading:  # what stands beside a text is kept, and asked once
            file.reading["unused"] = parent.reading["unused"]
    elif parent.format == "jsonl":
        # Its rows are still of their own shape; those of other layouts are written as messages.
        file.reading = {key: value for key, value in parent.reading.items() if key in ("shape", "columns", "unused")}
    return file


@writes("repair")
def write_repaired(file: TrainingFile, write: Write) -> Made:
    """Write the version that `file` is."""
    return _write(source_of(file), file, write, Outcome())


def _write(parent: TrainingFile, file: TrainingFile, write: Write, outcome: Outcome) -> Made:
    for line in _repaired(parent, file.made["repairs"], file.made["values"], outcome):
        write(line)
    _check_outcome(outcome)
    return {"changed": outcome.num_changed, "dropped": outcome.num_dropped}


def _check_outcome(outcome: Outcome) -> None:
    if not outcome.num_changed and not outcome.num_dropped:
        raise UserError(message("nothing_to_repair"), param="repairs")
    if not outcome.num_rows_after:
        raise UserError(message("nothing_left"), param="repairs")


def _check_names(names: list[str]) -> None:
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        refused = message("no_repair_named", known=list(NAMES))
        if unknown:
            refused = message("unknown_repair", name=repr(unknown[0][:40]), known=list(NAMES))
        raise UserError(refused, code="unknown_repair", param="repairs")


def _repaired(file: TrainingFile, names: list[str], values: Mapping[str, str], outcome: Outcome) -> Iterator[bytes]:
    _check_names(names)
    with store.open_content(file) as stream:
        opened = open_examples(stream, file.filename, file.reading)
        items = _raw_items(opened, skips_commas="strip_commas" in names)
        judge = None
        if _makes_messages(file, names):
            judge = open_examples(io.BytesIO(), "rows.jsonl", {"shape": "messages"})
            items = chats_in_lines(items) if opened.format == "text" else items
        yield from repaired(items, opened, names, values, outcome, shown=SHOWN_CHANGES, judge=judge)


def _makes_messages(file: TrainingFile, names: list[str]) -> bool:
    """Whether these repairs write rows of text or of columns as messages."""
    if file.shape in ("", *KEPT):
        return False
    return UNWRAP in names or (file.use == "chat" and not OF_MESSAGES.isdisjoint(names))


def _raw_items(opened: Opened, *, skips_commas: bool) -> Iterator[Item]:
    """Yield the rows of JSON as their bytes, so that invalid ones can be repaired, and those of other layouts."""
    if opened.text is None:
        return opened.items
    if opened.format == "jsonl":
        return _lines(opened.text)
    if opened.format == "json":
        return raw_elements(opened.text, skips_commas=skips_commas)
    return raw_objects(opened.text) if opened.format == "json-objects" else opened.items


def _lines(text: Any) -> Iterator[Item]:
    """Yield each line as its bytes, so that a line that is not JSON can be repaired."""
    for number, line in lines(text):
        if line is None:
            yield too_long(number)
        elif line.strip():
            yield RawRow(line=number, value=line, num_bytes=len(line))
