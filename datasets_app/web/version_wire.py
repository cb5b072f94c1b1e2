"""What is made of a file, as the API shows it: repairs, parts and differences."""

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

from datasets_app.models import TrainingFile
from datasets_app.versions.diffs import Difference, DiffRow
from datasets_app.versions.repairs import Change, Outcome, Repair
from datasets_app.web.wire import FileObject, VersionObject, file_json, version_json


class OfferedRepair(TypedDict):
    """A repair, with the kinds of the faults that it mends."""

    name: str
    title: str
    sentence: str
    mends: list[str]


class ChangeObject(TypedDict):
    """One row before and after a repair; `after` is null where it was dropped."""

    line: int
    before: str
    after: str | None
    repairs: list[str]


class RepairObject(TypedDict):
    """What repairs did or would do, and the version that they made; of one that is still being made no counts yet."""

    object: Literal["file.repair"]
    file: FileObject | None
    is_partial: NotRequired[bool]
    """Of a preview: whether only the file's beginning was looked at."""
    num_changed: NotRequired[int]
    num_dropped: NotRequired[int]
    num_rows_after: NotRequired[int]
    num_faults_after: NotRequired[int]
    by_repair: NotRequired[dict[str, int]]
    changes: NotRequired[list[ChangeObject]]


class SplitObject(TypedDict):
    """The parts that were made of a file."""

    object: Literal["file.split"]
    train: NotRequired[VersionObject]
    validation: NotRequired[VersionObject]
    test: NotRequired[VersionObject]


class DiffObject(TypedDict):
    """Rows that only one of two files has."""

    object: Literal["file.diff"]
    file: str
    against: str
    same: int
    added: int
    removed: int
    added_rows: list[DiffRow]
    removed_rows: list[DiffRow]


def offer_json(repair: Repair) -> OfferedRepair:
    """Return a repair that would help."""
    return {
        "name": repair.name,
        "title": str(repair.title),
        "sentence": str(repair.sentence),
        "mends": list(repair.mends),
    }


def repair_json(made: TrainingFile | None, outcome: Outcome | None, *, is_partial: bool | None = None) -> RepairObject:
    """Return what repairs did or would do.

    `made` is None for a preview, which alone has `is_partial`; `outcome` is None while a worker makes the version.
    """
    shown: RepairObject = {"object": "file.repair", "file": file_json(made) if made is not None else None}
    if is_partial is not None:
        shown["is_partial"] = is_partial
    if outcome is not None:
        shown |= {
            "num_changed": outcome.num_changed,
            "num_dropped": outcome.num_dropped,
            "num_rows_after": outcome.num_rows_after,
            "num_faults_after": outcome.num_faults_after,
            "by_repair": outcome.by_repair,
            "changes": [_change_json(change) for change in outcome.changes],
        }
    return shown


def split_json(parts: Mapping[str, TrainingFile]) -> SplitObject:
    """Return the parts that were made of a file, by their names."""
    shown: SplitObject = {"object": "file.split"}
    for name, part in parts.items():
        shown[name] = version_json(part)  # type: ignore[literal-required]
    return shown


def diff_json(found: Difference, *, newer: TrainingFile, older: TrainingFile) -> DiffObject:
    """Return the rows that only one of two files has."""
    return {
        "object": "file.diff",
        "file": newer.pk,
        "against": older.pk,
        "same": found.same,
        "added": found.added,
        "removed": found.removed,
        "added_rows": found.added_rows,
        "removed_rows": found.removed_rows,
    }


def _change_json(change: Change) -> ChangeObject:
    return {"line": change.line, "before": change.before, "after": change.after, "repairs": list(change.repairs)}
