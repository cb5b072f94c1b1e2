"""What can be done with files: create, read, delete."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TypedDict

from django.conf import settings
from django.utils import timezone

from accounts.models import Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError
from datasets_app import hooks
from datasets_app.checking.fault_groups import FaultGroup, all_faults, fault_groups
from datasets_app.formats.refusals import refusal_of
from datasets_app.formats.streams import Readable
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.recipes.making import Acceptance, acceptance_of, recipe_file
from datasets_app.rows.pages import RowPage, RowView, page_of_rows
from datasets_app.rows.reading import read_conversations, read_examples
from datasets_app.storage import new_files, removal, store
from datasets_app.storage.counting import PURPOSES, TRAINING
from datasets_app.storage.node_files import TokensBusy
from datasets_app.storage.spool import Spool
from datasets_app.tokens.caches import Tokens, TokensSummary, ensure_tokens
from datasets_app.tokens.row_view import row_tokens
from datasets_app.tokens.statistics import token_statistics
from datasets_app.versions.appending import append_rows, file_of_rows
from datasets_app.versions.diffs import Difference, difference
from datasets_app.versions.editing import edit_rows
from datasets_app.versions.family import new_version, read_again, versions_of
from datasets_app.versions.mixes import mix_files
from datasets_app.versions.questions import answer_unused, require_answered
from datasets_app.versions.repairing import preview_repairs, repair_file
from datasets_app.versions.splits import split_file

__all__ = [
    "Acceptance",
    "Difference",
    "ExpiresAfter",
    "FaultGroup",
    "RowPage",
    "RowView",
    "Tokens",
    "TokensBusy",
    "TokensSummary",
    "acceptance_of",
    "all_faults",
    "answer_unused",
    "append_rows",
    "create_file",
    "create_result_file",
    "create_version",
    "delete_file",
    "difference",
    "edit_rows",
    "ensure_tokens",
    "fault_groups",
    "file_of_rows",
    "get_file",
    "mix_files",
    "open_file",
    "page_of_rows",
    "preview_repairs",
    "read_again",
    "read_conversations",
    "read_examples",
    "recipe_file",
    "repair_file",
    "require_answered",
    "row_tokens",
    "split_file",
    "store_file",
    "store_version",
    "token_statistics",
    "versions_of",
]

RESULTS = "fine-tune-results"
EXPIRES_IN = (3600, 2_592_000)
"""Seconds, at least and at most."""
LONGEST_NAME = 200


class ExpiresAfter(TypedDict, total=False):
    """OpenAI's `expires_after` as it was sent; `expiry_of` checks it."""

    anchor: str | None
    seconds: int | str | None


def get_file(*, team: Team, file_id: str) -> TrainingFile:
    """Return a file of `team`; NotFound for everybody else's."""
    file = TrainingFile.objects.visible_to(team).filter(pk=file_id).first() if "\0" not in file_id else None
    if file is None:
        raise NotFound(message("no_such_file", file=repr(file_id[:60])), code="file_not_found", param="file_id")
    return file


def create_file(
    *,
    team: Team,
    by: User | None,
    filename: str,
    purpose: str,
    stream: Readable,
    expires_after: ExpiresAfter | None = None,
    left_out: Sequence[str] = (),
) -> TrainingFile:
    """Store all of `stream` as a file to train on and have it checked.

    UserError, with nothing left behind, for an empty or too large stream, another purpose, or a kind of file that
    cannot be read here.
    """
    check_purpose(purpose)
    with Spool.of(stream, limit=settings.MAX_UPLOAD_BYTES) as spool:
        return store_file(
            team=team,
            by=by,
            filename=filename,
            purpose=purpose,
            spool=spool,
            expires_after=expires_after,
            left_out=left_out,
        )


def store_file(
    *,
    team: Team,
    by: User | None,
    filename: str,
    purpose: str,
    spool: Spool,
    expires_after: ExpiresAfter | None = None,
    left_out: Sequence[str] = (),
    reserved: int = 0,
) -> TrainingFile:
    """Make a file of what `spool` has received; as `create_file`.

    `left_out` answers beforehand what the file may ask: keys that nothing reads are left out, with "*" all of them.
    For `reserved` bytes the team has found room before.
    """
    check_purpose(purpose)
    name = readable_name(spool.head, filename)
    file = uploaded(team=team, by=by, name=name, purpose=purpose, expires_after=expires_after, left_out=left_out)
    if purpose != TRAINING:
        file.status = TrainingFile.Status.PROCESSED  # its lines are read by what asks them
    return new_files.save_new(file, spool, reserved=reserved)


def uploaded(
    *,
    team: Team,
    by: User | None,
    name: str,
    purpose: str,
    expires_after: ExpiresAfter | None,
    left_out: Sequence[str] = (),
) -> TrainingFile:
    """Return a newly uploaded file, a data set starting its own family; the caller saves it."""
    if left_out and purpose != TRAINING:
        raise UserError(message("unused_of_no_data_set", purpose=repr(purpose)), code="invalid_value", param="unused")
    expires_at = expiry_of(expires_after)
    file = TrainingFile(team=team, created_by=by, filename=name, purpose=purpose, expires_at=expires_at)
    file.family = file.pk if purpose == TRAINING else ""
    file.made, file.left_out = {"how": "upload"}, list(left_out)
    return file


def create_version(
    *, parent: TrainingFile, by: User | None, filename: str, stream: Readable, reason: str = ""
) -> TrainingFile:
    """Store all of `stream` as `store_version` does."""
    with Spool.of(stream, limit=settings.MAX_UPLOAD_BYTES) as spool:
        return store_version(parent=parent, by=by, filename=filename, spool=spool, reason=reason)


def store_version(
    *,
    parent: TrainingFile,
    by: User | None,
    filename: str,
    spool: Spool,
    reason: str = "",
    left_out: Sequence[str] = (),
) -> TrainingFile:
    """Make what `spool` has received the next version of `parent`'s family; what is refused is as in `create_file`."""
    if parent.purpose != TRAINING:
        raise UserError(
            message("no_data_set", filename=parent.filename),
            param="file_id",
        )
    file = TrainingFile(
        team=parent.team,
        created_by=by,
        filename=readable_name(spool.head, filename),
        purpose=parent.purpose,
        reason=reason.replace("\0", "")[:300],
        left_out=list(left_out),
        made={"how": "upload", "of": parent.pk},
    )
    return new_files.save_new(file, spool, before=lambda: new_version(file, parent=parent))


def readable_name(head: bytes, filename: str) -> str:
    """Return the file's name as it may be stored; UserError for a kind of file, by its first bytes, that cannot be read
    here."""
    name = safe_filename(filename)
    if refusal := refusal_of(head, name):
        raise UserError(refusal.message, code=refusal.code, param="file")
    return name


def create_result_file(
    *,
    team: Team,
    filename: str,
    path: Path,
    by: User | None = None,
    purpose: str = RESULTS,
    before: Callable[[], None] = lambda: None,
) -> TrainingFile:
    """Store a job's result, which needs no check; `before` is called when the bytes are there and the row is not."""
    file = TrainingFile(
        team=team,
        created_by=by,
        filename=safe_filename(filename),
        purpose=purpose,
        status=TrainingFile.Status.PROCESSED,
    )
    with path.open("rb") as stream, Spool.of(stream, limit=path.stat().st_size) as spool:
        return new_files.save_new(file, spool, before=before)


def delete_file(*, file: TrainingFile, by: User | None) -> None:
    """Delete a file and its content; refused by name while a job that is not finished needs it."""
    require_own(by=by, team=file.team, author_id=file.created_by_id)
    removal.remove_file(file, by=by)
    if file.is_being_made and "teacher" in file.made:
        hooks.teachers().give_up(file.made["teacher"])


def open_file(file: TrainingFile) -> IO[bytes]:
    """Open the content for reading."""
    return store.open_content(file)


def check_purpose(purpose: str) -> None:
    """Refuse what this platform does nothing with."""
    if purpose not in PURPOSES:
        raise UserError(
            message("unsupported_purpose", purpose=repr(purpose[:40])),
            param="purpose",
        )


def safe_filename(name: str) -> str:
    """Return the last part of `name` without control characters, cut to a length that every page can show."""
    last = name.replace("\\", "/").rpartition("/")[2].encode("utf-8", "replace").decode()
    kept = "".join(char for char in last if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = kept.strip()
    kept = kept if kept.strip(".") else "data.jsonl"
    if len(kept) <= LONGEST_NAME:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    return kept[:LONGEST_NAME] if not dot or len(suffix) > 10 else f"{stem[: LONGEST_NAME - 11]}.{suffix}"


def expiry_of(policy: ExpiresAfter | None, *, name: str = "expires_after") -> datetime | None:
    """Return when a file made now expires by OpenAI's `expires_after`, here called `name`; UserError for another."""
    if policy is None:
        return None
    anchor, seconds = policy.get("anchor"), policy.get("seconds")
    if anchor != "created_at":
        raise UserError(message("expiry_anchor", name=name), code="invalid_value", param=f"{name}.anchor")
    least, most = EXPIRES_IN
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not least <= seconds <= most:
        raise UserError(
            message("expiry_seconds", name=name),
            code="invalid_value",
            param=f"{name}.seconds",
        )
    return timezone.now() + timedelta(seconds=seconds)
