"""Versions of a data set: immutable files of one family, each with its parent, author, reason and how it was made."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.db.models import Max

from accounts.models import User
from chat import copies_of, part_of
from common.errors import UserError
from datasets_app import saving, storing
from datasets_app.checks import as_copy
from datasets_app.examples import Example, open_examples
from datasets_app.formats import ENCODINGS, Item, RawRow
from datasets_app.formats import NAMES as FORMAT_NAMES
from datasets_app.formats.json_values import too_long
from datasets_app.formats.lines import lines
from datasets_app.models import TrainingFile
from datasets_app.reading import read_examples, require_processed
from datasets_app.repairs import NAMES, Outcome, repaired
from datasets_app.shapes import NAMES as SHAPE_NAMES
from datasets_app.spooling import Spool

LARGEST_REPAIRED = 512 * 2**20
"""Bytes of a file that is repaired here, while somebody waits."""
SHOWN_CHANGES = 20
PARTS = ("train", "validation", "test")
MOST_PARTS, MOST_WEIGHT = 20, 100


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


def repaired_name(filename: str) -> str:
    """Return the name of a version that was written as JSON Lines."""
    stem = filename
    for suffix in (".gz", ".zst", ".zip"):
        stem = stem.removesuffix(suffix)
    name, dot, _suffix = stem.rpartition(".")
    return f"{name if dot else stem}.jsonl"


def split_file(
    *, file: TrainingFile, shares: Mapping[str, float], seed: int, by: User | None
) -> dict[str, TrainingFile]:
    """Make a file of each part. A row's own content decides where it goes: equal rows go together, and rows that are
    appended later move no other."""
    _check_shares(shares)
    require_processed(file)
    with ExitStack() as stack:
        spools = {name: stack.enter_context(Spool(limit=settings.MAX_UPLOAD_BYTES)) for name in shares}
        counts = dict.fromkeys(shares, 0)
        for example in read_examples(file):
            assert example.conversation is not None
            part = part_of(example.conversation.canonical_key(), shares=shares, seed=seed)
            spools[part].write(_line(example))
            counts[part] += 1
        if empty := next((name for name, count in counts.items() if not count), None):
            raise UserError(
                f"With these shares no row would go to {empty}. Give it more, or another seed.",
                code="empty_part",
                param="shares",
            )
        stem = repaired_name(file.filename).removesuffix(".jsonl")
        made = {"how": "split", "of": file.pk, "shares": dict(shares), "seed": seed}
        return {
            name: _family(file, f"{stem}-{name}.jsonl", spool, by=by, made={**made, "part": name, "rows": counts[name]})
            for name, spool in spools.items()
        }


def mix_files(*, parts: list[tuple[TrainingFile, float]], filename: str, seed: int, by: User | None) -> TrainingFile:
    """Make one file of several: weight 2 takes every row twice, 0.5 half of the rows, chosen by their content."""
    _check_weights(parts)
    for file, _weight in parts:
        require_processed(file)
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        taken = []
        for file, weight in parts:
            rows = 0
            for example in read_examples(file):
                assert example.conversation is not None
                copies = copies_of(example.conversation.canonical_key(), weight=weight, seed=seed)
                rows += copies
                for _ in range(copies):
                    spool.write(_line(example))
            taken.append({"file": file.pk, "name": file.filename, "weight": weight, "rows": rows})
        if not spool.num_bytes:
            raise UserError("The mixture would hold no row. Give larger weights.", code="empty_mixture", param="parts")
        return _family(parts[0][0], filename, spool, by=by, made={"how": "mix", "parts": taken, "seed": seed})


def _line(example: Example) -> bytes:
    return json.dumps(as_copy(example), ensure_ascii=False).encode() + b"\n"


def _family(like: TrainingFile, filename: str, spool: Spool, *, by: User | None, made: dict[str, Any]) -> TrainingFile:
    """Store a file that begins a family of its own."""
    file = TrainingFile(team=like.team, created_by=by, filename=filename, purpose=like.purpose, made=made)
    file.family = file.pk
    return saving.save_new(file, spool)


def _check_shares(shares: Mapping[str, float]) -> None:
    unknown = set(shares) - set(PARTS)
    if unknown or len(shares) < 2 or not all(0 < share < 1_000_000 for share in shares.values()):
        raise UserError(
            f"Give at least two of {', '.join(PARTS)}, each a share above 0, such as train 0.8 and validation 0.2.",
            code="bad_shares",
            param="shares",
        )


def _check_weights(parts: list[tuple[TrainingFile, float]]) -> None:
    if not 1 <= len(parts) <= MOST_PARTS or not all(0 < weight <= MOST_WEIGHT for _, weight in parts):
        raise UserError(
            f"Name 1 to {MOST_PARTS} files, each with a weight above 0 and up to {MOST_WEIGHT}.",
            code="bad_weights",
            param="parts",
        )


def read_again(*, file: TrainingFile, reading: Mapping[str, Any], by: User | None, reason: str = "") -> TrainingFile:
    """Make a version of the same bytes that is read as the user says: {"format", "shape", "encoding", "columns"}."""
    chosen = _checked_reading(reading)
    with storing.open_content(file) as stream, Spool.of(stream, limit=settings.MAX_UPLOAD_BYTES) as spool:
        made = TrainingFile(
            team=file.team,
            created_by=by,
            filename=file.filename,
            purpose=file.purpose,
            reason=reason[:300],
            reading=chosen,
            made={"how": "reading", "of": file.pk, "reading": chosen},
        )
        return saving.save_new(made, spool, before=lambda: new_version(made, parent=file))


def _checked_reading(reading: Mapping[str, Any]) -> dict[str, Any]:
    known = {"format": FORMAT_NAMES, "shape": SHAPE_NAMES, "encoding": ENCODINGS}
    chosen: dict[str, Any] = {name: value for name, value in reading.items() if value}
    for name, value in chosen.items():
        if name in known and value not in known[name]:
            raise UserError(
                f"{str(value)[:40]!r} is no {name}. Known: {', '.join(known[name])}.", code="bad_reading", param=name
            )
    columns = {name: column for name, column in (chosen.pop("columns", None) or {}).items() if column}
    if columns:
        if not {"prompt", "answer"} <= set(columns) <= {"prompt", "answer", "system"}:
            raise UserError(
                "Name the column of the question (prompt) and that of the answer (answer); system is optional.",
                code="bad_reading",
                param="columns",
            )
        chosen["columns"] = columns
    if not chosen:
        raise UserError(
            "Say how the file shall be read: its format, shape, encoding or columns.",
            code="bad_reading",
            param="reading",
        )
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
