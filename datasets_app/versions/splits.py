"""Parts of a data set: new files whose rows are chosen by their own content."""

from collections.abc import Mapping
from contextlib import ExitStack

from django.conf import settings

from accounts.models import User
from chat import part_of
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.storage import new_files
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import line_of, new_family, repaired_name, source_of
from datasets_app.versions.questions import require_answered

PARTS = ("train", "validation", "test")
MOST_SHARE = 1_000_000


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
    made: Made = {"how": "split", "of": file.pk, "shares": dict(shares), "seed": seed}
    parts = {name: new_family(file, f"{stem}-{name}.jsonl", by=by, made={**made, "part": name}) for name in shares}
    if new_files.is_large(file.bytes):
        return {name: new_files.save_unmade(part) for name, part in parts.items()}
    with ExitStack() as stack:
        spools = {name: stack.enter_context(Spool(limit=settings.MAX_UPLOAD_BYTES)) for name in shares}
        for name, part in parts.items():
            part.made |= _write_part(file, part, spools[name].write)
        return {name: new_files.save_new(part, spools[name]) for name, part in parts.items()}


@writes("split")
def write_part(file: TrainingFile, write: Write) -> Made:
    """Write the part that `file` is."""
    return _write_part(source_of(file), file, write)


def _write_part(source: TrainingFile, file: TrainingFile, write: Write) -> Made:
    # JSON in the database keeps no order, and the order decides whose rows are whose.
    shares, seed, part = _in_order(file.made["shares"]), file.made["seed"], file.made["part"]
    num_rows = 0
    for example in read_examples(source):
        assert example.conversation is not None
        if part_of(example.conversation.canonical_key(), shares=shares, seed=seed) == part:
            write(line_of(example))
            num_rows += 1
    if not num_rows:
        raise UserError(message("empty_share", part=part), code="empty_part", param="shares")
    return {"rows": num_rows}


def _in_order(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: shares[name] for name in PARTS if name in shares}


def _check_shares(shares: Mapping[str, float]) -> None:
    unknown = set(shares) - set(PARTS)
    if unknown or len(shares) < 2 or not all(0 < share < MOST_SHARE for share in shares.values()):
        raise UserError(message("bad_shares", parts=list(PARTS)), param="shares")
