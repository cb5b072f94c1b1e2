"""What a file's check found worth saying, though its rows can be learned from."""

from dataclasses import dataclass, replace
from typing import Any

from datasets_app.checking.fault_groups import FaultGroup, fault_groups
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.shapes.template_notes import MARKS, TEMPLATE
from wording import Message


@dataclass(frozen=True, kw_only=True)
class Note:
    """One kind of thing worth saying, with how many rows have it."""

    kind: str
    params: dict[str, object]
    message: Message
    count: int


def notes_of(file: TrainingFile) -> list[Note]:
    """Return a note for each key that nothing reads, then one for each kind of note about rows."""
    return [*unused_of(file), *(_of_rows(group) for group in fault_groups(file) if group.level == "note")]


def unused_of(file: TrainingFile) -> list[Note]:
    """Return a note for each key of the rows that nothing reads."""
    counts = (file.statistics or {}).get("unused") or ()
    return [_note(message("unused_key", name=name, count=count), count) for name, count in counts]


def templates_of(file: TrainingFile) -> list[Note]:
    """Return the notes about another model's chat template in the texts."""
    groups = [group for group in fault_groups(file) if group.kind in (TEMPLATE, MARKS)]
    return [
        replace(note, message=message("in_rows", count=note.count).followed_by(note.message))
        for note in map(_of_rows, groups)
    ]


def _of_rows(group: FaultGroup) -> Note:
    return _note(group.message.followed_by(group.hint), group.count, kind=group.kind, lines=group.lines)


def _note(said: Message, count: int, *, kind: str = "", **params: Any) -> Note:
    return Note(kind=kind or said.code, params={**said.stored()["params"], **params}, message=said, count=count)
