"""Repairs of whole files: looked at first, then made into a new version."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from accounts.models import User
from common.errors import UserError
from datasets_app import saving, storing
from datasets_app.examples import open_examples
from datasets_app.formats import Item, RawRow
from datasets_app.formats.json_values import too_long
from datasets_app.formats.lines import lines
from datasets_app.models import TrainingFile
from datasets_app.repairs import NAMES, Outcome, repaired
from datasets_app.spooling import Spool
from datasets_app.versions import new_version, repaired_name

LARGEST_REPAIRED = 512 * 2**20
"""Bytes of a file that is repaired here, while somebody waits."""
SHOWN_CHANGES = 20


def preview_repairs(*, file: TrainingFile, names: list[str], values: Mapping[str, str] | None = None) -> Outcome:
    """Return what the repairs would do to the whole file, with the first changes; nothing is stored."""
    outcome = Outcome()
    for _line in _repaired(file, names, values or {}, outcome):
        continue
    return outcome


def repair_file(
    *, file: TrainingFile, names: list[str], values: Mapping[str, str] | None = None, by: User | None, reason: str = ""
) -> tuple[TrainingFile, Outcome]:
    """Make a new version with the repairs and have it checked; UserError where they would change nothing."""
    outcome = Outcome()
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        for line in _repaired(file, names, values or {}, outcome):
            spool.write(line)
        _check_outcome(outcome)
        made = {
            "how": "repair",
            "of": file.pk,
            "repairs": names,
            "values": dict(values or {}),
            "changed": outcome.num_changed,
            "dropped": outcome.num_dropped,
        }
        return _store(file, by=by, spool=spool, reason=reason, made=made), outcome


def _store(parent: TrainingFile, *, by: User | None, spool: Spool, reason: str, made: dict[str, Any]) -> TrainingFile:
    filename = repaired_name(parent.filename)
    file = TrainingFile(
        team=parent.team, created_by=by, filename=filename, purpose=parent.purpose, reason=reason[:300], made=made
    )
    if parent.format == "jsonl":
        # Its rows are still of their own shape; those of other layouts were written as messages.
        file.reading = {key: value for key, value in parent.reading.items() if key in ("shape", "columns")}
    return saving.save_new(file, spool, before=lambda: new_version(file, parent=parent))


def _check_outcome(outcome: Outcome) -> None:
    if not outcome.num_changed and not outcome.num_dropped:
        raise UserError("These repairs change nothing in this file.", code="nothing_to_repair", param="repairs")
    if not outcome.num_rows_after:
        raise UserError(
            "After these repairs no row could be learned from, so no version was made.",
            code="nothing_left",
            param="repairs",
        )


def _repaired(file: TrainingFile, names: list[str], values: Mapping[str, str], outcome: Outcome) -> Iterator[bytes]:
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        said = f"{unknown[0][:40]!r} is no repair." if unknown else "No repair was named."
        raise UserError(f"{said} Known: {', '.join(NAMES)}.", code="unknown_repair", param="repairs")
    if file.bytes > LARGEST_REPAIRED:
        raise UserError(
            f"The file is larger than {LARGEST_REPAIRED // 2**20} MiB, the most that is repaired here. Split it first.",
            code="too_large_to_repair",
        )
    with storing.open_content(file) as stream:
        opened = open_examples(stream, file.filename, file.reading)
        items: Iterator[Item] = opened.items
        if opened.format == "jsonl" and opened.text is not None:
            items = _lines(opened.text)
        yield from repaired(items, opened, names, values, outcome, shown=SHOWN_CHANGES)


def _lines(text: Any) -> Iterator[Item]:
    """Yield each line as its bytes, so that a line that is no JSON can be mended."""
    for number, line in lines(text):
        if line is None:
            yield too_long(number)
        elif line.strip():
            yield RawRow(line=number, value=line, num_bytes=len(line))
