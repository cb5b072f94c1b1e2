"""Folders in object storage: published file by file with the manifest last, fetched and verified."""

import shutil
import tempfile
from pathlib import Path

from django.core.files import File
from django.core.files.storage import Storage, storages

from rundir import ManifestError, verify_manifest, write_manifest
from rundir.manifest import NAME as MANIFEST


def storage() -> Storage:
    """Return where checkpoints, logs and results are kept (STORAGES["artifacts"])."""
    return storages["artifacts"]


def publish_folder(folder: Path, name: str) -> int:
    """Copy `folder` to `name` in storage and return its bytes; safe to repeat, complete once its manifest is there.

    A folder without a manifest gets one first. Files that storage already has with the same size are not sent again.
    """
    if not (folder / MANIFEST).exists():
        write_manifest(folder)
    total = 0
    for path in sorted(folder.rglob("*"), key=lambda p: (p.name == MANIFEST, p)):
        if path.is_file():
            publish_file(path, f"{name}/{path.relative_to(folder).as_posix()}")
            total += path.stat().st_size
    return total


def publish_file(path: Path, name: str) -> None:
    """Copy one file to `name`, replacing what stands there unless it has the same size and is content-addressed."""
    target = storage()
    if target.exists(name):
        if target.size(name) == path.stat().st_size and path.name != MANIFEST:
            return
        target.delete(name)
    with path.open("rb") as stream:
        target.save(name, File(stream, name=path.name))


def fetch_folder(name: str, folder: Path) -> None:
    """Bring `name` from storage to `folder`, whole and verified or not at all; raise ManifestError when damaged."""
    if (folder / MANIFEST).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for file_name in files_below(name):
            _fetch_file(f"{name}/{file_name}", partial / file_name)
        verify_manifest(partial)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / MANIFEST).exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def folder_exists(name: str) -> bool:
    """True once the folder was published whole."""
    return storage().exists(f"{name}/{MANIFEST}")


def delete_folder(name: str) -> None:
    """Remove every file below `name`, the manifest first so that no half folder looks whole."""
    target = storage()
    for file_name in sorted(files_below(name), key=lambda n: n != MANIFEST):
        target.delete(f"{name}/{file_name}")


def files_below(name: str) -> list[str]:
    """Return the paths of all files below `name`, relative to it."""
    folders, files = _listdir(name)
    found = list(files)
    for folder in folders:
        found += [f"{folder}/{inner}" for inner in files_below(f"{name}/{folder}")]
    return found


def _listdir(name: str) -> tuple[list[str], list[str]]:
    try:
        folders, files = storage().listdir(name)
    except FileNotFoundError:
        return [], []
    return [f for f in folders if f], [f for f in files if f]


def _fetch_file(name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with storage().open(name, "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except FileNotFoundError:
        raise ManifestError(f"{name} is missing from object storage.") from None
