"""What a file asks before it can be trained on: what to do with text, masks and verdicts that nothing reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import EVERY_KEY, TrainingFile
from datasets_app.rows.reading import require_processed
from datasets_app.shapes.unused import LONGEST_NAME
from datasets_app.versions.family import version_read_as
from wording import Message

LEAVE_OUT = "leave_out"
USES = ("question", "system")
ACTIONS = (LEAVE_OUT, *USES)
NAMED = 3
"""Keys that a refusal names."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One key that nothing reads, which holds what would be missed."""

    name: str
    kind: str
    """text, mask, verdict, or part: text inside of what is read."""
    count: int
    """Rows that have it."""
    sample: str
    """The beginning of the first such value."""
    choices: tuple[str, ...]
    """What can be done with it."""
    message: Message


def questions_of(file: TrainingFile) -> list[Question]:
    """Return the file's questions that have not been answered yet."""
    counts = dict((file.statistics or {}).get("unused") or ())
    return [
        Question(
            name=name,
            kind=kind,
            count=counts.get(name, 0),
            sample=sample,
            choices=_choices(file, name, kind),
            message=_message(name, kind, counts.get(name, 0)),
        )
        for name, kind, sample in file.unanswered
    ]


def require_answered(file: TrainingFile, *, param: str = "file") -> None:
    """Raise UserError while the file asks something."""
    if not (asked := [name for name, _kind, _sample in file.unanswered]):
        return
    counts = dict(file.statistics["unused"])
    keys = [f"{name} ({counts.get(name, 0):,})" for name in asked[:NAMED]] + ["…"] * (len(asked) > NAMED)
    example = json.dumps({"unused": {asked[0] if len(asked) == 1 else EVERY_KEY: LEAVE_OUT}}, ensure_ascii=False)
    asks = message("unanswered_question", filename=file.filename, keys=keys, file=file.pk, example=example)
    raise UserError(asks, param=param)


def answer_unused(*, file: TrainingFile, answers: Mapping[str, str], by: User | None, reason: str = "") -> TrainingFile:
    """Record what to do with unused keys: {key: "leave_out" | "question" | "system"}.

    The key "*" stands for all questions that are not named. Leaving out changes no row, so it is remembered with the
    file, which is returned; a use makes a version of the same bytes, which is read that way.
    """
    require_processed(file, allows_text=True)
    answers = _checked(file, answers)
    before = dict(file.reading.get("unused") or {})
    uses = {name: use for name, use in {**before, **answers}.items() if use != LEAVE_OUT}
    left_out = {name for name, use in answers.items() if use == LEAVE_OUT}
    if uses == before:
        return _leave_out(file, left_out)
    reading = {name: value for name, value in file.reading.items() if name != "unused"} | (
        {"unused": uses} if uses else {}
    )
    kept = sorted({*file.left_out, *left_out} - uses.keys())
    return version_read_as(file=file, reading=reading, by=by, reason=reason, left_out=kept)


@transaction.atomic
def _leave_out(file: TrainingFile, names: set[str]) -> TrainingFile:
    locked = TrainingFile.objects.select_for_update().get(pk=file.pk)
    file.left_out = sorted({*locked.left_out, *names})
    TrainingFile.objects.filter(pk=file.pk).update(left_out=file.left_out)
    return file


def _checked(file: TrainingFile, answers: Mapping[str, str]) -> dict[str, str]:
    """Return an answer for each key by its name; UserError for one that is not there, or that cannot be used so."""
    asked = {name: kind for name, kind, _sample in (file.statistics or {}).get("asked") or ()}
    unused = [name for name, _count in (file.statistics or {}).get("unused") or ()]
    known = [*unused, *(file.reading.get("unused") or {})]
    if not answers:
        raise UserError(message("name_a_key"), code="bad_answer", param="unused")
    for name, use in answers.items():
        if name != EVERY_KEY and name not in known:
            none_such = message("no_unused_key", name=repr(name[:LONGEST_NAME]), unused=known or message("none_at_all"))
            raise UserError(none_such, code="bad_answer", param="unused")
        choices = (LEAVE_OUT,) if name == EVERY_KEY else _choices(file, name, asked.get(name, "text"))
        if use not in choices:
            unfit = message(
                "key_not_used_so", name=repr(name[:LONGEST_NAME]), use=repr(use[:LONGEST_NAME]), known=list(choices)
            )
            raise UserError(unfit, code="bad_answer", param="unused")
    every = {name: LEAVE_OUT for name, _kind, _sample in file.unanswered} if EVERY_KEY in answers else {}
    return every | {name: use for name, use in answers.items() if name != EVERY_KEY}


def _choices(file: TrainingFile, name: str, kind: str) -> tuple[str, ...]:
    """Return what can be done with a key: text beside a conversation may become part of it."""
    is_beside = file.use == "chat" and kind == "text" and "[]." not in name and len(name) < LONGEST_NAME
    return ACTIONS if is_beside else (LEAVE_OUT,)


def _message(name: str, kind: str, count: int) -> Message:
    if kind == "mask":
        return message("mask_not_read", name=name, count=count)
    if kind == "verdict":
        return message("verdict_not_read", name=name, count=count)
    return message("text_not_read", name=name, count=count)


def words_of_choices() -> dict[str, str]:
    """Return what each choice is called on a page."""
    return {
        LEAVE_OUT: _("Leave it out"),
        "question": _("Put it before the question"),
        "system": _("Make it the system prompt"),
    }
