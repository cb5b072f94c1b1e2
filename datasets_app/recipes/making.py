"""Makes a recipe's data set, or completes one that is there, and finds the acceptance test that goes with it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from django.conf import settings

from accounts.models import Team, User
from chat import AcceptanceTest, Conversation
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile
from datasets_app.recipes.identity import (
    LANGUAGES,
    TONES,
    Identity,
    IdentityRow,
    QuestionnaireError,
    acceptance_tests,
    rows,
)
from datasets_app.rows.reading import read_examples, require_processed
from datasets_app.storage import new_files
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.spool import Spool
from datasets_app.versions.family import line_of, new_version, repaired_name, source_of
from datasets_app.versions.questions import require_answered
from datasets_app.versions.repairs import fill_placeholders

NAME = "identity"
NEEDED = {"identity": 0.9, "unrelated": 1.0}
"""The share of right answers that a good verdict needs: nine in ten of questions about itself, all of the others."""
LEAST_SHARE = 0.1
"""The share of a completed data set's rows about the identity, so that it is seen often enough to be learned."""
MOST_REPEATS = 20
PLACEHOLDERS = {"name": "name", "author": "maker", "maker": "maker", "developer": "maker", "company": "maker"}
"""Names of placeholders in others' identity data, and what replaces them."""


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """What a model is asked after a training on a data set."""

    tests: list[AcceptanceTest]
    needed: Mapping[str, float]


class RecipeField(TypedDict):
    """A question of a recipe: its answer is a text, a list of some `choices`, or one of them."""

    name: str
    type: str
    required: NotRequired[bool]
    choices: NotRequired[list[str]]
    default: NotRequired[list[str] | str]


class Questionnaire(TypedDict):
    """A recipe's name and what it asks."""

    name: str
    fields: list[RecipeField]


def questionnaire() -> Questionnaire:
    """Return the recipe's questions, with what each accepts."""
    return {
        "name": NAME,
        "fields": [
            {"name": "name", "type": "text", "required": True},
            {"name": "maker", "type": "text", "required": True},
            {"name": "languages", "type": "list", "choices": list(LANGUAGES), "default": list(LANGUAGES)},
            {"name": "tone", "type": "choice", "choices": list(TONES), "default": TONES[0]},
        ],
    }


def read_answers(answers: Mapping[str, Any]) -> Identity:
    """Return the identity that was described; UserError names the answer that does not fit."""
    languages = answers.get("languages") or LANGUAGES
    texts = {name: answers.get(name) for name in ("name", "maker")}
    if not isinstance(languages, list | tuple) or not all(isinstance(name, str) for name in languages):
        raise UserError(message("recipe_languages_not_a_list"), code="invalid_value", param="languages")
    for name, text in texts.items():
        if not isinstance(text, str):
            raise UserError(message("recipe_text_missing", field=name), code="missing_parameter", param=name)
    try:
        return Identity(
            name=str(texts["name"]).strip(),
            maker=str(texts["maker"]).strip(),
            languages=tuple(dict.fromkeys([*(name for name in LANGUAGES if name in languages), *languages])),
            tone=str(answers.get("tone") or TONES[0]),
        )
    except QuestionnaireError as error:
        raise UserError(error.message, code="invalid_value", param=error.field) from None


def identity_file(*, team: Team, by: User | None, identity: Identity, file: TrainingFile | None = None) -> TrainingFile:
    """Make a data set that teaches `identity`, or the next version of `file` completed so that it does.

    A completed set keeps its own rows, with placeholders for name and maker filled in, and its own answers to the
    recipe's questions; what it lacks is added, repeated until a tenth of its rows is about the identity.
    """
    answers = {
        "name": identity.name,
        "maker": identity.maker,
        "languages": list(identity.languages),
        "tone": identity.tone,
    }
    made = TrainingFile(
        team=team,
        created_by=by,
        purpose="fine-tune",
        filename=_filename(identity, file),
        recipe={"name": NAME, "answers": answers},
        made={"how": "recipe", "recipe": NAME, "of": file.pk if file is not None else None},
    )
    if file is None:
        made.family = made.pk
    else:
        require_processed(file)
        require_answered(file)

    def join_family() -> None:
        if file is not None:
            new_version(made, parent=file)

    if file is not None and new_files.is_large(file.bytes):
        return new_files.save_unmade(made, before=join_family)
    with Spool(limit=settings.MAX_UPLOAD_BYTES) as spool:
        made.made |= write_identity(made, spool.write)
        return new_files.save_new(made, spool, before=join_family)


@writes("recipe")
def write_identity(file: TrainingFile, write: Write) -> Made:
    """Write the rows of `file`: those of the set that it completes, then what the recipe adds."""
    identity = read_answers(file.recipe["answers"])
    known, num_own = _copied(source_of(file), identity, write) if file.made["of"] else (set(), 0)
    missing = [row for row in rows(identity) if row.turns[0][1] not in known]
    repeats = _repeats(missing, num_own)
    for row in missing:
        for _ in range(repeats if row.source != "guard" else 1):
            write(_written(row))
    return {"added": len(missing), "repeats": repeats}


def acceptance_of(file: TrainingFile) -> Acceptance | None:
    """Return what a model that was trained on `file` is asked; None for a data set without a recipe."""
    if file.recipe.get("name") != NAME:
        return None
    return Acceptance(tests=acceptance_tests(read_answers(file.recipe["answers"])), needed=NEEDED)


def _copied(file: TrainingFile, identity: Identity, write: Write) -> tuple[set[str], int]:
    """Copy the rows of `file`; return the recipe's questions that they ask themselves, and how many rows there are."""
    asked = {row.turns[0][1] for row in rows(identity)}
    values = {placeholder: getattr(identity, what) for placeholder, what in PLACEHOLDERS.items()}
    known: set[str] = set()
    num_rows = 0
    for example in read_examples(file):
        assert example.conversation is not None
        known |= asked & set(_questions(example.conversation))
        filled = fill_placeholders(json.loads(line_of(example)), values)
        write(json.dumps(filled, ensure_ascii=False).encode() + b"\n")
        num_rows += 1
    return known, num_rows


def _questions(conversation: Conversation) -> Iterable[str]:
    return (message.content.strip() for message in conversation.messages[:2] if message.content)


def _repeats(missing: list[IdentityRow], own: int) -> int:
    about = sum(row.source != "guard" for row in missing)
    if not about:
        return 1
    return max(1, min(MOST_REPEATS, round(LEAST_SHARE * own / (1 - LEAST_SHARE) / about)))


def _written(row: IdentityRow) -> bytes:
    messages = [{"role": role, "content": text} for role, text in row.turns]
    return json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n"


def _filename(identity: Identity, file: TrainingFile | None) -> str:
    if file is not None:
        return repaired_name(file.filename)
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in identity.name)
    return f"{plain.strip('-') or 'identity'}-identity.jsonl"
