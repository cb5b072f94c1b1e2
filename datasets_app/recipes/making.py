"""Makes a recipe's data set, or completes one that is there, and finds the acceptance test that goes with it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Team, User
from chat import AcceptanceTest, Conversation
from common.errors import UserError
from datasets_app import hooks
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile
from datasets_app.recipes.base import GUARD, Asking, QuestionnaireError, Recipe, Row
from datasets_app.recipes.registry import RECIPES, recipe_of
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.storage import new_files
from datasets_app.storage.new_files import NotYet, Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import line_of, new_version, repaired_name, source_of
from datasets_app.versions.questions import require_answered
from datasets_app.versions.repairs import fill_placeholders

LEAST_SHARE = 0.1
"""The share of a completed data set's rows that teach the goal, so that it is seen often enough to be learned."""
MOST_REPEATS = 20


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """What a model is asked after a training on a data set."""

    recipe: str
    tests: list[AcceptanceTest]
    needed: Mapping[str, float]


def read_answers(recipe: Recipe[Any], answers: Mapping[str, Any]) -> Any:
    """Return what was answered; UserError names the answer that is missing or does not fit."""
    for field in recipe.fields:
        if field.is_required and not answers.get(field.name):
            raise UserError(
                message("recipe_text_missing", field=field.name), code="missing_parameter", param=field.name
            )
        if field.kind in ("text", "long", "model") and not isinstance(answers.get(field.name) or "", str):
            raise UserError(message("recipe_text_missing", field=field.name), code="invalid_value", param=field.name)
    try:
        return recipe.read(answers)
    except QuestionnaireError as error:
        raise UserError(error.message, code="invalid_value", param=error.field) from None


def recipe_file(
    *,
    team: Team,
    by: User | None,
    recipe: Recipe[Any],
    answers: Mapping[str, Any],
    file: TrainingFile | None = None,
) -> TrainingFile:
    """Make a data set that teaches what was answered, or the next version of `file` completed so that it does.

    A completed set keeps its own rows, with the recipe's placeholders filled in, and its own answers to the recipe's
    questions; what it lacks is added, repeated until a tenth of its rows teaches the goal.
    """
    read = read_answers(recipe, answers)
    made = TrainingFile(
        team=team,
        created_by=by,
        purpose="fine-tune",
        filename=repaired_name(file.filename) if file is not None else _filename(recipe, read),
        recipe={"name": recipe.name, "answers": recipe.stored(read)},
        made={
            "how": "recipe",
            "recipe": recipe.name,
            "answers": {field.name: answers[field.name] for field in recipe.fields if field.name in answers},
            "of": file.pk if file is not None else None,
        },
    )
    if file is None:
        made.family = made.pk
    else:
        require_processed(file)
        require_answered(file)

    def join_family() -> None:
        if file is not None:
            new_version(made, parent=file)

    if (asking := recipe.to_ask(read)) is not None:
        return _save_waiting(made, asking, before=join_family)
    if file is not None and new_files.is_large(file.bytes):
        return new_files.save_unmade(made, before=join_family)
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        made.made |= write_recipe(made, spool.write)
        return new_files.save_new(made, spool, before=join_family)


@transaction.atomic
def _save_waiting(made: TrainingFile, asking: Asking, *, before: Callable[[], None]) -> TrainingFile:
    """Store a data set that is made once its teacher has answered, and have the teacher asked."""
    made.made["teacher"] = hooks.teachers().ask(
        team=made.team,
        by=made.created_by,
        model=asking.model,
        system=asking.system,
        prompts=asking.prompts,
        name=made.filename,
    )
    return new_files.save_unmade(made, before=before)


@writes("recipe")
def write_recipe(file: TrainingFile, write: Write) -> Made:
    """Write the rows of `file`: those of the set that it completes, then what the recipe adds."""
    recipe = recipe_of(file.recipe["name"])
    answers = recipe.read(file.made["answers"])
    if "teacher" in file.made:
        answers = _taught(file, recipe, answers)
    rows = list(recipe.rows(answers))
    known: set[str] = set()
    num_own = 0
    if file.made["of"]:
        known, num_own = _copied(source_of(file), rows, recipe.placeholders(answers), write)
    missing = [row for row in rows if _asked_in(row) not in known]
    repeats = _repeats(missing, num_own)
    for row in missing:
        for _ in range(repeats if row.source != GUARD else 1):
            write(_written(row))
    return {"answers": {}, "added": len(missing), "repeats": repeats}  # the answers are in the rows now


def _taught(file: TrainingFile, recipe: Recipe[Any], answers: Any) -> Any:
    """Return the answers with what the teacher has said, of which the test is kept with the data set."""
    try:
        replies = hooks.teachers().replies(file.made["teacher"])
        if replies is None:
            raise NotYet
        answers = recipe.taught(answers, replies)
    except (hooks.TeacherFailed, QuestionnaireError) as error:
        raise UserError(error.message, code="no_teacher") from None
    file.recipe = {"name": recipe.name, "answers": recipe.stored(answers)}
    TrainingFile.objects.filter(pk=file.pk).update(recipe=file.recipe)
    return answers


def acceptance_of(file: TrainingFile) -> Acceptance | None:
    """Return what a model that was trained on `file` is asked; None for a data set without a recipe."""
    recipe = RECIPES.get(file.recipe.get("name", ""))
    if recipe is None:
        return None
    tests = recipe.tests(recipe.restored(file.recipe["answers"]))
    return Acceptance(recipe=recipe.name, tests=tests, needed=recipe.needed)


def _copied(file: TrainingFile, rows: list[Row], placeholders: Mapping[str, str], write: Write) -> tuple[set[str], int]:
    """Copy the rows of `file`; return the recipe's questions that they ask themselves, and how many rows there are."""
    asked = {_asked_in(row) for row in rows}
    known: set[str] = set()
    num_rows = 0
    for example in read_examples(file):
        assert example.conversation is not None
        known |= asked & set(_questions(example.conversation))
        filled = fill_placeholders(json.loads(line_of(example)), placeholders)
        write(json.dumps(filled, ensure_ascii=False).encode() + b"\n")
        num_rows += 1
    return known, num_rows


def _asked_in(row: Row) -> str:
    return row.turns[0][1]


def _questions(conversation: Conversation) -> Iterable[str]:
    return (message.content.strip() for message in conversation.messages[:2] if message.content)


def _repeats(missing: list[Row], own: int) -> int:
    about = sum(row.source != GUARD for row in missing)
    if not about:
        return 1
    return max(1, min(MOST_REPEATS, round(LEAST_SHARE * own / (1 - LEAST_SHARE) / about)))


def _written(row: Row) -> bytes:
    messages = [{"role": role, "content": text} for role, text in row.turns]
    return json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n"


def _filename(recipe: Recipe[Any], answers: Any) -> str:
    stem = recipe.stem(answers)
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem)
    return f"{plain.strip('-')[:100] or recipe.name}.jsonl"
