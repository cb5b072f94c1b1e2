"""Parts and mixtures of data sets: new files whose rows are chosen by their own content."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from django.conf import settings

from accounts.models import User
from chat import copies_of, part_of
from common.errors import UserError
from datasets_app.models import TrainingFile
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.shapes.examples import Example, as_copy
from datasets_app.storage import new_files
from datasets_app.storage.making import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import repaired_name, source_of
from datasets_app.versions.questions import require_answered

PARTS = ("train", "validation", "test")
MOST_PARTS, MOST_WEIGHT = 20, 100


def split_file(
    *, file: TrainingFile, shares: Mapping[str, float], seed: int, by: User | None
) -> dict[str, TrainingFile]:
    """Make a file of each part, all or none; those of a large file are made by a worker.

    A row's own content decides where it goes: equal rows go together, and rows that are appended later move no other.
    """
    _check_shares(shares)
    require_processed(file)
    require_answered(file)
    shares = _in_order(shares)
    stem = repaired_name(file.filename).removesuffix(".jsonl")
    made = {"how": "split", "of": file.pk, "shares": dict(shares), "seed": seed}
    parts = {name: _family(file, f"{stem}-{name}.jsonl", by=by, made={**made, "part": name}) for name in shares}
    if new_files.is_large(file.bytes):
        return {name: new_files.save_unmade(part) for name, part in parts.items()}
    with ExitStack() as stack:
        spools = {name: stack.enter_context(Spool(limit=settings.MAX_UPLOAD_BYTES)) for name in shares}
        for name, part in parts.items():
            part.made |= _write_part(file, part, spools[name].write)
        return {name: new_files.save_new(part, spools[name]) for name, part in parts.items()}


@writes("split")
def write_part(file: TrainingFile, write: Write) -> dict[str, Any]:
    """Write the part that `file` is."""
    return _write_part(source_of(file), file, write)


def _write_part(source: TrainingFile, file: TrainingFile, write: Write) -> dict[str, Any]:
    # JSON in the database keeps no order, and the order decides whose rows are whose.
    shares, seed, part = _in_order(file.made["shares"]), file.made["seed"], file.made["part"]
    num_rows = 0
    for example in read_examples(source):
        assert example.conversation is not None
        if part_of(example.conversation.canonical_key(), shares=shares, seed=seed) == part:
            write(line_of(example))
            num_rows += 1
    if not num_rows:
        raise UserError(
            f"With these shares no row would go to {part}. Give it more, or another seed.",
            code="empty_part",
            param="shares",
        )
    return {"rows": num_rows}


def mix_files(*, parts: list[tuple[TrainingFile, float]], filename: str, seed: int, by: User | None) -> TrainingFile:
    """Make one file of several: weight 2 takes every row twice, 0.5 half of the rows, chosen by their content.

    A large mixture is made by a worker.
    """
    _check_weights(parts)
    for file, _weight in parts:
        require_processed(file)
        require_answered(file)
    named = [{"file": file.pk, "name": file.filename, "weight": weight} for file, weight in parts]
    like = next((file for file, _weight in parts if file.recipe), parts[0][0])
    mixture = _family(like, filename, by=by, made={"how": "mix", "parts": named, "seed": seed})
    if new_files.is_large(round(sum(file.bytes * max(1, weight) for file, weight in parts))):
        return new_files.save_unmade(mixture)
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        mixture.made |= write_mixture(mixture, spool.write)
        return new_files.save_new(mixture, spool)


@writes("mix")
def write_mixture(file: TrainingFile, write: Write) -> dict[str, Any]:
    """Write the mixture that `file` is."""
    taken = []
    for part in file.made["parts"]:
        source = TrainingFile.objects.filter(team=file.team, pk=part["file"]).first()
        if source is None:
            raise UserError(f"{part['name']}, which this file is made of, was deleted.", code="source_missing")
        num_rows = 0
        for example in read_examples(source):
            assert example.conversation is not None
            copies = copies_of(example.conversation.canonical_key(), weight=part["weight"], seed=file.made["seed"])
            num_rows += copies
            for _ in range(copies):
                write(line_of(example))
        taken.append({**part, "rows": num_rows})
    if not any(part["rows"] for part in taken):
        raise UserError("The mixture would hold no row. Give larger weights.", code="empty_mixture", param="parts")
    return {"parts": taken}


def line_of(example: Example) -> bytes:
    """Return the row as a line of OpenAI's `messages`."""
    return json.dumps(as_copy(example), ensure_ascii=False).encode() + b"\n"


def _family(like: TrainingFile, filename: str, *, by: User | None, made: dict[str, Any]) -> TrainingFile:
    """Return a file that begins a family of its own, with the recipe of the one that it is like."""
    file = TrainingFile(
        team=like.team, created_by=by, filename=filename, purpose=like.purpose, made=made, recipe=like.recipe
    )
    file.family = file.pk
    return file


def _in_order(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: shares[name] for name in PARTS if name in shares}


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
