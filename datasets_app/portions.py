"""Parts and mixtures of data sets: new files whose rows are chosen by their own content."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from django.conf import settings

from accounts.models import User
from chat import copies_of, part_of
from common.errors import UserError
from datasets_app import saving
from datasets_app.checks import as_copy
from datasets_app.examples import Example
from datasets_app.models import TrainingFile
from datasets_app.reading import read_examples, require_processed
from datasets_app.spooling import Spool
from datasets_app.versions import repaired_name

PARTS = ("train", "validation", "test")
MOST_PARTS, MOST_WEIGHT = 20, 100


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
            spools[part].write(line_of(example))
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
                    spool.write(line_of(example))
            taken.append({"file": file.pk, "name": file.filename, "weight": weight, "rows": rows})
        if not spool.num_bytes:
            raise UserError("The mixture would hold no row. Give larger weights.", code="empty_mixture", param="parts")
        first = next((file for file, _weight in parts if file.recipe), parts[0][0])
        return _family(first, filename, spool, by=by, made={"how": "mix", "parts": taken, "seed": seed})


def line_of(example: Example) -> bytes:
    """Return the row as a line of OpenAI's `messages`."""
    return json.dumps(as_copy(example), ensure_ascii=False).encode() + b"\n"


def _family(like: TrainingFile, filename: str, spool: Spool, *, by: User | None, made: dict[str, Any]) -> TrainingFile:
    """Store a file that begins a family of its own, with the recipe of the one that it is like."""
    file = TrainingFile(
        team=like.team, created_by=by, filename=filename, purpose=like.purpose, made=made, recipe=like.recipe
    )
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
