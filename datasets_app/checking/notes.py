"""What a file's check found worth saying, though its rows can be learned from."""

from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import ngettext

from common.spoken import spoken
from datasets_app.checking.fault_groups import FaultGroup, fault_groups
from datasets_app.models import TrainingFile
from datasets_app.shapes.template_notes import MARKS, TEMPLATE


@dataclass(frozen=True, kw_only=True)
class Note:
    """One kind of thing worth saying, with how many rows have it."""

    code: str
    params: dict[str, Any]
    message: str
    count: int


def notes_of(file: TrainingFile) -> list[Note]:
    """Return a note for each key that nothing reads, then one for each kind of note about rows."""
    return [*unused_of(file), *(_of_rows(group) for group in fault_groups(file) if group.level == "note")]


def unused_of(file: TrainingFile) -> list[Note]:
    """Return a note for each key of the rows that nothing reads."""
    found = []
    for name, count in (file.statistics or {}).get("unused") or ():
        message = ngettext(
            "%(name)s is not used: it stands in %(count)s row and is not learned.",
            "%(name)s is not used: it stands in %(count)s rows and is not learned.",
            count,
        ) % {"name": name, "count": f"{count:,}"}
        found.append(Note(code="unused_key", params={"name": name}, message=message, count=count))
    return found


def templates_of(file: TrainingFile) -> list[Note]:
    """Return the notes about another model's chat template in the texts."""
    groups = [group for group in fault_groups(file) if group.code in (TEMPLATE, MARKS)]
    return [replace(_of_rows(group), message=_counted(group)) for group in groups]


def _counted(group: FaultGroup) -> str:
    rows = ngettext("%(count)s row:", "%(count)s rows:", group.count) % {"count": f"{group.count:,}"}
    return f"{rows} {spoken(group.message)} {spoken(group.hint)}"


def _of_rows(group: FaultGroup) -> Note:
    message = f"{spoken(group.message)} {spoken(group.hint)}".strip()
    return Note(code=group.code, params={"lines": group.lines}, message=message, count=group.count)
