"""Mixtures: one file of several, by weight, whose rows are chosen by their own content."""

from typing import cast

from django.conf import settings

from accounts.models import User
from chat import copies_of
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import Made, MixedPart, TrainingFile
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.storage import new_files
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import line_of, new_family
from datasets_app.versions.questions import require_answered

MOST_PARTS, MOST_WEIGHT = 20, 100


def mix_files(*, parts: list[tuple[TrainingFile, float]], filename: str, seed: int, by: User | None) -> TrainingFile:
    """Make one file of several: weight 2 takes every row twice, 0.5 half of the rows, chosen by their content.

    A large mixture is made by a worker.
    """
    _check_weights(parts)
    for file, _weight in parts:
        require_processed(file)
        require_answered(file)
    named: list[MixedPart] = [{"file": file.pk, "name": file.filename, "weight": weight} for file, weight in parts]
    like = next((file for file, _weight in parts if file.recipe), parts[0][0])
    mixture = new_family(like, filename, by=by, made={"how": "mix", "parts": named, "seed": seed})
    if new_files.is_large(round(sum(file.bytes * max(1, weight) for file, weight in parts))):
        return new_files.save_unmade(mixture)
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        mixture.made |= write_mixture(mixture, spool.write)
        return new_files.save_new(mixture, spool)


@writes("mix")
def write_mixture(file: TrainingFile, write: Write) -> Made:
    """Write the mixture that `file` is."""
    taken: list[MixedPart] = []
    for part in file.made["parts"]:
        source = TrainingFile.objects.filter(team=file.team, pk=part["file"]).first()
        if source is None:
            raise UserError(message("named_source_deleted", name=part["name"]), code="source_missing")
        num_rows = 0
        for example in read_examples(source):
            assert example.conversation is not None
            copies = copies_of(example.conversation.canonical_key(), weight=part["weight"], seed=file.made["seed"])
            num_rows += copies
            for _ in range(copies):
                write(line_of(example))
        taken.append({**cast(MixedPart, part), "rows": num_rows})
    if not any(part["rows"] for part in taken):
        raise UserError(message("empty_mixture"), param="parts")
    return {"parts": taken}


def _check_weights(parts: list[tuple[TrainingFile, float]]) -> None:
    if not 1 <= len(parts) <= MOST_PARTS or not all(0 < weight <= MOST_WEIGHT for _, weight in parts):
        raise UserError(message("bad_weights", files=MOST_PARTS, most=str(MOST_WEIGHT)), param="parts")
