"""The question "which column is what?" of a file whose columns say nothing known: names, a proposal, a first look."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from django.utils.translation import gettext as _

from chat.parsing import SYSTEMS
from datasets_app.formats.tables import TEXTS
from datasets_app.models import TrainingFile

QUESTIONS = (
    "question",
    "prompt",
    "instruction",
    "query",
    "ask",
    "text",
    "input",
    "user",
    "frage",
    "问题",
    "提问",
    "输入",
)
ANSWERS = (
    "answer",
    "response",
    "completion",
    "output",
    "reply",
    "target",
    "assistant",
    "antwort",
    "回答",
    "答案",
    "输出",
)
PARTS = ("prompt", "answer", "system")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One part of a conversation, and the column that it comes from."""

    part: str
    """prompt, answer or system."""
    role: str
    label: str
    column: str
    """"" for none."""
    first: str
    """What the first row has there."""


@dataclass(frozen=True, kw_only=True)
class ColumnsQuestion:
    """What a person is asked, and what the first row would be with the columns that are chosen."""

    columns: list[str]
    fields: list[Field]
    may_be_text: bool = False
    """Whether the file is named as a text, which its owner may want read as one."""

    @property
    def is_answered(self) -> bool:
        columns = [field.column for field in self.fields if field.part != "system"]
        return all(columns) and len(set(columns)) == len(columns)

    @property
    def turns(self) -> list[Field]:
        """Return the parts that have a column, in the order of a conversation."""
        chosen = [field for field in self.fields if field.column]
        return sorted(chosen, key=lambda field: ("system", "prompt", "answer").index(field.part))


def question_of(file: TrainingFile, given: Mapping[str, str] | None = None) -> ColumnsQuestion | None:
    """Return what to ask about `file`; None where its columns are known. `given` holds column-prompt and the like."""
    statistics = file.statistics or {}
    sample: dict[str, str] = dict(statistics.get("sample") or [])
    if not sample or file.num_rows or "columns_unknown" not in statistics.get("faults", {}):
        return None
    columns = list(sample)
    chosen = proposal(columns, sample)
    for part in PARTS:
        name = (given or {}).get(f"column-{part}")
        if name is not None:
            chosen[part] = name if name in sample else ""
    labels = {
        "prompt": ("user", _("Column of the question")),
        "answer": ("assistant", _("Column of the answer")),
        "system": ("system", _("Column of the system prompt")),
    }
    fields = [
        Field(part=part, role=role, label=label, column=chosen[part], first=sample.get(chosen[part], ""))
        for part, (role, label) in labels.items()
    ]
    may_be_text = any(suffix in TEXTS for suffix in PurePath(file.filename.lower()).suffixes)
    return ColumnsQuestion(columns=columns, fields=fields, may_be_text=may_be_text)


def proposal(columns: list[str], sample: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that most likely are question, answer and system prompt."""
    answer = _named(columns, ANSWERS)
    prompt = _named([name for name in columns if name != answer], QUESTIONS)
    rest = [name for name in columns if name not in (prompt, answer) and sample[name].strip()]
    prompt = prompt or (rest.pop(0) if rest else "")
    answer = answer or (rest.pop() if rest else "")
    return {"prompt": prompt, "answer": answer, "system": _named(columns, SYSTEMS)}


def _named(columns: list[str], known: tuple[str, ...]) -> str:
    by_name = {name.strip().lower(): name for name in reversed(columns)}
    return next((by_name[name] for name in known if name in by_name), "")
