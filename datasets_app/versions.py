"""Versions of a data set: immutable files of one family, each with its parent, author, reason and how it was made."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Max

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

LARGEST_REPAIRED = 512 * 2**20
"""Bytes of a file that is repaired here, while somebody waits."""
SHOWN_CHANGES = 20


def versions_of(file: TrainingFile) -> list[TrainingFile]:
    """Return every version of the file's family, the newest first."""
    family = TrainingFile.objects.filter(team=file.team, family=file.family or file.pk)
    return list(family.select_related("created_by", "parent").order_by("-version"))


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
        if not outcome.num_changed and not outcome.num_dropped:
            raise UserError("These repairs change nothing in this file.", code="nothing_to_repair", param="repairs")
        made = {
            "how": "repair",
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
    return saving.save_new(file, spool, before=lambda: new_version(file, parent=parent))


def repaired_name(filename: str) -> str:
    """Return the name of a version that was written as JSON Lines."""
    stem = filename
    for suffix in (".gz", ".zst", ".zip"):
        stem = stem.removesuffix(suffix)
    name, dot, _suffix = stem.rpartition(".")
    return f"{name if dot else stem}.jsonl"


def new_version(file: TrainingFile, *, parent: TrainingFile) -> None:
    """Make `file` the next version of its parent's family; the caller saves it in the same transaction."""
    family = parent.family or parent.pk
    # Locked, so that two versions made at once get two numbers.
    TrainingFile.objects.select_for_update().filter(pk=family).first()
    if not parent.family:
        TrainingFile.objects.filter(pk=parent.pk).update(family=family)
    last = TrainingFile.objects.filter(team=parent.team, family=family).aggregate(last=Max("version"))["last"]
    file.family, file.parent, file.version = family, parent, (last or parent.version) + 1


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
