"""Base models in object storage: published by the machine that downloaded one, fetched from there by every other.

They are stored there under their id and their SHA-256, so that nothing published ever changes.
"""

import errno
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from catalogue.hubs import WANTED
from catalogue.messages import message
from catalogue.models import BaseModel
from catalogue.progress import Progress
from catalogue.proving import prove
from catalogue.room import require_space
from common import artifacts
from common.errors import UserError
from common.storage_errors import AWAY, REFUSED, STORAGE_AWAY, refusal_of
from rundir import ManifestError, sha256_of_file, write_manifest
from rundir.manifest import NAME as MANIFEST
from rundir.manifest import FileFacts

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20


class StorageAway(UserError):
    """Object storage does not answer, or refuses."""

    status = 503


def storage_name(base: BaseModel) -> str:
    return f"models/{base.id}/{base.sha256}"


def is_published(base: BaseModel) -> bool:
    """True when other machines can have `base` from object storage; StorageAway while it does not answer."""
    if not base.sha256 or not _is_shared():
        return False
    with _as_storage_away(base):
        return artifacts.folder_exists(storage_name(base))


def publish(base: BaseModel) -> None:
    """Copy the model from this machine to object storage, unless it is there, or storage is a folder of this home."""
    if not base.path.is_dir() or not _is_shared() or is_published(base):
        return
    prove(base)
    scratch = Path(settings.LUTHIER_HOME) / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="publish-") as name, _as_storage_away(base):
        # A folder that was registered is not ours to write a manifest into.
        draft = Path(name)
        for path in base.path.iterdir():
            if path.is_file() and any(fnmatch(path.name, pattern) for pattern in WANTED):
                (draft / path.name).symlink_to(path.resolve())
        write_manifest(draft)
        artifacts.publish_folder(draft, storage_name(base))
    logger.info("%s lies in object storage", base.id)


def publish_or_log(base: BaseModel) -> None:
    """Publish `base`; failures are logged, since the periodic care tries again."""
    try:
        publish(base)
    except UserError as error:
        logger.warning("%s is not in object storage yet: %s", base.id, error)


def bring_published(base: BaseModel, folder: Path, progress: Progress, *, with_weights: bool = True) -> None:
    """Fetch the published files of `base` to `folder`, each verified by its SHA-256; continues with what is there."""
    name = storage_name(base)
    with _as_storage_away(base):
        with artifacts.storage().open(f"{name}/{MANIFEST}", "rb") as stream:
            files: dict[str, FileFacts] = json.loads(stream.read())["files"]
        wanted = {key: facts for key, facts in files.items() if with_weights or not key.endswith(".safetensors")}
        progress.say("Fetching from object storage")
        progress.begin(sum(facts["bytes"] for facts in wanted.values()))
        for path in folder.iterdir():
            if path.name not in wanted:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        here = sum(path.stat().st_size for path in folder.iterdir())
        require_space(folder, max(0, progress.total - here))
        for file_name, facts in wanted.items():
            if not _is_whole(folder / file_name, facts):
                _copy(f"{name}/{file_name}", folder / file_name, progress)
                _require_whole(base, folder / file_name, facts)
            else:
                progress.add(facts["bytes"])
    progress.tell()
    write_manifest(folder)


def chat_folder(base: BaseModel) -> Path:
    """Return a folder with the tokenizer and chat template of `base`: its own, or one without weights from storage.

    A machine that only reads data and shows pages needs no more. UserError when neither is there.
    """
    if base.path.is_dir():
        return base.path
    folder = Path(settings.LUTHIER_HOME) / "models" / ".chat" / base.sha256
    if (folder / MANIFEST).exists():
        return folder
    if not is_published(base):
        raise not_here(base)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".bringing-"))
    try:
        bring_published(base, draft, Progress(), with_weights=False)
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError:
        if not (folder / MANIFEST).exists():  # another one was first
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def not_here(base: BaseModel) -> UserError:
    return UserError(message("model_not_here", model=base.id), param="model", status=503)


def _is_shared() -> bool:
    """False where object storage is a folder of this home, which no other machine sees."""
    store = artifacts.storage()
    is_local = isinstance(store, FileSystemStorage)
    return not (is_local and Path(store.location).is_relative_to(settings.LUTHIER_HOME))  # type: ignore[attr-defined]


def _copy(name: str, path: Path, progress: Progress) -> None:
    with artifacts.storage().open(name, "rb") as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            target.write(chunk)
            progress.add(len(chunk))


def _is_whole(path: Path, facts: FileFacts) -> bool:
    return path.is_file() and path.stat().st_size == facts["bytes"] and sha256_of_file(path) == facts["sha256"]


def _require_whole(base: BaseModel, path: Path, facts: FileFacts) -> None:
    if not _is_whole(path, facts):
        path.unlink()
        said = message("stored_file_damaged", file=path.name, model=base.id, name=storage_name(base))
        raise UserError(said, code="model_damaged", status=500)


@contextmanager
def _as_storage_away(base: BaseModel) -> Iterator[None]:
    try:
        yield
    except (*STORAGE_AWAY, ManifestError) as error:
        if refusal := refusal_of(error):
            raise UserError(refusal, code=REFUSED, status=503) from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(message("no_room_for_model", model=base.id), code="disk_full", status=507) from error
        reason = error.message if isinstance(error, ManifestError) else str(error)
        raise StorageAway(message("storage_gave_no_model", model=base.id, reason=reason), code=AWAY) from error
